"""Recorded data through decoder and detector, by the file's own clock."""

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import TypedDict

from gateway.cli.recording import Piece
from gateway.core.events import Cause, Change, Status
from gateway.core.machine import Machine
from gateway.core.occupancy import Rule, Word
from sensors.calibration import Calibration, Verdicts
from sensors.decoder import Decoder
from sensors.sample import Availability, Channel, Sample, Saying

STEP = 1.0  # seconds from one line to the next where it tells no time
SENSOR = "sensor"


class Told(TypedDict):
    """A change of a channel's status, by the file's own clock."""

    line: int
    at: float
    """When the rules said so."""
    status: Status
    cause: Cause
    lastChange: float
    """Since when it is so."""
    channel: Channel


class Differing(TypedDict):
    """From `at` on, by the file's own clock, a channel is this now, and that then."""

    line: int
    at: float
    now: Status
    then: Status
    channel: Channel


Inside = list[tuple[float, Told]]
"""Each with the moment by our own clock, which never steps back."""


class Rerun:
    """Each channel is a machine of its own; inside time never steps back."""

    def __init__(
        self, make: Callable[[], Decoder], rule: Rule, calibration: Calibration | None = None
    ) -> None:
        """`calibration`: by which levels are judged; None: the sensor's own word counts."""
        self._make = make
        self._calibration = calibration
        self._verdicts: dict[Channel, Verdicts] = {}
        self._rule = rule
        self._decoder = make()
        self._machines: dict[Channel, Machine] = {}
        self._own: float | None = None
        self._shift = 0.0  # inside time minus the file's own

    def take(self, piece: Piece) -> list[Told]:
        """The changes that this line led to, those that fell due before it first."""
        return [told for _, told in self.timed(piece)]

    def timed(self, piece: Piece) -> Inside:
        """The same, for who puts two of us side by side."""
        told = self._move_to(piece)
        now = (self._own or 0.0) + self._shift
        for channel, machine in self._machines.items():
            told += self._tell(piece, channel, machine.tick(now))
        for saying in self._decoder.feed(piece.data, piece.topic):
            for channel in self._addressed(saying):
                told += self._tell(piece, channel, self._hear(channel, saying, now))
        return told

    def _move_to(self, piece: Piece) -> Inside:
        """Advance to the line's time; a step back is a restart of the sensor."""
        before = self._own
        after = 0.0 if before is None else before + STEP
        self._own = piece.at if piece.at is not None else after
        if before is None or self._own >= before:
            return []
        now = after + self._shift
        told: Inside = []
        for channel, machine in self._machines.items():
            told += self._tell(piece, channel, machine.tick(now))
        self._shift = now - self._own
        self._decoder = self._make()
        return told

    def _addressed(self, saying: Saying) -> Iterable[Channel]:
        if saying.channel is None:
            return list(self._machines) or [0]
        return [saying.channel]

    def _hear(self, channel: Channel, saying: Saying, now: float) -> list[Change]:
        changes: list[Change] = []
        machine = self._machines.get(channel)
        if machine is None:
            machine = self._machines[channel] = Machine(str(channel), {SENSOR: self._rule})
            changes += machine.start(now)
        if isinstance(saying, Availability):
            if saying.online and saying.bridge:
                return changes
            itself = not saying.bridge
            return changes + machine.availability(SENSOR, now, online=saying.online, itself=itself)
        active = self._active(channel, saying, now)
        if active is None:
            return changes
        return changes + machine.hear(SENSOR, Word(active, now, seq=saying.seq), now)

    def _active(self, channel: Channel, sample: Sample, now: float) -> bool | None:
        if self._calibration is None:
            return sample.active
        verdicts = self._verdicts.setdefault(channel, Verdicts(self._calibration))
        return verdicts.judge(now, sample.levels)[0]

    def _tell(self, piece: Piece, channel: Channel, changes: Iterable[Change]) -> Inside:
        return [(change.decided, self._told(piece, channel, change)) for change in changes]

    def _told(self, piece: Piece, channel: Channel, change: Change) -> Told:
        return {
            "line": piece.line,
            "at": round(change.decided - self._shift, 3),
            "status": change.status,
            "cause": change.cause,
            "lastChange": round(change.at - self._shift, 3),
            "channel": channel,
        }


class Versus:
    """The same lines under two calibrations: where their statuses differ, or agree again."""

    def __init__(self, now: Rerun, then: Rerun) -> None:
        """They judge by the same rule."""
        self._reruns = (now, then)
        self._said: dict[Channel, tuple[Status, Status]] = {}

    def take(self, piece: Piece) -> list[Differing]:
        """What this line led to."""
        told = [
            (at, side, row)
            for side, rerun in enumerate(self._reruns)
            for at, row in rerun.timed(piece)
        ]
        told.sort(
            key=lambda one: (one[0], str(one[2]["channel"]))
        )  # stable: a side keeps its order
        return [
            found
            for _, group in groupby(told, lambda one: (one[0], one[2]["channel"]))
            if (found := self._compare([(side, row) for _, side, row in group])) is not None
        ]

    def _compare(self, told: list[tuple[int, Told]]) -> Differing | None:
        """After what one moment brought to one channel."""
        row = told[-1][1]
        before = self._said.get(row["channel"], (Status.UNKNOWN, Status.UNKNOWN))
        pair = list(before)
        for side, one in told:
            pair[side] = one["status"]
        now, then = self._said[row["channel"]] = (pair[0], pair[1])
        if (now, then) == before or (now is then and before[0] is before[1]):
            return None
        return {
            "line": row["line"],
            "at": row["at"],
            "now": now,
            "then": then,
            "channel": row["channel"],
        }
