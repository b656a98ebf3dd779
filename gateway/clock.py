"""Two clocks, one conversion: monotonic inside, wall time attached on the way into the store."""

import ctypes
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from gateway.core.clock import Clock
from gateway.core.events import Change, DatedChange

ASSUMED_AFTER = 600.0  # seconds without any source of time, then a plausible clock is assumed
BUILT = 1_790_000_000.0  # 2026-09-21: no clock that is earlier than this release can be right
RTC_NEAR = 2.0  # seconds: it counts whole ones
TIME_ERROR = 5  # adjtimex: the kernel's clock is not synchronised
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
RTC = Path("/sys/class/rtc/rtc0")


class SystemClock:
    """The machine's clocks, and whether their wall time can be believed."""

    def __init__(
        self,
        *,
        trusted: bool = False,
        newest_stored: float = 0.0,
        source: Callable[[], bool] | None = None,
    ) -> None:
        """`newest_stored` (epoch seconds): a clock that is earlier is not assumed to be right."""
        self._began = time.monotonic()
        self._newest_stored = newest_stored
        self._source = source or ((lambda: True) if trusted else kernel_says_so)
        self.offset = time.time() - time.monotonic()
        self.stepped = 0.0
        """Seconds by which the wall clock was put right until it could be believed."""
        self.assumed = False
        self.synchronised = self._source()

    monotonic = staticmethod(time.monotonic)

    def wall(self) -> float:
        """Epoch seconds by the newest look at the wall clock."""
        return time.monotonic() + self.offset

    def look(self) -> bool:
        """Compare the clocks again; True when time has just become known."""
        offset = time.time() - time.monotonic()
        knew = self.synchronised and not self.assumed
        if not knew:
            self.stepped += offset - self.offset
            self._judge()
        self.offset = offset
        return self.synchronised and not self.assumed and not knew

    def _judge(self) -> None:
        known = self._source()
        waited = time.monotonic() - self._began >= ASSUMED_AFTER
        self.assumed = not known and waited and self._plausible()
        self.synchronised = known or self.assumed

    def _plausible(self) -> bool:
        return time.time() >= max(BUILT, self._newest_stored)


def dated(changes: Iterable[Change], clock: Clock) -> list[DatedChange]:
    """Attach wall time to changes that are about to be recorded."""
    now, offset = clock.monotonic(), clock.offset
    synchronised = clock.synchronised and not clock.assumed
    return [DatedChange(c, now + offset, c.at + offset, now, synchronised) for c in changes]


def kernel_says_so() -> bool:
    """Whether the kernel's clock is disciplined, or was set from a real-time clock at boot."""
    return _adjtimex() not in {-1, TIME_ERROR} or _rtc_agrees()


def boot_id() -> str:
    """The kernel's name for this boot; "" where it has none."""
    return BOOT_ID.read_text().strip() if BOOT_ID.exists() else ""


def _adjtimex() -> int:
    """The state of the kernel's clock; modes = 0 only reads."""
    room = (ctypes.c_long * 64)()  # struct timex is 208 bytes on 64-bit, 128 on 32-bit
    state: int = ctypes.CDLL(None).adjtimex(room)
    return state


def _rtc_agrees() -> bool:
    try:
        set_at_boot = (RTC / "hctosys").read_text().strip() == "1"
        seconds = float((RTC / "since_epoch").read_text())
    except (OSError, ValueError):
        return False
    return set_at_boot and seconds >= BUILT and abs(seconds - time.time()) < RTC_NEAR
