"""Card wear: what a day of a gym writes to the disk (`write_bytes` of /proc/self/io).

The day runs fast, but every commit and every sync happens in the order of real time: the writer
is given the simulated clock and is rung when that clock says that a sync is due.
"""

import asyncio
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path

from gateway.bridge import SYNC_EARLY, File, Writer
from gateway.clock import dated
from gateway.core.bins import BIN_SECONDS, Bin, Bins
from gateway.core.events import Cause, Change, Status
from gateway.core.machine import Machine
from gateway.core.occupancy import Held, Rule, Verdict, Word
from gateway.pipeline.recorder import HISTORY, Recorder
from gateway.store import bins as bin_table
from gateway.store.history import HistoryFile
from sensors.simulator.people import wanted
from tests.bench.harness import Row, folder_on_disk

MIDNIGHT = 1_764_547_200  # a Monday, UTC
OPEN = range(6, 23)  # hours of the day in which people come
NIGHT = 3.5 * 3600  # when days are packed
PATIENCE = {Status.OCCUPIED: 5.0, Status.FREE: 90.0}  # seconds from a word to its event
GRACE = 150.0
SYNC_WITHIN = 5.0
MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class Said:
    """Something to be committed at `at` (seconds of the day)."""

    at: float
    changes: tuple[Change, ...] = ()
    held: tuple[tuple[str, Held], ...] = ()


class DayClock:
    """The simulated clock; monotonic seconds begin at midnight."""

    offset = float(MIDNIGHT)
    synchronised = True
    assumed = False

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now + self.offset


class Day:
    """A gateway's writing side, taken through a day as the pipeline would."""

    def __init__(self, path: Path, machines: Sequence[str]) -> None:
        self._clock = DayClock()
        self._file = HistoryFile(path, "boot")
        rule = Rule(PATIENCE[Status.OCCUPIED], PATIENCE[Status.FREE], 300.0, 1.0)
        self._machines = {name: Machine(name, {name: rule}) for name in machines}
        self._bins = Bins(dict.fromkeys(machines, 300.0), GRACE, 0.0, MIDNIGHT)
        self._writer = Writer(
            {HISTORY: File(self._file.conn, path)}, SYNC_WITHIN, self._clock.monotonic
        )
        self._recorder = Recorder(self._writer, self._file, self._machines, self._clock, "boot")
        self._sync_at = inf
        self._noted_at = 0.0

    async def run(self, said: Iterable[Said], hours: int) -> None:
        """From midnight on."""
        minutes = (Said(60.0 * number) for number in range(1, hours * 60 + 1))
        for moment in sorted([*said, *minutes], key=lambda s: s.at):
            await self._go_to(moment.at)
            if moment.changes or moment.held:
                await self._record(moment)
            else:
                await self._minute()

    async def begin(self) -> None:
        """Start, with three days of bins, so that the night has one to pack."""
        self._writer.start()
        starts = range(MIDNIGHT - 3 * bin_table.DAY, MIDNIGHT, BIN_SECONDS)
        bins = [Bin(name, start, 431.2, 900.0, 1) for start in starts for name in self._machines]
        await self._writer.run(HISTORY, partial(self._file.store_bins, bins, None))

    def stop(self) -> None:
        self._writer.stop()

    async def _go_to(self, at: float) -> None:
        if self._sync_at <= at:
            self._clock.now = self._sync_at
            await self._writer.run(HISTORY, lambda _conn: None)  # writes nothing: rings
            self._sync_at = inf
        self._clock.now = at

    async def _record(self, moment: Said) -> None:
        changes = dated(moment.changes, self._clock)
        await self._recorder.record(changes, dict(moment.held), alive=False)
        for change in moment.changes:
            verdict = Verdict(change.status, change.cause, change.at, change.decided)
            self._machines[change.machine].restore(verdict, change.decided)
            self._bins.apply(change.machine, change.at, change.status)
            self._noted_at = moment.at
        self._written()

    async def _minute(self) -> None:
        now = self._clock.now
        if now - self._noted_at >= 60:
            self._noted_at = now
            await self._recorder.record([], {}, alive=True)
            self._written()
        if now % BIN_SECONDS == 0:
            self._recorder.snapshot(int(self._clock.wall()))
        if now % BIN_SECONDS == 180:  # the first whole minute after the grace
            await self._recorder.store_bins(self._bins)
            self._written()
        if now == NIGHT:
            await self._pack()

    async def _pack(self) -> None:
        wall = self._clock.wall()
        while await self._writer.run(HISTORY, lambda conn: bin_table.pack(conn, wall)):
            self._written()

    def _written(self) -> None:
        self._sync_at = min(self._sync_at, self._clock.now + SYNC_WITHIN * SYNC_EARLY)


def bench(short: bool) -> Iterator[Row]:
    """Megabytes a day, beside the layout with an index on the machine."""
    machines = [f"machine-{number:03d}" for number in range(5 if short else 100)]
    transitions = 10 if short else 200
    people, hours = (range(4), 4) if short else (OPEN, 24)
    for on_change in (False, True):
        said = list(_plan(machines, transitions, people, on_change=on_change))
        for within, target in ((0.0, "≤ 100 MB"), (5.0, "≤ 45 MB")):
            moments = list(_gathered(said, within)) if within else said
            name = f"{'on-change' if on_change else 'repeating'}, commit_within = {within:g}"
            own, indexed = (_megabytes(machines, moments, hours, index) for index in (False, True))
            yield Row(name, own, "MB/day", "with an index", indexed, "" if on_change else target)


def _plan(
    machines: Sequence[str], transitions: int, hours: Sequence[int], *, on_change: bool
) -> Iterator[Said]:
    """Each machine's changes, each its own commit; before it, its word if it speaks on change."""
    chance = random.Random(1)
    moments: list[Said] = []
    crowd = [wanted(MIDNIGHT + 3600 * hour) for hour in hours]
    for machine in machines:
        chosen = chance.choices(hours, crowd, k=transitions)
        for number, at in enumerate(sorted(3600 * (hour + chance.random()) for hour in chosen)):
            status = (Status.OCCUPIED, Status.FREE)[number % 2]
            change = Change(machine, status, Cause.OBSERVED, at - PATIENCE[status], at, live=True)
            moments.append(Said(at, (change,)))
            if on_change:
                moments.append(_word(machine, number, change))
    yield from sorted(moments, key=lambda said: said.at)


def _word(machine: str, number: int, change: Change) -> Said:
    word = Word(change.status is Status.OCCUPIED, change.at, live=True, seq=number)
    held = Held(word, change.at, change.at, offline=False, tells_availability=True, seq=number)
    return Said(change.at, held=((machine, held),))


def _gathered(said: Iterable[Said], within: float) -> Iterator[Said]:
    """What `commit_within` makes of it: a commit comes so long after the first that waits."""
    waiting: list[Said] = []
    for moment in said:
        if waiting and moment.at > waiting[0].at + within:
            yield _together(waiting, within)
            waiting = []
        waiting.append(moment)
    yield _together(waiting, within)


def _together(waiting: Sequence[Said], within: float) -> Said:
    held: Mapping[str, Held] = dict(pair for moment in waiting for pair in moment.held)
    changes = tuple(change for moment in waiting for change in moment.changes)
    return Said(waiting[0].at + within, changes, tuple(held.items()))


def _megabytes(machines: Sequence[str], said: Sequence[Said], hours: int, index: bool) -> float:
    with folder_on_disk() as folder:
        day = Day(folder / "history.db", machines)
        if index:
            day._file.conn.execute("CREATE INDEX by_machine ON events (machine, seq)")
        try:
            asyncio.run(day.begin())
            before = _write_bytes()
            asyncio.run(day.run(said, hours))
        finally:
            day.stop()
        return (_write_bytes() - before) / MEGABYTE


def _write_bytes() -> int:
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)["write_bytes"])
