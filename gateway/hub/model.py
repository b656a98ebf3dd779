"""A chain as a read model: what is now from the picture, what was from PostgreSQL."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Protocol, TypeVar

from gateway.core import patterns
from gateway.core.bins import BIN_SECONDS
from gateway.core.events import Cursor
from gateway.core.forecast import HORIZON, Prediction
from gateway.hub import past
from gateway.hub.follower import MOST_AT_ONCE, events, where
from gateway.hub.picture import Picture, Shown
from gateway.hub.schema import Connection, number
from gateway.readmodel import (
    BranchView,
    History,
    MachineView,
    Patterns,
    Replay,
    Snapshot,
    Usual,
)

T = TypeVar("T")
WEEK_KEPT = 1800.0  # seconds a computed week serves: it is 8 weeks long and moves slowly
LOOK_AGAIN, LOOKS = 0.05, 60  # seconds, times: another hub may be ahead of us by as much as 3 s
MOST_WEEKS = 2000  # weeks kept: 672 numbers each, some 40 MB
OLDEST = "SELECT coalesce(min(seq), 0) FROM events"


class Read(Protocol):
    """Do some reading on a connection."""

    async def __call__(self, work: Callable[[Connection], Awaitable[T]], /) -> T:
        """Return what `work` returns."""


class Chain:
    """What the API reads."""

    def __init__(self, picture: Picture, read: Read, wall: Callable[[], float]) -> None:
        self._picture = picture
        self._read = read
        self._wall = wall
        self._weeks: OrderedDict[tuple[str, str | None], tuple[float, past.Ratios]] = OrderedDict()

    def synchronised(self) -> bool:
        """A hub stands where clocks are right."""
        return True

    def branches(self) -> tuple[BranchView, ...]:
        """Every branch that described itself."""
        return self._picture.branches()

    def branch(self, gym: str) -> BranchView:
        """One of them."""
        return self._picture[gym].view

    def category(self, gym: str, category: str) -> tuple[MachineView, ...]:
        """The machines of a category."""
        shown = self._picture[gym]
        if category not in {one.category for one in shown.view.categories}:
            raise KeyError(category)
        return tuple(view for view in shown.machines.values() if view.category == category)

    def machine(self, gym: str, machine: str) -> MachineView:
        """One machine."""
        return self._picture[gym].machines[machine]

    def foretell(self, gym: str, machine: str, horizon: float = HORIZON) -> Prediction | None:  # noqa: ARG002  a protocol
        """Only a branch foretells: it has every change, we have its quarter hours."""
        return None

    def snapshot(self) -> Snapshot:
        """Everything, at the newest published event."""
        return self._picture.snapshot()

    def counts(self) -> dict[str, int]:
        """Machines by status."""
        return Counter(view.status.value for view in self._picture.snapshot().machines)

    async def since(self, cursor: Cursor) -> Replay:
        """The events after `cursor`, exactly, or why that cannot be."""
        upto = self._picture.cursor
        if cursor.epoch != upto.epoch:
            return Replay((), upto, reset="another_epoch")
        if cursor.seq > upto.seq and not await self._catch_up(cursor):
            return Replay((), upto, reset="unknown_id")
        upto = self._picture.cursor
        if upto.seq - cursor.seq > MOST_AT_ONCE:
            return Replay((), upto, reset="too_old")
        return await self._read(partial(_replay, after=cursor, upto=upto))

    async def _catch_up(self, cursor: Cursor) -> bool:
        """Another hub was quicker to tell: wait until we have taken in as much."""
        stored, _ = await self._read(where)
        if stored.epoch != cursor.epoch or stored.seq < cursor.seq:
            return False
        for _ in range(LOOKS):
            if self._picture.cursor.seq >= cursor.seq:
                return True
            await asyncio.sleep(LOOK_AGAIN)
        return False

    async def page(self, after: Cursor | None, limit: int) -> Replay:
        """A piece of the log."""
        upto, reset = self._picture.cursor, None
        if after is not None and after.epoch != upto.epoch:
            after, reset = None, "unknown_epoch"
        elif after is not None and after.seq > upto.seq:
            after, reset = upto, "unknown_id"
        start = after or Cursor(upto.epoch, 0)
        found = await self._read(partial(_page, after=start, upto=upto, limit=limit))
        late = reset is None and after is not None and found.reset is not None
        return Replay(found.events, found.cursor, found.reset if late else reset)

    async def history(self, gym: str, machine: str, start: float, end: float) -> History:
        """Bins of a machine; a removed one's stay readable."""
        shown = self._picture[gym]
        begin, end = int(start // BIN_SECONDS) * BIN_SECONDS, int(end)
        known = await self._read(partial(past.number_of, gym=gym, machine=machine))
        if known is None:
            if machine not in shown.machines:
                raise KeyError(machine)
            return History(begin, end, shown.view.timezone, (), self._named(shown, EMPTY))
        read = partial(past.bins, number=known, machine=machine, start=begin, end=end)
        bins = tuple(await self._read(read))
        week = await self._week(shown, machine, [machine])
        return History(begin, end, shown.view.timezone, bins, self._named(shown, week))

    async def usual(self, gym: str) -> Usual:
        """The usual week of a branch, all its machines together."""
        shown = self._picture[gym]
        week = await self._week(shown, None, shown.machines)
        return Usual(shown.view.timezone, self._named(shown, week))

    async def _week(
        self, shown: Shown, machine: str | None, machines: Iterable[str]
    ) -> past.Ratios:
        """Kept for a while: computing it reads 5,000 bins of each machine."""
        gym, zone, now = shown.view.gym, shown.view.timezone, self._wall()
        at, week = self._weeks.pop((gym, machine), (0.0, None))
        if week is None or now - at >= WEEK_KEPT:
            numbers = await self._read(partial(past.numbers_of, gym=gym, machines=machines))
            at, week = (
                now,
                await self._read(partial(past.week, numbers=numbers, zone=zone, now=now)),
            )
        self._weeks[gym, machine] = (at, week)
        while len(self._weeks) > MOST_WEEKS:
            self._weeks.popitem(last=False)
        return week

    def _named(self, shown: Shown, week: past.Ratios) -> Patterns:
        """With today's busiest and quietest moments while the branch is open."""
        now, opening = self._wall(), shown.opening
        today = week[opening.local_day(now)]
        return Patterns(week, *patterns.busiest(today, opening.quarter_open(now)))


EMPTY: past.Ratios = ((None,) * patterns.SLOTS,) * 7


async def _replay(conn: Connection, after: Cursor, upto: Cursor) -> Replay:
    if after.seq < await number(conn, OLDEST) - 1:
        return Replay((), upto, reset="too_old")
    return Replay(await events(conn, after, upto), upto)


async def _page(conn: Connection, after: Cursor, upto: Cursor, limit: int) -> Replay:
    reset = "too_old" if after.seq < await number(conn, OLDEST) - 1 else None
    found = await events(conn, after, upto, limit)
    return Replay(found, Cursor(upto.epoch, found[-1].seq) if found else upto, reset)
