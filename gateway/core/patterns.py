"""The usual week of a machine, from its bins."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from operator import add

SLOTS = 96  # quarter hours of a day
HOURS_NAMED = 3  # how many busiest and quietest moments are named, at most
AROUND = tuple(slots for slots in range(-7, 8) if slots)  # the two hours around a peak are its own

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
    known = {slot: ratio for slot, ratio in enumerate(day) if ratio is not None and within(slot)}
    return _named({slot: -ratio for slot, ratio in known.items()}), _named(known)


def _named(costs: Mapping[int, float]) -> tuple[str, ...]:
    """The lowest slots, each the lowest of the hours around it; of equal ones the earliest."""
    ranked = sorted(costs, key=lambda slot: (costs[slot], slot))
    ranks = {slot: rank for rank, slot in enumerate(ranked)}

    def stands_out(slot: int) -> bool:
        return all(ranks.get((slot + by) % SLOTS, SLOTS) > ranks[slot] for by in AROUND)

    named = islice(filter(stands_out, ranked), HOURS_NAMED)
    return tuple(f"{slot // 4:02d}:{slot % 4 * 15:02d}" for slot in named)
