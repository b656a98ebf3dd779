"""`gateway run` under clocks that run faster: a month passes in a quarter of an hour.

    python -m tests.lapse run --config gateway.toml

`LAPSE` has speed, and the moment (monotonic seconds) and wall time (epoch seconds) at which it
began, so that a gateway that is started again goes on where it was. The file that `LAPSE_STEP`
names says by how many seconds the wall clock has been set since, and from which moment on time
passes as it does. What hears the network keeps the real clock: a
keep-alive is no faster for it; what it heard is dated as it enters the inbox.
"""

import dataclasses
import math
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

from gateway import app, clock
from gateway.cli import main
from gateway.inbox import Inbox, Item, Swap

LOOKS = 0.1  # real seconds between two looks at the file
_real, _put = time.monotonic, Inbox.put


class Lapse:
    """Time, faster."""

    def __init__(self, told: str, steps: Path) -> None:
        """`told`: "2880 12345.6 1700000000"."""
        self.speed, self.began, self.wall_began = map(float, told.split())
        self._steps = steps
        self._read_at, self._step, self._calm = -math.inf, 0.0, math.inf

    def monotonic(self, at: float | None = None) -> float:
        """Now, or that real moment."""
        real = _real() if at is None else at
        self._look(real)
        fast = min(real, self._calm) - self.began
        return self.began + fast * self.speed + max(0.0, real - self._calm)

    def time(self) -> float:
        """Epoch seconds as this machine's clock has them."""
        return self.wall_began + self.monotonic() - self.began + self._step

    def _look(self, real: float) -> None:
        if real - self._read_at > LOOKS:
            self._read_at = real
            with suppress(OSError, ValueError):
                step, calm = map(float, self._steps.read_text().split())
                self._step, self._calm = step, calm

    def dated(self, item: Item) -> Item:
        """What entered with the real time, in ours; ours is far ahead of it."""
        if isinstance(item, Swap) or item.at > _real() + 1:
            return item
        return dataclasses.replace(item, at=self.monotonic(item.at))


def lapse(told: Lapse) -> None:
    """In this process, from now on."""

    def put(inbox: Inbox, item: Item) -> bool:
        return _put(inbox, told.dated(item))

    setattr(clock, "time", SimpleNamespace(time=told.time, monotonic=told.monotonic))  # noqa: B010
    setattr(clock.SystemClock, "monotonic", staticmethod(told.monotonic))  # noqa: B010
    setattr(Inbox, "put", put)  # noqa: B010
    setattr(app, "STUCK_AFTER", math.inf)  # noqa: B010  the writer's clock is the real one


if __name__ == "__main__":
    lapse(Lapse(os.environ["LAPSE"], Path(os.environ["LAPSE_STEP"])))
    sys.exit(main())
