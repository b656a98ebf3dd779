"""What all branches of a made-up chain share: their clock, what they are to send, what was sent."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Protocol

from gateway.core.clock import Clock
from gateway.core.digests import DAY, HOUR
from gateway.fleet.figures import QUARTER

AHEAD = 7 * DAY  # seconds: a play without an end begins so far back, and goes on in real time
# once it has caught up: no bin may lie in the hub's future


class Send(Protocol):
    """Publish with QoS 1."""

    def __call__(self, topic: str, payload: bytes, *, retain: bool = False) -> Awaitable[None]:
        """Return once it is acknowledged. Raises ConnectionError: the connection ended first."""


class Pace:
    """The time in which the branches live: `speed` times as fast as ours, and never ahead of it."""

    def __init__(self, clock: Clock, speed: float, seconds: float | None) -> None:
        """`seconds`: how long the play lasts; at its end both times are the same."""
        self._clock = clock
        self._began = clock.monotonic()
        ahead = AHEAD if seconds is None else max(0.0, seconds * (speed - 1))
        self.speed = speed
        self.begin = clock.wall() - ahead
        """Epoch seconds."""
        self.wall = clock.wall

    def now(self) -> float:
        """Epoch seconds."""
        return min(self.begin + self.played() * self.speed, self._clock.wall())

    def played(self) -> float:
        """Real seconds since it began."""
        return self._clock.monotonic() - self._began

    async def until(self, at: float) -> None:
        """Sleep until that moment (epoch seconds, theirs)."""
        by_speed = (at - self.begin) / self.speed - self.played()
        await asyncio.sleep(max(by_speed, at - self._clock.wall(), 0.0))

    def ours(self, at: float) -> float:
        """When that moment of theirs, which is over, was for us (epoch seconds)."""
        return self._clock.wall() - (self.now() - at) / self.speed


@dataclass(frozen=True, slots=True)
class Plan:
    """What is played; `first` and `end` in epoch seconds of the branches' time."""

    seed: int
    machines: tuple[str, ...]
    first: int
    """Start of the first bin, a full hour."""
    end: int | None
    """No bin from there on; None: as long as time passes."""

    @classmethod
    def of(
        cls, pace: Pace, seed: int, machines: tuple[str, ...], days: float, seconds: float | None
    ) -> "Plan":
        """`days` of arrears; `seconds` of play, None: endless."""
        first = int(pace.begin - days * DAY) // HOUR * HOUR
        end = None
        if seconds is not None:
            end = int(pace.begin + seconds * pace.speed) // QUARTER * QUARTER
        return cls(seed, machines, first, end)


@dataclass(slots=True)
class Tally:
    """What the broker has acknowledged, of all branches together."""

    messages: Counter[str] = field(default_factory=Counter)
    """By the topic's last word: branch, summary, bins, digest, gateway."""
    bins: int = 0
    """Rows, those included that were sent once more."""
    requests: int = 0
    refused: int = 0
    """Requests that could not be read, or came too soon."""
    current_after: float | None = None
    """Real seconds until no branch was in arrears any more; None: some are."""
    bins_until_then: int = 0
    """Rows that were acknowledged by then."""

    @property
    def total(self) -> int:
        """Messages of all kinds."""
        return self.messages.total()
