"""Our own branch as a read model: what is now from memory, what was from the file."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from config.sections import Config
from config.sections import Machine as MachineSection
from gateway.core import patterns
from gateway.core.bins import BIN_SECONDS, Bin, Bins
from gateway.core.clock import Clock
from gateway.core.events import Cause, Cursor, Event, Status
from gateway.core.forecast import HORIZON, Prediction
from gateway.core.opening import Opening
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
from gateway.store import bins as bin_table
from gateway.store import log
from gateway.store.marks import Standing
from gateway.store.patterns import usual_week

T = TypeVar("T")
MOST_REPLAYED = 10_000  # events: 1.5 MB of stream; a snapshot of 100 machines is 20 kB
WEEK_KEPT = 1800.0  # seconds a computed week serves: it is 8 weeks long and moves slowly


Foretell = Callable[[str, float], Prediction | None]
"""(machine, seconds from now) → what is foretold."""


class Read(Protocol):
    """Do a piece of reading on a connection of its own, off the loop."""

    async def __call__(self, work: Callable[[sqlite3.Connection], T], /) -> T:
        """Return what `work` returns."""


class Branch:
    """What the API reads. `apply` belongs between commit and publish."""

    def __init__(
        self,
        config: Config,
        standings: Mapping[str, Standing],
        cursor: Cursor,
        bins: Bins,
        clock: Clock,
        opening: Opening,
        read: Read,
    ) -> None:
        self._gym = config.branch.id
        self._cursor = cursor
        self._bins = bins
        self._clock = clock
        self._opening = opening
        self._read = read
        self._zone = ZoneInfo(config.branch.timezone)
        self.reconfigure(config)
        self._now: dict[str, Standing | Event] = {m: standings[m] for m in standings}
        self._foretell: Foretell = lambda _machine, _horizon: None

    def reconfigure(self, config: Config) -> None:
        """These machines and categories from now on, under the same id and zone."""
        self._config = config
        self._machines = {machine.id: machine for machine in config.machines}
        self._weeks: dict[str, tuple[float, Patterns]] = {}

    def foretell_with(self, foretell: Foretell) -> None:
        """Who knows what will be."""
        self._foretell = foretell

    def foretell(self, gym: str, machine: str, horizon: float = HORIZON) -> Prediction | None:
        """How likely it is free in a while."""
        self._must_be_ours(gym)
        return self._foretell(machine, horizon) if machine in self._machines else None

    def apply(self, events: Iterable[Event]) -> None:
        """Take in what was committed."""
        for event in events:
            self._now[event.machine] = event
            self._cursor = Cursor(event.epoch, event.seq)

    def redate(self, seconds: float) -> None:
        """What is shown was dated by a clock that was wrong by so much."""
        for name, now in self._now.items():
            timestamp, last_change = now.timestamp + seconds, now.last_change + seconds
            self._now[name] = Standing(now.status, now.cause, timestamp, last_change, 0.0)

    def synchronised(self) -> bool:
        """Whether our wall clock can be trusted."""
        return self._clock.synchronised

    def branches(self) -> tuple[BranchView, ...]:
        """Every branch known here: ours."""
        return (self.branch(self._gym),)

    def branch(self, gym: str) -> BranchView:
        """Our own branch."""
        self._must_be_ours(gym)
        branch, now = self._config.branch, self._clock.wall()
        return BranchView(
            gym=gym,
            name=branch.name,
            latitude=branch.latitude,
            longitude=branch.longitude,
            timezone=branch.timezone,
            open=self._opening.is_open(now),
            source="local",
            as_of=now,
            categories=tuple(self._count(category) for category in self._config.categories),
            public_url=branch.public_url,
        )

    def category(self, gym: str, category: str) -> tuple[MachineView, ...]:
        """The machines of a category, as configured."""
        self._must_be_ours(gym)
        if category not in self._config.categories:
            raise KeyError(category)
        return tuple(view for view in self._views() if view.category == category)

    def machine(self, gym: str, machine: str) -> MachineView:
        """One machine; KeyError once it is removed from the configuration."""
        self._must_be_ours(gym)
        return _view(gym, self._machines[machine], self._now.get(machine))

    def snapshot(self) -> Snapshot:
        """Everything, at the newest published event."""
        return Snapshot(self._cursor, tuple(self._views()))

    async def since(self, cursor: Cursor) -> Replay:
        """The events after `cursor`, exactly, or why that cannot be."""
        upto = self._cursor
        if cursor.epoch != upto.epoch:
            return Replay((), upto, reset="another_epoch")
        if cursor.seq > upto.seq:
            return Replay((), upto, reset="unknown_id")
        if upto.seq - cursor.seq > MOST_REPLAYED:
            return Replay((), upto, reset="too_old")
        return await self._read(partial(_replay, cursor, upto))

    def counts(self) -> dict[str, int]:
        """Machines by status."""
        statuses = [view.status for view in self.snapshot().machines]
        return {status.value: statuses.count(status) for status in Status}

    async def page(self, after: Cursor | None, limit: int) -> Replay:
        """A piece of the log; a cursor of an earlier epoch goes on where that one's events end."""
        return await self._read(partial(_page, after, self._cursor, limit))

    async def history(self, gym: str, machine: str, start: float, end: float) -> History:
        """Bins of a machine and those it replaces; a removed machine's stay readable."""
        self._must_be_ours(gym)
        begin = int(start // BIN_SECONDS) * BIN_SECONDS
        names = self._chain(machine)
        bins = {b.start: b for b in self._open(machine) if begin <= b.start < int(end)}
        known, stored = await self._read(partial(_stored, names, begin, int(end)))
        if not known and machine not in self._machines:
            raise KeyError(machine)
        ours = machine in self._machines
        reached = self._bins.next_start if ours else None  # what was closed while we read is whole
        bins.update((b.start, b) for b in stored if reached is None or b.start < reached)
        chosen = tuple(replace(bins[key], machine=machine) for key in sorted(bins))
        week = await self._week(machine)
        return History(begin, int(end), self._config.branch.timezone, chosen, week)

    async def usual(self, gym: str) -> Usual:
        """Every machine's week, and their mean; each is kept, so that mostly nothing is read."""
        self._must_be_ours(gym)
        weeks = [(await self._week(machine)).weekday for machine in (*self._machines,)]
        zone = self._config.branch.timezone
        return Usual(zone, self._named(patterns.mean(weeks), self._clock.wall()))

    def _open(self, machine: str) -> Sequence[Bin]:
        if machine not in self._machines or not self._clock.synchronised:
            return []
        return self._bins.open(machine, self._clock.monotonic(), self._clock.offset)

    async def _week(self, machine: str) -> Patterns:
        """The usual week; computing it anew at each read would cost more than the bins."""
        now = self._clock.wall()
        at, week = self._weeks.get(machine, (float("-inf"), None))
        if week is None or not 0 <= now - at < WEEK_KEPT:
            week = await self._read(partial(self._usual, machine, now))
            if machine in self._machines:
                self._weeks[machine] = (now, week)
        return week

    def _usual(self, machine: str, now: float, conn: sqlite3.Connection) -> Patterns:
        return self._named(usual_week(conn, self._chain(machine), now, self._zone).ratios(), now)

    def _named(self, ratios: Sequence[Sequence[patterns.Ratio]], now: float) -> Patterns:
        """With today's busiest and quietest moments while the branch is open."""
        today = self._opening.local_day(now)
        open_at = self._opening.quarter_open(now)
        busiest, quietest = patterns.busiest(ratios[today], open_at)
        return Patterns(tuple(map(tuple, ratios)), busiest, quietest)

    def _chain(self, machine: str) -> list[str]:
        replaces = {m.id: m.replaces for m in self._config.machines}
        names = [machine]
        while (older := replaces.get(names[-1])) is not None and older not in names:
            names.append(older)
        return names[::-1]

    def _count(self, category: str) -> CategoryView:
        counts = dict.fromkeys(Status, 0)
        for view in self._views():
            counts[view.status] += view.category == category
        return CategoryView(category, self._config.categories[category].name, counts)

    def _views(self) -> Iterable[MachineView]:
        return (_view(self._gym, m, self._now.get(m.id)) for m in self._config.machines)

    def _must_be_ours(self, gym: str) -> None:
        if gym != self._gym:
            raise KeyError(gym)


def _view(gym: str, machine: MachineSection, now: Standing | Event | None) -> MachineView:
    position = machine.position
    return MachineView(
        gym=gym,
        machine=machine.id,
        name=machine.name,
        category=machine.category,
        status=now.status if now else Status.UNKNOWN,
        cause=now.cause if now else Cause.START,
        timestamp=now.timestamp if now else 0.0,
        last_change=now.last_change if now else 0.0,
        metadata=dict(machine.metadata),
        position=(position.x, position.y) if position else None,
    )


def _replay(cursor: Cursor, upto: Cursor, conn: sqlite3.Connection) -> Replay:
    if cursor.seq < log.oldest(conn) - 1:
        return Replay((), upto, reset="too_old")
    return Replay(log.events_after(conn, cursor.seq, upto.seq, MOST_REPLAYED), upto)


def _page(after: Cursor | None, upto: Cursor, limit: int, conn: sqlite3.Connection) -> Replay:
    seq, reset = (0, None) if after is None else (after.seq, None)
    if after is not None and after.epoch != upto.epoch:
        last = log.surviving(conn, after.epoch)
        seq, reset = (min(seq, last), None) if last is not None else (0, "unknown_epoch")
        reset = "lost_events" if last is not None and after.seq > last else reset
    elif seq > upto.seq:
        seq, reset = upto.seq, "unknown_id"
    if after is not None and reset is None and seq < log.oldest(conn) - 1:
        reset = "too_old"
    events = log.events_after(conn, seq, upto.seq, limit)
    at = Cursor(events[-1].epoch, events[-1].seq) if events else upto
    return Replay(events, at, reset)


def _stored(
    names: Sequence[str], start: int, end: int, conn: sqlite3.Connection
) -> tuple[bool, list[Bin]]:
    """(whether one of the names was ever stored, their bins; later names win)."""
    known = any(bin_table.is_known(conn, name) for name in names)
    return known, [b for name in names for b in bin_table.read(conn, name, start, end)]
