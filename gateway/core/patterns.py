"""The usual week of a machine, from its bins."""

from collections.abc import Callable, Iterable, Sequence
from operator import add

SLOTS = 96  # quarter hours of a day
HOURS_NAMED = 3  # how many busiest and quietest moments are named
APART = 8  # slots: the quarter hours beside a peak are the same peak, and help nobody to choose

Ratio = float | None


class Week:
    """Sums of occupied and observed time by local weekday and quarter hour."""

    def __init__(self) -> None:
        self._occupied = [[0.0] * SLOTS for _ in range(7)]
        self._observed = [[0.0] * SLOTS for _ in range(7)]

    def add(self, weekday: int, slot: int, occupied: float, observed: float) -> None:
        """Count one quarter hour."""
        self._occupied[weekday][slot] += occupied
        self._observed[weekday][slot] += observed

    def add_day(
        self, weekday: int, slot: int, occupied: Sequence[float], observed: Sequence[float]
    ) -> None:
        """Count 96 quarter hours in a row, the first one at `weekday`, `slot`."""
        split = SLOTS - slot
        for day, at, part in (
            (weekday, slot, slice(0, split)),
            ((weekday + 1) % 7, 0, slice(split, SLOTS)),
        ):
            for sums, values in ((self._occupied, occupied), (self._observed, observed)):
                row, added = sums[day], values[part]
                row[at : at + len(added)] = map(add, row[at:], added)

    def ratios(self) -> tuple[tuple[Ratio, ...], ...]:
        """[weekday][slot] → occupied over observed time, None where nothing was observed."""
        return tuple(
            tuple(round(busy / seen, 3) if seen else None for busy, seen in zip(*pair, strict=True))
            for pair in zip(self._occupied, self._observed, strict=True)
        )


def mean(weeks: Iterable[Sequence[Sequence[Ratio]]]) -> tuple[tuple[Ratio, ...], ...]:
    """The week of several machines together: each counts the same where it was observed."""
    days: list[list[list[float]]] = [[[] for _ in range(SLOTS)] for _ in range(7)]
    for week in weeks:
        for cells, ratios in zip(days, week, strict=True):
            for cell, ratio in zip(cells, ratios, strict=True):
                if ratio is not None:
                    cell.append(ratio)
    return tuple(
        tuple(round(sum(cell) / len(cell), 3) if cell else None for cell in cells) for cells in days
    )


def busiest(
    day: Sequence[Ratio], within: Callable[[int], bool]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(busiest, quietest) moments of one weekday as "18:00", best first.

    Only slots for which `within(slot)` holds count: a closed gym is not quiet.
    """
    known = [(ratio, slot) for slot, ratio in enumerate(day) if ratio is not None and within(slot)]
    quiet = [slot for _, slot in sorted(known)]
    busy = [slot for _, slot in sorted(known, key=lambda pair: (-pair[0], pair[1]))]
    return _named(busy), _named(quiet)


def _named(slots: Iterable[int]) -> tuple[str, ...]:
    """The first ones that lie apart."""
    named: list[int] = []
    for slot in slots:
        if len(named) < HOURS_NAMED and all(abs(slot - one) >= APART for one in named):
            named.append(slot)
    return tuple(f"{slot // 4:02d}:{slot % 4 * 15:02d}" for slot in named)
