"""Quiet hours: when a member's phone stays silent, in the branch's own zone."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from config.sections import DAYS, Day

MINUTES = 1440  # of a day
EVERY_DAY = frozenset(range(7))
_TIME = re.compile(r"(\d{1,2}):([0-5]\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to `end` (minutes from local midnight); a span belongs to the day it begins on.

    An end before the start is of the next day; an end at the start means none at all; from 0 to
    1440 is the whole day.
    """

    start: int
    end: int
    days: frozenset[int] = EVERY_DAY
    """Monday 0."""

    def cover(self, wall: float, zone: tzinfo) -> bool:
        """Whether that moment (epoch seconds) is quiet; each has one local time, also in autumn."""
        local = datetime.fromtimestamp(wall, zone)
        minute, today = local.hour * 60 + local.minute, local.weekday()
        if self.start <= self.end:
            return self.start <= minute < self.end and today in self.days
        began_today = minute >= self.start and today in self.days
        return began_today or (minute < self.end and (today - 1) % 7 in self.days)


def quiet_hours(start: int | str, end: int | str, days: Iterable[Day] | None = None) -> QuietHours:
    """From hours (`22`) or times (`"22:30"`). Raises ValueError that says what is wrong."""
    chosen = EVERY_DAY if days is None else frozenset(map(DAYS.index, days))
    begins, ends = minutes_of(start), minutes_of(end)
    whole = (begins, ends) == (0, MINUTES)
    return QuietHours(begins % MINUTES, MINUTES if whole else ends % MINUTES, chosen)


def minutes_of(time: int | str) -> int:
    """Minutes from midnight, 24:00 included. Raises ValueError."""
    found = _TIME.fullmatch(f"{time}:00" if isinstance(time, int) else time)
    minutes = int(found[1]) * 60 + int(found[2]) if found else MINUTES + 1
    if minutes > MINUTES:
        raise ValueError(f'{time!r} is no time of day; write 22 or "22:30"')
    return minutes


def text_of(minutes: int) -> str:
    """`"22:30"`."""
    return f"{minutes // 60:02}:{minutes % 60:02}"
