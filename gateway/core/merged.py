"""Quarter hours out of merged rows: what is shown where a branch had to merge its bins."""

from collections.abc import Iterable

from gateway.core.bins import BIN_SECONDS, Bin
from gateway.core.digests import Row


def quarters(rows: Iterable[Row]) -> list[Bin]:
    """Bins in order; a merged row is spread evenly over those quarters that no finer row has.

    What finer rows of its span say is taken off it first, so that sums stay right.
    """
    shown: dict[int, Bin] = {}
    for row in sorted(rows, key=lambda row: row.seconds):
        starts = range(row.start, row.start + row.seconds, BIN_SECONDS)
        missing = [start for start in starts if start not in shown]
        known = [shown[start] for start in starts if start in shown]
        shown.update((one.start, one) for one in _spread(row, missing, known))
    return [shown[start] for start in sorted(shown)]


def _spread(row: Row, missing: list[int], known: list[Bin]) -> Iterable[Bin]:
    if not missing:
        return
    observed = max(0.0, row.observed / 10 - sum(one.observed for one in known)) / len(missing)
    occupied = max(0.0, row.occupied / 10 - sum(one.occupied for one in known)) / len(missing)
    observed = min(observed, float(BIN_SECONDS))
    sessions = max(0, row.sessions - sum(one.sessions for one in known))
    each, more = divmod(sessions, len(missing))
    for number, start in enumerate(missing):
        many = each + (number < more)
        yield Bin(row.machine, start, min(occupied, observed), observed, many, row.revision)
