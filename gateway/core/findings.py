"""What is odd about a sensor over hours: for who looks after the branch."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.core.events import Status

WEAK = 15.0  # percent of a battery: weeks are left
MOST_CHANGES = 60  # in an hour: a busy machine has 40 at most
HOUR = 3600.0
PAST_CLOSING = HOUR  # seconds that somebody may still clean
NEVER = 40 * HOUR  # opening hours: three days without a single use


class Finding(StrEnum):
    """Somebody should look at it."""

    BATTERY_WEAK = "battery_weak"
    FLAPPING = "flapping"
    STUCK_OCCUPIED = "stuck_occupied"
    NEVER_OCCUPIED = "never_occupied"


@dataclass(slots=True)
class Past:
    """What a sensor's verdicts were; monotonic seconds."""

    began: float
    status: Status = Status.UNKNOWN
    since: float = 0.0
    used_at: float | None = None
    changes: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_CHANGES))

    def look(self, status: Status, now: float) -> None:
        """Take note of its verdict; to be called each second or so."""
        if status is not self.status:
            self.status, self.since = status, now
            self.changes.append(now)
        if status is Status.OCCUPIED:
            self.used_at = now


def findings(
    past: Past,
    battery: float | None,
    now: float,
    is_open: Callable[[float], bool],
    opening_hours_after: Callable[[float, float], float],
) -> list[Finding]:
    """All that hold `now`; the calls take monotonic seconds.

    `opening_hours_after(at, seconds)`: when that many seconds of opening hours have passed.
    """
    found = []
    if battery is not None and battery <= WEAK:
        found.append(Finding.BATTERY_WEAK)
    if len(past.changes) == MOST_CHANGES and now - past.changes[0] < HOUR:
        found.append(Finding.FLAPPING)
    if _stuck(past, now, is_open):
        found.append(Finding.STUCK_OCCUPIED)
    quiet_since = past.began if past.used_at is None else past.used_at
    long = past.status is Status.FREE and now - quiet_since >= NEVER
    if long and opening_hours_after(quiet_since, NEVER) <= now:
        found.append(Finding.NEVER_OCCUPIED)
    return found


def _stuck(past: Past, now: float, is_open: Callable[[float], bool]) -> bool:
    """Occupied all through the last hour, and the branch was closed then and is now."""
    if past.status is not Status.OCCUPIED or now - past.since < PAST_CLOSING:
        return False
    return not is_open(now) and not is_open(now - PAST_CLOSING)
