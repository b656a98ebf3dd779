"""The pipeline's hand on the store: its batches as jobs of the writer thread."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from gateway.bridge import Writer
from gateway.core.bins import Bins, next_bin
from gateway.core.clock import Clock
from gateway.core.events import DatedChange, Event
from gateway.core.machine import Machine
from gateway.core.occupancy import Held
from gateway.store.history import HistoryFile
from gateway.store.marks import Alive, Standing, Standings

HISTORY = "history"
Build = Callable[[int | None, float | None], Standings]
"""(the oldest bin that is not stored yet, where it begins) → what a start goes on from."""


class Recorder:
    """Turns batches into transactions."""

    def __init__(
        self,
        writer: Writer,
        file: HistoryFile,
        machines: Mapping[str, Machine],
        clock: Clock,
        boot: str,
    ) -> None:
        self._writer = writer
        self._file = file
        self._machines = machines
        self._clock = clock
        self._boot = boot
        self._seq = file.cursor.seq
        self.events = 0
        """Stored since the start."""
        self.stored: Callable[[], None] = lambda: None
        """Called when bins were stored."""
        self._snapshot: tuple[int, float, Build] | None = None
        self._marked = file.past.next_bin, file.past.counted
        """Where a start would go on."""

    async def record(
        self, changes: Sequence[DatedChange], held: Mapping[str, Held], *, alive: bool
    ) -> list[Event]:
        """Commit one batch: events, what was said last, and perhaps that we live."""
        note = self.alive(clean=False) if alive else None
        work = partial(self._file.record, changes, held, note)
        events = await self._writer.run(HISTORY, work)
        self._seq = events[-1].seq if events else self._seq
        self.events += len(events)
        return events

    def snapshot(self, quarter: int) -> None:
        """A quarter hour has begun (epoch seconds): remember every machine's status as of now.

        An older one that still waits for its bins stays: they may take longer than a quarter. One
        of a clock that ran ahead would wait until then.
        """
        if self._snapshot is not None and self._snapshot[0] < quarter:
            return
        standings = {name: self._standing(machine) for name, machine in self._machines.items()}
        until, made = quarter - self._clock.offset, (self._seq, self._boot, standings)
        self._snapshot = (quarter, until, partial(Standings, *made))

    async def store_bins(self, bins: Bins) -> None:
        """Commit the bins that are due, and with them where a start may begin to read."""
        due = []
        if self._clock.synchronised:
            now, offset, guessed = self._clock.monotonic(), self._clock.offset, self._clock.assumed
            due = bins.close(now, offset, guessed=guessed)
        standings = self._standings(bins.next_start)
        if due or standings:
            await self._writer.run(HISTORY, partial(self._file.store_bins, due, standings))
        if standings:
            self._marked = standings.next_bin, standings.until
        if due:
            self.stored()
        await self._follow_the_clock(bins.next_start)

    async def _follow_the_clock(self, next_start: int | None) -> None:
        """A start must not go on from where a clock has been that was put right since."""
        marked, until = self._marked
        if marked is None or next_start is None or not self._clock.synchronised:
            return
        now = min(marked, next_start) if until is None else next_bin(until + self._clock.offset)
        if now != marked and now <= next_start:
            self._marked = now, until
            await self._writer.run(HISTORY, partial(self._file.relabel, now, self._clock.offset))

    async def redate(self) -> None:
        """Give what was stored without time its true times."""
        self._snapshot = None  # dated by the old clock
        await self._writer.run(HISTORY, partial(self._file.redate, self._clock.offset))

    async def stop(self) -> None:
        """Note that everything is stored: an orderly end."""
        work = partial(self._file.record, [], {}, self.alive(clean=True))
        await self._writer.run(HISTORY, work)

    def alive(self, *, clean: bool) -> Alive:
        """A note that we live now."""
        now = self._clock.monotonic()
        known = self._clock.synchronised and not self._clock.assumed
        return Alive(self._boot, now, now + self._clock.offset, clean, known)

    def _standings(self, next_start: int | None) -> Standings | None:
        """The snapshot, once the bins before it are stored; at once while time is unknown."""
        if self._snapshot is None:
            return None
        quarter, until, build = self._snapshot
        known = self._clock.synchronised and next_start is not None
        ahead = next_start - quarter if known and next_start is not None else 0
        if ahead < 0:
            return None
        self._snapshot = None
        if ahead:  # the wall clock jumped over it
            return None
        return build(next_start, until if known else None)

    def _standing(self, machine: Machine) -> Standing:
        verdict, offset = machine.verdict, self._clock.offset
        recorded, since = verdict.decided + offset, verdict.at + offset
        return Standing(verdict.status, verdict.cause, recorded, since, verdict.at)
