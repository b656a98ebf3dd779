"""Nights: when their work is due, and by which date what is old is deleted."""

from dataclasses import dataclass
from math import inf

DAY = 86400.0
WORTH = 20 * 3600.0  # seconds: with less since the last one, a night's work is not due
MOST_AT_ONCE = 2 * DAY  # seconds: a date that goes on faster is a clock that leaps, or a long stop


@dataclass(frozen=True, slots=True)
class Night:
    """One that was begun."""

    wall: float
    """By the clock of then (epoch seconds)."""
    date: float
    """What is old is so by this date (epoch seconds).

    It goes on by two days a night at most: a clock that is years ahead for a night, or a month,
    deletes nothing that a right one would have kept for long; after a stop it catches up.
    """

    def next(self, wall: float) -> "Night | None":
        """The one that begins now; None: this one is not over."""
        if 0 <= wall - self.wall < WORTH:
            return None
        return Night(wall, min(wall, self.date + MOST_AT_ONCE))


NEVER = Night(-inf, inf)
