"""The loop a newcomer can read aloud: take, judge, commit, acknowledge, publish."""

from collections.abc import Callable, Sequence

from gateway.clock import SystemClock, dated
from gateway.core.bins import Bins, bin_of
from gateway.core.events import Event
from gateway.inbox import Inbox, Item
from gateway.pipeline.judge import TICK, Batch
from gateway.pipeline.recorder import Recorder

LOOK_EVERY = 1.0  # seconds between looks at the wall clock
ALIVE_EVERY = 60.0  # seconds between notes that we live; an event is as good as one
STEPPED = 10.0  # seconds: what the clock moves by less is no step, or none that matters
HALF_WINDOW = 500  # receipts: half of what the broker lets us owe (1,000) ends a gathering


class Pipeline:
    """Owns the order of everything; all else only hands in or listens."""

    def __init__(
        self,
        inbox: Inbox,
        judge: Callable[[list[Item]], Batch],
        recorder: Recorder,
        bins: Bins,
        clock: SystemClock,
        publish: Callable[[Sequence[Event]], None],
        redated: Callable[[float], None],
        commit_within: float,
    ) -> None:
        """`publish` is called after each commit; `redated` once the clock was put right.

        It is told by how many seconds, be it for the first time, then what is stored is corrected
        too, or by a step.
        """
        self._inbox = inbox
        self._judge = judge
        self._recorder = recorder
        self._bins = bins
        self._clock = clock
        self._publish = publish
        self._redated = redated
        self.stepped: Callable[[float], None] = lambda _seconds: None
        """Called when the clock, that was known, has been set."""
        self.commit_within = commit_within
        """Seconds that a commit may gather."""
        self._gathered = Batch()
        self._gathering_since: float | None = None
        self._noted_at = self._looked_at = 0.0
        self._quarter = bin_of(clock.wall())
        self.moved_at = clock.monotonic()
        """When it last went round; the watchdog looks at it."""

    async def run(self) -> None:
        """For ever: take, judge, commit, publish. An error ends it; nothing is acknowledged."""
        while True:
            self._gather(self._judge(await self._inbox.take_all(TICK)))
            if self._is_due():
                await self.commit()
            await self._look_at_the_clock()
            self.moved_at = self._clock.monotonic()

    async def commit(self) -> None:
        """One transaction, then the receipts, then the doorbell."""
        batch, self._gathered, self._gathering_since = self._gathered, Batch(), None
        note = self._clock.monotonic() - self._noted_at >= ALIVE_EVERY
        if batch.changes or batch.held or note:
            changes = dated(batch.changes, self._clock)
            alive = note and not changes
            events = await self._recorder.record(changes, batch.held, alive=alive)
            self._noted_at = self._clock.monotonic() if changes or note else self._noted_at
            self._tell(batch, events)
        for receipt in batch.receipts:
            receipt()

    def _gather(self, batch: Batch) -> None:
        self._gathered.add(batch)
        if self._gathering_since is None and (batch.changes or batch.held or batch.receipts):
            self._gathering_since = self._clock.monotonic()

    def _is_due(self) -> bool:
        if self._gathering_since is None:
            return self._clock.monotonic() - self._noted_at >= ALIVE_EVERY
        waited = self._clock.monotonic() - self._gathering_since
        return waited >= self.commit_within or len(self._gathered.receipts) >= HALF_WINDOW

    def _tell(self, batch: Batch, events: Sequence[Event]) -> None:
        for change in batch.changes:
            self._bins.take(change)
        if events:
            self._publish(events)

    async def _look_at_the_clock(self) -> None:
        now = self._clock.monotonic()
        if now - self._looked_at < LOOK_EVERY:
            return
        self._looked_at, before = now, self._clock.offset
        knew = self._clock.synchronised and not self._clock.assumed
        arrived, step = self._clock.look(), self._clock.offset - before
        if arrived:
            await self._recorder.redate()
            self._bins.redate(now)
            self._redated(self._clock.stepped)
        elif knew and abs(step) >= STEPPED:
            self._redated(step)
            self.stepped(step)
        quarter = bin_of(self._clock.wall())
        if quarter != self._quarter:
            self._quarter = quarter
            if abs(step) < STEPPED:  # else it is no quarter hour's beginning
                self._recorder.snapshot(quarter)
            self._bins.forget(now)
        await self._recorder.store_bins(self._bins)
