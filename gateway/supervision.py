"""Parts that run for ever: a fault restarts one of them, a part that keeps dying ends us."""

import asyncio
import logging
import os
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before a part is started again, doubling
MOST_DEATHS = 10  # of one part within TOO_OFTEN: then systemd starts us afresh
TOO_OFTEN = 600.0  # seconds

log = logging.getLogger(__name__)


class Supervisor:
    """Keeps parts running and tells which of them are not."""

    def __init__(self) -> None:
        self.faults: dict[str, str] = {}
        """Part → why it is being started again."""

    async def keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run a part for ever; raises its error once it died too often."""
        deaths: deque[float] = deque(maxlen=MOST_DEATHS)
        while True:
            began = time.monotonic()
            self.faults.pop(name, None)
            try:
                await run()
            except Exception as error:
                log.exception("%s failed; it is started again", name)
                self.faults[name] = f"{type(error).__name__}: {error}"
                deaths.append(time.monotonic())
                if len(deaths) == MOST_DEATHS and deaths[-1] - deaths[0] < TOO_OFTEN:
                    raise
            await asyncio.sleep(_pause(deaths, time.monotonic() - began))


def _pause(deaths: deque[float], lasted: float) -> float:
    """Longer with each death, short again for a part that had lasted."""
    if lasted > LONGEST_PAUSE:
        deaths.clear()
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** max(0, len(deaths) - 1))


class Systemd:
    """Tells systemd how we are (sd_notify); does nothing where there is none."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        microseconds = os.environ.get("WATCHDOG_USEC", "0")
        self.watchdog = int(microseconds) / 1e6 if microseconds.isdigit() else 0.0
        """Seconds within which it wants a sign of life; 0: none."""

    def tell(self, message: str) -> None:
        """Send one message, such as `READY=1`."""
        if not self._address:
            return
        name = self._address.replace("@", "\0", 1)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.settimeout(0)
            try:
                sender.sendto(message.encode(), name)
            except OSError as error:
                log.warning("systemd cannot be told %s: %s", message, error)

    async def feed(self, all_moved: Callable[[float], Awaitable[bool]]) -> None:
        """Feed the watchdog at half its time, as long as every part has moved within it."""
        if not self.watchdog:
            return
        while True:
            await asyncio.sleep(self.watchdog / 2)
            if await all_moved(self.watchdog):
                self.tell("WATCHDOG=1")
