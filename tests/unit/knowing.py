"""One machine, what it is told, and what it says of itself: for the tests of "knowing"."""

from collections.abc import Callable
from typing import TypedDict, Unpack

from gateway.core.events import Cause, Change, Status
from gateway.core.machine import Machine
from gateway.core.occupancy import Rule, Word

FREE, OCCUPIED, UNKNOWN = Status.FREE, Status.OCCUPIED, Status.UNKNOWN
OBSERVED, RESTORED, LATE = Cause.OBSERVED, Cause.RESTORED, Cause.LATE
SILENT, OFFLINE, PORT_DOWN, START = (
    Cause.SILENT,
    Cause.SENSOR_OFFLINE,
    Cause.PORT_DOWN,
    Cause.START,
)
CONTACT = Rule(busy_after=5, free_after=90, stale_after=300, repeats_every=None)
RADAR = Rule(busy_after=5, free_after=90, stale_after=300, repeats_every=1)
QUICK = Rule(busy_after=0, free_after=0, stale_after=300, repeats_every=None)
QUICK_RADAR = Rule(busy_after=0, free_after=0, stale_after=300, repeats_every=1)

Told = tuple[Status, Cause, float]


class How(TypedDict, total=False):
    """How a word came, if not live and just now."""

    at: float
    live: bool
    seq: int


class Story:
    """A machine from its start at 0 on; every method returns the story, so that it reads on."""

    def __init__(
        self, *rules: Rule, combine: str = "any", hold: Callable[[float], float] | None = None
    ) -> None:
        names = [f"s{number}" for number in range(len(rules))]
        self.machine = Machine("m", dict(zip(names, rules, strict=True)), combine, hold)
        self.changes: list[Change] = self.machine.start(0)

    @property
    def told(self) -> list[Told]:
        """(status, cause, since when) of every change, the first unknown aside."""
        return [(c.status, c.cause, c.at) for c in self.changes[1:]]

    @property
    def last(self) -> Told:
        """(status, cause, since when) of now."""
        verdict = self.machine.verdict
        return verdict.status, verdict.cause, verdict.at

    @property
    def status(self) -> Status:
        return self.machine.verdict.status

    def on(self, now: float, sensor: int = 0, **how: Unpack[How]) -> "Story":
        return self._word(now, sensor, active=True, **how)

    def off(self, now: float, sensor: int = 0, **how: Unpack[How]) -> "Story":
        return self._word(now, sensor, active=False, **how)

    def every_second(self, begin: int, end: int, *, active: bool, sensor: int = 0) -> "Story":
        """Words of a healthy radar at `begin`, `begin` + 1 … `end`."""
        for now in range(begin, end + 1):
            self._word(now, sensor, active=active)
        return self

    def tick(self, now: float) -> "Story":
        return self._add(self.machine.tick(now))

    def lost(self, now: float, sensor: int = 0) -> "Story":
        return self._add(self.machine.lost(f"s{sensor}", now))

    def back(self, now: float, sensor: int = 0) -> "Story":
        return self._add(self.machine.back(f"s{sensor}", now))

    def online(self, now: float, sensor: int = 0) -> "Story":
        return self._add(self.machine.availability(f"s{sensor}", now, online=True))

    def offline(self, now: float, sensor: int = 0) -> "Story":
        return self._add(self.machine.availability(f"s{sensor}", now, online=False))

    def _word(
        self,
        now: float,
        sensor: int,
        *,
        active: bool,
        at: float | None = None,
        live: bool = True,
        seq: int | None = None,
    ) -> "Story":
        word = Word(active, now if at is None else at, live, seq)
        return self._add(self.machine.hear(f"s{sensor}", word, now))

    def _add(self, changes: list[Change]) -> "Story":
        self.changes += changes
        return self
