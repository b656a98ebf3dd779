"""Reads every event by cursor and rings: rows first, then phones."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, TypeVar

from gateway.core.alerts import Alert, Book, Reason, State
from gateway.core.clock import Clock
from gateway.core.events import Cursor, Event
from gateway.core.rings import Firing, Moment, Reach, Rings, Turn
from gateway.readmodel import ReadModel
from gateway.store import alerts as ledger
from gateway.store import log

T = TypeVar("T")
PAGE = 500  # events read at once: 2 ms of a reader's time
KEEP_UP = 60.0  # seconds between two looks at what expired, and saves of a cursor that moved
LONGEST_SLEEP = 5.0  # seconds: a wall clock that steps is noticed by then


class Run(Protocol):
    """Do a piece of work on a database, off the loop."""

    async def __call__(self, work: Callable[[sqlite3.Connection], T], /) -> T:
        """Return what `work` returns, once it is committed."""


class Deliver(Protocol):
    """Where rings go."""

    def tell(self, firing: Firing) -> bool:
        """Write it to the member's open streams; False: it has none."""

    def prepare(self, firings: Iterable[Firing]) -> Callable[[sqlite3.Connection, set[str]], None]:
        """Rows for the member's other targets, to be written in our transaction if new."""

    def wake(self) -> None:
        """Something is due."""


@dataclass(slots=True)
class Open:
    """A firing that the member has not confirmed, of a machine that is still free."""

    firing: Firing
    told: bool
    """A stream or a channel carried it."""


class Ringing:
    """One task in order: events, then what is due, then what has expired."""

    def __init__(
        self,
        book: Book,
        rings: Rings,
        model: ReadModel,
        clock: Clock,
        read: Run,
        write: Run,
        reach: Callable[[str], Reach],
        deliver: Deliver,
    ) -> None:
        """`read` on history.db, `write` on ledger.db."""
        self._book = book
        self._rings = rings
        self._model = model
        self._clock = clock
        self._read = read
        self._write = write
        self._reach = reach
        self._deliver = deliver
        self.fired = 0
        """Rings since the start."""
        self._bell = asyncio.Event()
        self._open: dict[str, Open] = {}
        self._of_member: dict[str, dict[str, Open]] = {}
        self._told: list[Firing] = []
        self._cursor = self._saved = Cursor("", 0)
        self._kept_up = 0.0
        self._faulty = False
        self._began = clock.wall()
        self._stepped = 0.0

    def ring(self, _events: Sequence[Event] = ()) -> None:
        """There is something new to look at."""
        self._bell.set()

    def redate(self, seconds: float) -> None:
        """The clock has become known: what it dated since we began was wrong by so much."""
        self._stepped += seconds
        self._bell.set()

    async def run(self) -> None:
        """For ever, after `load`. After a fault it begins with what the ledger says."""
        if self._faulty:
            await self.load()
        self._faulty = True
        while True:
            self._bell.clear()
            await self._put_right()
            await self._read_on()
            await self.expire()
            while await self._take_a_turn():
                pass
            await self._keep_up()
            await self._sleep()

    async def stop(self) -> None:
        """Note how far we have read; an orderly end."""
        await self._save()

    # --- beginning ------------------------------------------------------------------------------

    async def load(self) -> None:
        """Go on as the ledger says; a first start begins with how things stand."""
        known = await self._write(ledger.load)
        snapshot = self._model.snapshot()
        cursor = known.cursor or snapshot.cursor
        if known.cursor is None:  # stored at once: a kill before the first ring must find it
            await self._write(lambda conn: ledger.save_cursor(conn, cursor, {}))
            statuses = {view.machine: view.status for view in snapshot.machines}
        else:
            statuses = await self._read(partial(log.statuses_at, cursor=cursor))
        for alert in self._book:
            self._book.remove(alert)
        for alert in known.alerts:
            self._book.put(alert)
            self._cool(alert)
        offset = self._clock.offset
        offers = [replace(offer, due=offer.due - offset) for offer in known.offers]
        self._rings.resume(statuses, offers, self._clock.monotonic(), cursor)
        self._open.clear()
        self._of_member.clear()
        for firing, told in known.firings:
            self._keep(Open(firing, told))
        self._cursor = self._saved = cursor
        await self.end_orphans()

    async def end_orphans(self) -> None:
        """Alerts on what is configured no longer end, with that as their reason."""
        machines = {view.machine for view in self._model.snapshot().machines}
        categories = {view.category for view in self._model.snapshot().machines}
        orphans = [
            alert
            for alert in self._book
            if alert.machine not in machines and alert.category not in categories
        ]
        await self.end(orphans, State.ENDED, "it was removed from the branch")

    async def _put_right(self) -> None:
        seconds, self._stepped = self._stepped, 0.0
        if not seconds:
            return
        since, upto = self._began, self._clock.wall() - seconds
        for alert in self._book:
            self._book.put(alert.redated(seconds, since, upto))
        for one in self._open.values():
            one.firing = one.firing.redated(seconds, since, upto)
        self._rings.redate(seconds, since, upto)
        await self._write(lambda conn: ledger.redate(conn, seconds, since, upto))

    def _cool(self, alert: Alert) -> None:
        """What is left of its cooldown; a clock that was set back does not make it longer."""
        if alert.fired is None:
            return
        left = min(alert.cooldown, alert.fired + alert.cooldown - self._clock.wall())
        self._rings.cool(alert, self._clock.monotonic() + left)

    # --- events ---------------------------------------------------------------------------------

    async def _read_on(self) -> None:
        newest = self._model.snapshot().cursor
        while self._cursor != newest:
            page = await self._model.page(self._cursor, PAGE)
            await self._take(page.events)
            self._cursor = page.cursor
            newest = self._model.snapshot().cursor

    async def _take(self, events: Iterable[Event]) -> None:
        over: list[tuple[str, int]] = []
        now, wall = self._clock.monotonic(), self._clock.wall()
        for event in events:
            edge = self._rings.take(event, wall - event.timestamp, now)
            if edge is not None:
                over.append(edge)
        for edge in over:
            await self._end_edge(edge)

    async def _end_edge(self, edge: tuple[str, int]) -> None:
        """The machine is taken: what nobody was told is taken back, and waits again."""
        ended = [one for one in self._open.values() if one.firing.edge == edge]
        wall = self._clock.wall()
        again = [self._armed_again(one.firing) for one in ended if not one.told]
        firings = [one.firing for one in ended]

        def work(conn: sqlite3.Connection) -> None:
            ledger.over(conn, edge, again)
            ledger.close(conn, firings, wall, "taken")

        for alert in again:
            self._book.put(alert)
            self._rings.warm(alert)
        for one in ended:
            self._drop(one.firing)
        await self._write(work)

    def _armed_again(self, firing: Firing) -> Alert:
        return replace(self._book.get(firing.alert.number) or firing.alert, state=State.ARMED)

    # --- ringing --------------------------------------------------------------------------------

    async def _take_a_turn(self) -> bool:
        """Tell who is next; True if more may be due at once."""
        now, wall = self._clock.monotonic(), self._clock.wall()
        if self._rings.next_due() > now:
            return False
        turn = self._rings.turn(Moment(now, wall, self._clock.synchronised, self._reach))
        if turn.offers:
            await self._fire(turn)
        await asyncio.sleep(0)  # a long queue is looked through in pieces
        return True

    async def _fire(self, turn: Turn) -> None:
        """Commit, then tell."""
        offset = self._clock.offset
        offers = [replace(offer, due=offer.due + offset) for offer in turn.offers]
        queue = self._deliver.prepare(turn.firings)
        cursor = self._safe_cursor()

        def work(conn: sqlite3.Connection) -> set[str]:
            new = ledger.fire(conn, turn.firings, offers)
            queue(conn, new)
            ledger.save_cursor(conn, cursor, {})
            return new

        new = await self._write(work)
        self._saved = cursor
        self.fired += len(new)
        wanted = [f for f in turn.firings if f.id in new and self._book.get(f.alert.number)]
        for firing, told in [(firing, self._deliver.tell(firing)) for firing in wanted]:
            self._fired(firing, told=told)  # books are kept when every phone has been told
        self._deliver.wake()

    def _fired(self, firing: Firing, *, told: bool) -> None:
        alert = replace(self._book.get(firing.alert.number) or firing.alert, fired=firing.at)
        if alert.repeat:
            self._book.put(alert)
            self._cool(alert)
        else:
            self._book.remove(alert)
            self._rings.forget(alert)
        self._keep(Open(firing, told))

    # --- what is open ---------------------------------------------------------------------------

    def unconfirmed(self, member: str) -> list[Firing]:
        """What a member that connects must be told: its machine is still free."""
        found = [one for one in self._of_member.get(member, {}).values() if self.holds(one.firing)]
        for one in found:
            if not one.told:
                one.told = True
                self._told.append(one.firing)
        return [one.firing for one in found]

    def holds(self, firing: Firing) -> bool:
        """Whether what it says is still so, and still wanted."""
        in_time = firing.alert.expires > self._clock.wall()
        return in_time and self._rings.holds(firing.machine, firing.edge)

    def open(self, firing: str) -> Open | None:
        """The firing of that id, unless it is confirmed or over."""
        return self._open.get(firing)

    def counted(self, alert: Alert, stored: Mapping[str, int]) -> dict[str, int]:
        """Why it did not ring, so far: what is stored, and what is not yet."""
        fresh = self._rings.silences.of(alert)
        names = [*stored, *(reason for reason in fresh if reason not in stored)]
        return {name: stored.get(name, 0) + fresh.get(Reason(name), 0) for name in names}

    def change(self, alert: Alert) -> None:
        """Other terms: they count for what has rung, too."""
        self._book.put(alert)
        for one in self._of_member.get(alert.member, {}).values():
            if one.firing.alert.number == alert.number:
                one.firing = replace(one.firing, alert=alert)
        self._bell.set()

    def confirm(self, member: str, alert: int) -> list[Firing]:
        """The member has seen what rang for that alert; returns those firings."""
        found = [
            one.firing
            for one in self._of_member.get(member, {}).values()
            if one.firing.alert.number == alert
        ]
        for firing in found:
            self._drop(firing)
        return found

    def _keep(self, one: Open) -> None:
        self._open[one.firing.id] = one
        self._of_member.setdefault(one.firing.alert.member, {})[one.firing.id] = one

    def _drop(self, firing: Firing) -> None:
        self._open.pop(firing.id, None)
        mine = self._of_member.get(firing.alert.member, {})
        mine.pop(firing.id, None)
        if not mine:
            self._of_member.pop(firing.alert.member, None)

    # --- ending ---------------------------------------------------------------------------------

    async def end(self, alerts: Iterable[Alert], state: State, reason: str | None = None) -> None:
        """They wait no longer."""
        wall = self._clock.wall()
        ended = [replace(a, state=state, ended=wall, reason=reason) for a in alerts]
        if not ended:
            return
        for alert in ended:
            self._book.remove(alert)
            self._rings.forget(alert)
            self.confirm(alert.member, alert.number)
        await self._write(lambda conn: ledger.end(conn, ended))

    async def expire(self) -> None:
        """Those whose time is over wait no longer."""
        await self.end(self._book.expired(self._clock.wall()), State.EXPIRED)

    def forget_members(self, members: Iterable[str]) -> None:
        """They are gone, with their rows."""
        gone = set(members)
        for member in gone:
            for alert in self._book.of(member):
                self._book.remove(alert)
                self._rings.forget(alert)
            for one in [*self._of_member.get(member, {}).values()]:
                self._drop(one.firing)

    async def _keep_up(self) -> None:
        now, wall = self._clock.monotonic(), self._clock.wall()
        if now - self._kept_up < KEEP_UP:
            return
        self._kept_up = now
        late = [one.firing for one in self._open.values() if one.firing.alert.expires <= wall]
        if late:
            await self._write(lambda conn: ledger.close(conn, late, wall, "late"))
        for firing in late:
            self._drop(firing)
        await self._save()

    async def _save(self) -> None:
        cursor, silences = self._safe_cursor(), self._rings.silences
        if cursor == self._saved and not silences and not self._told:
            return
        reasons, wall = silences.collect(), self._clock.wall()
        told, self._told = self._told, []

        def work(conn: sqlite3.Connection) -> None:
            ledger.save_cursor(conn, cursor, reasons)
            ledger.delivered(conn, told, wall)

        await self._write(work)
        self._saved = cursor

    def _safe_cursor(self) -> Cursor:
        """Up to where nothing is left to do: an edge that settles is read again at a start."""
        first = self._rings.oldest_unsettled(self._cursor.epoch)
        return self._cursor if first is None else Cursor(self._cursor.epoch, first - 1)

    async def _sleep(self) -> None:
        expiry = self._book.next_expiry() - self._clock.wall()
        due = min(expiry, self._rings.next_due() - self._clock.monotonic())
        try:
            async with asyncio.timeout(max(0.0, min(due, LONGEST_SLEEP))):
                await self._bell.wait()
        except TimeoutError:
            return
