"""Opening hours in the branch's own zone, right on days that have 23 or 25 hours."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from config.sections import DAYS, Day

MAX_DAYS = 400  # days looked ahead: a branch that is closed for longer never opens


class Opening:
    """When a branch is open; without a table always."""

    def __init__(
        self, hours: Mapping[Day, str] | None, holidays: tuple[str, ...], timezone: str
    ) -> None:
        """`hours`: day → "06:00-23:00", over midnight allowed; a missing day is closed."""
        self._zone = ZoneInfo(timezone)
        self.change(hours, holidays)

    def change(self, hours: Mapping[Day, str] | None, holidays: tuple[str, ...]) -> None:
        """Other hours from now on, as at the beginning."""
        self._always = hours is None
        self._hours = {DAYS.index(day): _span(text) for day, text in (hours or {}).items()}
        self._holidays = frozenset(map(date.fromisoformat, holidays))

    def is_open(self, wall: float) -> bool:
        """Whether the branch is open at that moment (epoch seconds)."""
        if self._always:
            return True
        return any(start <= wall < end for start, end in self._from(wall, days=2))

    def closes_at(self, wall: float) -> float | None:
        """When it closes next (epoch seconds); None: it is closed, or never closes."""
        if self._always:
            return None
        return next((end for start, end in self._from(wall, days=2) if start <= wall < end), None)

    def local_day(self, wall: float) -> int:
        """The weekday there, Monday 0."""
        return datetime.fromtimestamp(wall, self._zone).weekday()

    def quarter_open(self, wall: float) -> Callable[[int], bool]:
        """Whether a quarter hour (0…95) of that local day is within its opening hours."""
        midnight = datetime.combine(datetime.fromtimestamp(wall, self._zone).date(), time())

        def is_open(slot: int) -> bool:
            local = (midnight + timedelta(minutes=15 * slot)).replace(tzinfo=self._zone)
            return self.is_open(local.timestamp())

        return is_open

    def after_open_seconds(self, wall: float, seconds: float) -> float:
        """The moment at which the branch has been open for `seconds` since `wall`."""
        if self._always:
            return wall + seconds
        left = seconds
        for start, end in self._from(wall, MAX_DAYS):
            lasts = end - max(start, wall)
            if lasts >= left:
                return max(start, wall) + left
            left -= max(0.0, lasts)
        return wall + MAX_DAYS * 86400.0

    def _from(self, wall: float, days: int) -> Iterator[tuple[float, float]]:
        """The spans (epoch seconds) of the day before that moment and the days from it on."""
        today = datetime.fromtimestamp(wall, self._zone).date()
        for number in range(-1, days):
            day = today + timedelta(days=number)
            span = self._hours.get(day.weekday())
            if span and day not in self._holidays:
                yield self._moment(day, span[0]), self._moment(day, span[1])

    def _moment(self, day: date, minutes: int) -> float:
        midnight = datetime.combine(day + timedelta(days=minutes // 1440), time(), self._zone)
        local = midnight + timedelta(minutes=minutes % 1440)
        return local.astimezone(UTC).timestamp()


def _span(text: str) -> tuple[int, int]:
    """Minutes from midnight; an end at or before the start is of the next day."""
    start, end = (_minutes(part) for part in text.split("-"))
    return start, end if end > start else end + 1440


def _minutes(text: str) -> int:
    hours, minutes = map(int, text.strip().split(":"))
    if not (0 <= minutes < 60 and 0 <= hours * 60 + minutes <= 1440):  # noqa: PLR2004  of an hour, a day
        raise ValueError(f"{text[:32]!r} is no time of day")
    return hours * 60 + minutes
