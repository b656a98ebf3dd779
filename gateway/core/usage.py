"""What a machine's past says: how full each half hour of the week is, and how long things last.

Both forget: what lies `HALF_LIFE` back counts half. Seconds are epoch seconds.
"""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from math import log

Counts = Sequence[float]

WEEK = 7 * 86_400.0
HALF_LIFE = 5 * WEEK  # a season changes in months, New Year's resolutions in weeks
SLOT = 1800  # seconds
OF_DAY = 86_400 // SLOT
OF_WEEK = 7 * OF_DAY
RESCALED_AT = 2.0**40  # weights grow with time; then all are made smaller again
OVERALL_PRIOR, OVERALL_SHARE = 6 * 3600.0, 0.25  # seconds of observation at this share
DAY_PRIOR = 2 * 3600.0  # seconds: how far a half hour of the day follows the whole
WEEK_PRIOR = 8 * 3600.0  # seconds: how far one of the week follows that of the day


class Week:
    """The share of time in use, by half hour of the week; shrunk towards what is better known."""

    def __init__(self) -> None:
        self.occupied = array("d", bytes(8 * OF_WEEK))
        self.observed = array("d", bytes(8 * OF_WEEK))
        self._days = array("d", bytes(8 * OF_DAY)), array("d", bytes(8 * OF_DAY))
        self._all = array("d", bytes(16))

    def add(self, slot: int, occupied: float, observed: float) -> None:
        """Weighted seconds in a half hour of the week (0: Monday, midnight)."""
        self.occupied[slot] += occupied
        self.observed[slot] += observed
        for sums, seconds in zip(self._days, (occupied, observed), strict=True):
            sums[slot % OF_DAY] += seconds
        self._all[0] += occupied
        self._all[1] += observed

    def share(self, slot: int, weight: float) -> float:
        """How full that half hour usually is, 0…1; `weight` is what a second of now counts."""
        occupied, observed = self._all
        overall = _shrunk(occupied, observed, OVERALL_PRIOR * weight, OVERALL_SHARE)
        of_day = _shrunk(*_around(self._days, slot % OF_DAY), DAY_PRIOR * weight, overall)
        both = self.occupied, self.observed
        return _shrunk(*_around(both, slot), WEEK_PRIOR * weight, of_day)

    def scale(self, factor: float) -> None:
        """Make every weight smaller by the same factor."""
        for sums in (self.occupied, self.observed, *self._days, self._all):
            for number, value in enumerate(sums):
                sums[number] = value * factor


def _around(sums: tuple[Counts, Counts], slot: int) -> tuple[float, float]:
    """A half hour with half of each neighbour: 18:05 is much like 17:55."""
    occupied, observed = sums
    size = len(occupied)
    before, after = (slot - 1) % size, (slot + 1) % size
    return (
        occupied[slot] + (occupied[before] + occupied[after]) / 2,
        observed[slot] + (observed[before] + observed[after]) / 2,
    )


def _shrunk(occupied: float, observed: float, prior: float, towards: float) -> float:
    return (occupied + prior * towards) / (observed + prior)


# --- how long things last -----------------------------------------------------------------------

FIRST, GROWTH, BINS = 60.0, 1.3, 28  # seconds; the last bin begins at 60 s * 1.3^27 = 20 h
EDGES = tuple(FIRST * GROWTH**number for number in range(BINS))


class Durations:
    """How long sessions, or the pauses between them, last: counts in bins that grow by 30 %."""

    def __init__(self) -> None:
        self.counts = array("d", bytes(8 * (BINS + 1)))

    def add(self, seconds: float, weight: float) -> None:
        """One that lasted so long."""
        self.counts[bisect_right(EDGES, seconds)] += weight

    def scale(self, factor: float) -> None:
        """Make every weight smaller by the same factor."""
        for number, value in enumerate(self.counts):
            self.counts[number] = value * factor


def mixed(parts: Sequence[tuple[Counts, float]]) -> list[float]:
    """Counts added up; each part's weight is how many durations it shall count as at most."""
    total = [0.0] * (BINS + 1)
    for counts, most in parts:
        have = sum(counts)
        factor = min(1.0, most / have) if have else 0.0
        for number, value in enumerate(counts):
            total[number] += value * factor
    return total


def lasting(counts: Counts, elapsed: float, more: float) -> float:
    """The probability that what has lasted `elapsed` seconds lasts `more` of them."""
    now = _tail(counts, elapsed)
    return _tail(counts, elapsed + more) / now if now > 0 else 0.5


def until(counts: Counts, elapsed: float, share: float) -> float:
    """In how many seconds that `share` of what has lasted `elapsed` will be over."""
    goal = _tail(counts, elapsed) * (1 - share)
    rest = 0.0
    for number in range(BINS, -1, -1):
        if rest + counts[number] >= goal > rest or number == 0:
            low, high = _bounds(number)
            inside = (goal - rest) / counts[number] if counts[number] else 0.0
            left: float = high * (low / high) ** min(1.0, max(0.0, inside))
            return max(0.0, left - elapsed)
        rest += counts[number]
    return 0.0


def _tail(counts: Counts, seconds: float) -> float:
    """How many lasted longer; within a bin they are spread evenly over the logarithm."""
    place = bisect_right(EDGES, seconds)
    low, high = _bounds(place)
    inside = log(high / max(low, seconds)) / log(high / low)
    return sum(counts[place + 1 :]) + counts[place] * min(1.0, max(0.0, inside))


def _bounds(number: int) -> tuple[float, float]:
    low = EDGES[number - 1] if number else FIRST / 4
    high = EDGES[number] if number < BINS else EDGES[-1] * GROWTH**4
    return low, high
