"""What was heard, judged: from the inbox's items to changes that are to be recorded."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from gateway.core.clock import Clock
from gateway.core.events import Change
from gateway.core.findings import Past
from gateway.core.machine import Machine
from gateway.core.occupancy import Detector, Held, Word
from gateway.core.stamp import TOO_OLD, stamp
from gateway.inbox import Delivery, Item, PortBack, PortLost, Service, Swap
from sensors.calibration import Verdicts
from sensors.sample import Availability, Sample

TICK = 0.5  # seconds: how exactly a lasting trend becomes a status; words are judged at once


@dataclass(slots=True)
class Batch:
    """What one round led to; it is committed as one transaction."""

    changes: list[Change] = field(default_factory=list)
    held: dict[str, Held] = field(default_factory=dict)
    receipts: list[Callable[[], object]] = field(default_factory=list)

    def add(self, other: "Batch") -> None:
        """Gather another round."""
        self.changes += other.changes
        self.held |= other.held
        self.receipts += other.receipts


@dataclass(slots=True)
class Hearing:
    """What we know of a sensor's speaking, for the technician."""

    sensor: str
    machine: Machine
    detector: Detector
    repeats: bool
    last_heard: float | None = None
    """Monotonic seconds."""
    last: Sample | None = None
    clock_offset: float | None = None
    """Seconds its timestamps are behind our clock."""
    remarks: Counter[str] = field(default_factory=Counter)
    """What was odd, counted by reason."""
    verdicts: Verdicts | None = None
    """By what its levels are judged; None: its own word counts."""
    version: int | None = None
    """The calibration's."""
    score: float | None = None
    past: Past = field(default_factory=lambda: Past(0.0))


class Judge:
    """Stamps what sensors said and takes it through their machines, in order."""

    def __init__(
        self,
        machines: Mapping[str, Machine],
        hearings: Mapping[str, Hearing],
        clock: Clock,
        watch: Callable[[str, Sample, float], None],
    ) -> None:
        """`watch(sensor, sample, at)` sees every sample, before it is judged."""
        self._machines = machines
        self.hearings = hearings
        self._clock = clock
        self._watch = watch
        self._ticked_at = self._leapt_at = float("-inf")
        self._leapt = 0.0
        for hearing in hearings.values():
            hearing.past = Past(clock.monotonic())

    def stepped(self, seconds: float) -> None:
        """Our clock, that was known, has been set."""
        self._leapt = max(0.0, self._leapt + seconds)
        self._leapt_at = self._clock.monotonic()

    def take(self, items: Iterable[Item]) -> Batch:
        """Judge what was heard, then let time pass for everyone."""
        batch = Batch()
        for item in items:
            if isinstance(item, Delivery):
                self._deliver(item, batch)
            elif isinstance(item, Service):
                if (machine := self._machines.get(item.machine)) is not None:
                    batch.changes += machine.service(item.at, out=item.out)
                batch.receipts.append(item.receipt)
            elif isinstance(item, Swap):
                batch.changes += item.work()
                batch.receipts.append(item.receipt)
            else:
                self._port(item, batch)
        self._let_time_pass(batch)
        return batch

    def _let_time_pass(self, batch: Batch) -> None:
        now = self._clock.monotonic()
        if now - self._ticked_at < TICK:
            return
        self._ticked_at = now
        for machine in self._machines.values():
            batch.changes += machine.tick(now)
        for hearing in self.hearings.values():
            hearing.past.look(hearing.detector.verdict.status, now)

    def _port(self, item: PortLost | PortBack, batch: Batch) -> None:
        for sensor in sorted(item.sensors & self.hearings.keys()):
            machine = self.hearings[sensor].machine
            move = machine.lost if isinstance(item, PortLost) else machine.back
            batch.changes += move(sensor, item.at)

    def _deliver(self, delivery: Delivery, batch: Batch) -> None:
        for sensor, saying in delivery.sayings:
            hearing = self.hearings.get(sensor)
            if hearing is None:
                continue  # it was removed from the configuration a moment ago
            if isinstance(saying, Availability):
                if saying.online and saying.bridge:
                    continue
                batch.changes += hearing.machine.availability(
                    sensor, delivery.at, online=saying.online, itself=not saying.bridge
                )
            else:
                self._sample(hearing, saying, delivery, batch)
            if not hearing.repeats:
                batch.held[sensor] = hearing.detector.held
        if delivery.receipt is not None:
            batch.receipts.append(delivery.receipt)

    def _sample(self, hearing: Hearing, sample: Sample, delivery: Delivery, batch: Batch) -> None:
        self._watch(hearing.sensor, sample, delivery.at)
        word = self._word(hearing, sample, delivery)
        if word is not None:
            batch.changes += hearing.machine.hear(hearing.sensor, word, delivery.at)

    def _word(self, hearing: Hearing, sample: Sample, delivery: Delivery) -> Word | None:
        """What it says about presence, dated; None if that counts for nothing."""
        hearing.last_heard, hearing.last = delivery.at, sample
        if delivery.dup and _known(sample.seq, hearing.detector.newest_seq):
            hearing.remarks["repeated"] += 1
            return None
        offset = self._clock.offset if self._clock.synchronised else None
        leapt = self._leapt if delivery.at - self._leapt_at < TOO_OLD else 0.0
        stamped = stamp(sample.timestamp, delivery.at, offset, late=delivery.late, leapt=leapt)
        hearing.clock_offset = stamped.age
        if stamped.remark is not None:
            hearing.remarks[stamped.remark] += 1
        active = _active(hearing, sample, delivery.at)
        if active is None:
            return None
        if stamped.late and hearing.repeats:
            hearing.remarks["late"] += 1
            return None
        version = None if hearing.verdicts is None else hearing.version
        return Word(active, stamped.at, not stamped.late, sample.seq, version)


def _active(hearing: Hearing, sample: Sample, at: float) -> bool | None:
    """By its calibration, where it has one."""
    if hearing.verdicts is None:
        return sample.active
    active, score = hearing.verdicts.judge(at, sample.levels)
    if score is not None:
        hearing.score = score
    return active


def _known(seq: int | None, newest: int | None) -> bool:
    return seq is not None and newest is not None and seq <= newest
