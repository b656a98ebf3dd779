"""A read model in memory, for tests of the API: a log of any length, able to misbehave."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from gateway.core.bins import BIN_SECONDS, Bin
from gateway.core.events import Cause, Cursor, Event, Status
from gateway.core.forecast import HORIZON, Prediction
from gateway.readmodel import (
    BranchView,
    CategoryView,
    History,
    MachineView,
    Patterns,
    Replay,
    Snapshot,
    Usual,
)

GYM = "hk-central"
NOW = 1634567890.0


class MemoryModel:
    """Machines in categories, and every event ever published."""

    def __init__(self, machines: Sequence[tuple[str, str]], epoch: str = "e1") -> None:
        """`machines` are (machine id, category)."""
        self.epoch = epoch
        self.views = {name: _view(name, category) for name, category in machines}
        self.log: list[Event] = []
        self.now = NOW
        self.clock_is_right = True
        self.reads = 0
        self.foretold: dict[str, Prediction] = {}
        self.fault: Exception | None = None
        """Raised by every read that goes to the disk."""
        self.stalled: asyncio.Event | None = None
        """Reads that go to the disk wait for it."""

    def change(self, machine: str, status: Status) -> Event:
        """Commit one event and take it in; publishing it is the test's."""
        now = time.time()
        seq = len(self.log) + 1
        event = Event(seq, self.epoch, machine, status, Cause.OBSERVED, now, now - 1, True, None)
        self.log.append(event)
        if machine in self.views:
            self.views[machine] = replace(
                self.views[machine],
                status=status,
                cause=event.cause,
                timestamp=event.timestamp,
                last_change=event.last_change,
            )
        return event

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.epoch, len(self.log))

    def synchronised(self) -> bool:
        return self.clock_is_right

    def branches(self) -> tuple[BranchView, ...]:
        return (self.branch(GYM),)

    def branch(self, gym: str) -> BranchView:
        self.reads += 1
        if gym != GYM:
            raise KeyError(gym)
        names = dict.fromkeys(view.category for view in self.views.values())
        counts = tuple(CategoryView(name, name.title(), self._counts(name)) for name in names)
        zone = "Asia/Hong_Kong"
        return BranchView(GYM, "Central", 22.2819, 114.1582, zone, True, "local", self.now, counts)

    def foretell(self, gym: str, machine: str, horizon: float = HORIZON) -> Prediction | None:
        assert (gym, horizon) == (GYM, HORIZON)
        return self.foretold.get(machine)

    def category(self, gym: str, category: str) -> tuple[MachineView, ...]:
        self.branch(gym)
        found = tuple(view for view in self.views.values() if view.category == category)
        if not found:
            raise KeyError(category)
        return found

    def machine(self, gym: str, machine: str) -> MachineView:
        self.branch(gym)
        return self.views[machine]

    async def history(self, gym: str, machine: str, start: float, end: float) -> History:
        await self._disk()
        self.machine(gym, machine)
        first = int(start // BIN_SECONDS) * BIN_SECONDS
        running = int(self.now // BIN_SECONDS) * BIN_SECONDS
        starts = range(first, min(int(end), running + 1), BIN_SECONDS)
        bins = tuple(Bin(machine, s, 477.0, 900.0, 2, open=s == running) for s in starts)
        week = Patterns(((0.1,) * 96,) * 7, ("18:00",), ("14:15",))
        return History(first, int(end), "Asia/Hong_Kong", bins, week)

    async def usual(self, gym: str) -> Usual:
        await self._disk()
        self.branch(gym)
        return Usual("Asia/Hong_Kong", Patterns(((0.1,) * 96,) * 7, ("18:00",), ("14:15",)))

    def snapshot(self) -> Snapshot:
        return Snapshot(self.cursor, tuple(self.views.values()))

    async def since(self, cursor: Cursor) -> Replay:
        upto = self.cursor
        await self._disk()
        if cursor.epoch != upto.epoch:
            return Replay((), upto, reset="another_epoch")
        if cursor.seq > upto.seq:
            return Replay((), upto, reset="unknown_id")
        return Replay(self.log[cursor.seq : upto.seq], upto)

    async def page(self, after: Cursor | None, limit: int) -> Replay:
        await self._disk()
        seq = after.seq if after is not None else 0
        events = self.log[seq : seq + limit]
        return Replay(events, Cursor(self.cursor.epoch, seq + len(events)))

    async def _disk(self) -> None:
        self.reads += 1
        await asyncio.sleep(0)
        if self.stalled is not None:
            await self.stalled.wait()
        if self.fault is not None:
            raise self.fault

    def _counts(self, category: str) -> dict[Status, int]:
        here = [view.status for view in self.views.values() if view.category == category]
        return {status: here.count(status) for status in Status}


def _view(name: str, category: str) -> MachineView:
    return MachineView(
        gym=GYM,
        machine=name,
        name=name.replace("-", " ").capitalize(),
        category=category,
        status=Status.UNKNOWN,
        cause=Cause.START,
        timestamp=NOW,
        last_change=NOW - 40,
        metadata={"maker": "Technogym"},
    )
