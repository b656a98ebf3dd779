"""A branch of one machine and its bins, in short."""

from gateway.core.bins import Bin, Bins

WALL = 1_800_000_000  # a quarter hour begins here, at 0 of the monotonic clock
GRACE = 150.0  # free_after 90 s + 60 s


def branch(*, began: float = 0, next_start: int | None = WALL) -> Bins:
    return Bins({"m": 300}, GRACE, began, next_start)


def numbers(bins: list[Bin]) -> list[tuple[int, float, float, int, int]]:
    """(which quarter hour, occupied, observed, sessions, revision)."""
    return [((b.start - WALL) // 900, b.occupied, b.observed, b.sessions, b.revision) for b in bins]
