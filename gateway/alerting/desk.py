"""Where members subscribe: what they may ask for, and what becomes of it."""

import secrets
import sqlite3
from dataclasses import replace
from functools import partial

from config.sections import Alerts
from gateway.alerting.ringing import Ringing, Run
from gateway.core.alerts import Alert, Book, Shown, State, Wish, target_of
from gateway.core.clock import Clock
from gateway.core.errors import (
    ConflictError,
    Fault,
    FullError,
    InvalidError,
    UnknownIdError,
)
from gateway.core.events import Cursor, Status
from gateway.core.opening import Opening
from gateway.core.quiet_hours import quiet_hours
from gateway.readmodel import MachineView, ReadModel
from gateway.store import alerts as ledger
from gateway.store import people

MOST_ARMED = 20_000  # in all: 10 MB of memory; as many as a branch can have members
LASTS = 12 * 3600.0  # seconds, where the branch is closed or never closes
TIMED = 1000  # of the newest rings: how long their members waited
LONGEST = 90 * 86_400.0  # seconds: as long as a member who does not come is remembered


class Desk:
    """Every change is stored before it is answered."""

    def __init__(
        self,
        book: Book,
        ringing: Ringing,
        model: ReadModel,
        gym: str,
        clock: Clock,
        opening: Opening,
        rules: Alerts,
        write: Run,
    ) -> None:
        self._book = book
        self._ringing = ringing
        self._model = model
        self._gym = gym
        self._clock = clock
        self._opening = opening
        self._write = write
        self.follow(rules)
        self._coming: dict[str, list[str]] = {}  # member → what is being subscribed to

    def follow(self, rules: Alerts) -> None:
        """These rules from now on; what is armed keeps its terms."""
        self._rules = rules
        given = rules.quiet_hours
        self.quiet = quiet_hours(given.start, given.end, given.days) if given else None
        """The branch's own."""

    # --- subscribing ----------------------------------------------------------------------------

    async def subscribe(self, member: str, wish: Wish) -> Shown:
        """Arm an alert. Raises InvalidError, ConflictError, FullError."""
        cursor = self._model.snapshot().cursor
        self._must_make_sense(wish)
        await self._ringing.expire()  # what is over takes no room
        self._must_have_room(member, wish)
        draft = self._alert(member, wish, cursor)
        self._coming.setdefault(member, []).append(draft.target)
        try:
            alert = await self._write(partial(_stored, alert=draft))
        finally:
            self._coming[member].remove(draft.target)
            if not self._coming[member]:
                del self._coming[member]
        self._ringing.change(alert)
        return self._shown(alert, {})

    def _alert(self, member: str, wish: Wish, cursor: Cursor) -> Alert:
        now = self._clock.wall()
        return Alert(
            number=0,
            id=f"a{secrets.token_hex(8)}",
            member=member,
            machine=wish.machine,
            category=wish.category,
            quiet=wish.quiet,
            expires=self._expiry(wish.expires, wish.lasts),
            repeat=wish.repeat,
            cooldown=self._rules.cooldown if wish.cooldown is None else wish.cooldown,
            note=wish.note,
            created=now,
            since=cursor,
        )

    def _expiry(self, asked: float | None, lasts: float | None) -> float:
        """By default the closing time; an hour that is set for nobody is no help."""
        now = self._clock.wall()
        if lasts is not None:
            return now + lasts
        if asked is None:
            return self._opening.closes_at(now) or now + LASTS
        if not self._clock.synchronised:
            raise ConflictError("We do not know yet what time it is; say expiresIn instead.")
        if asked <= now:
            raise InvalidError([Fault("/expiresAt", "lies in the past")])
        if asked > now + LONGEST:
            raise InvalidError([Fault("/expiresAt", "lies more than 90 days ahead")])
        return asked

    def _must_make_sense(self, wish: Wish) -> None:
        views = self._wanted(wish)
        if all(view.status is Status.OUT_OF_SERVICE for view in views):
            raise ConflictError(f"{_name(wish, views)} is out of service; choose another machine.")
        free = [view.name for view in views if view.status is Status.FREE]
        if free and not wish.next:
            raise ConflictError(
                f"{', '.join(free[:3])} is free now. To be told the next time all the same,"
                ' send "next": true.'
            )

    def _wanted(self, wish: Wish) -> list[MachineView]:
        """The machines that are asked for."""
        views = self._model.snapshot().machines
        if wish.machine is not None:
            found = [view for view in views if view.machine == wish.machine]
            kind, name = "machineId", wish.machine
        else:
            found = [view for view in views if view.category == wish.category]
            kind, name = "category", wish.category or ""
        if not found:
            raise InvalidError([Fault(f"/{kind}", f"{name!r} is not known here")])
        return found

    def _must_have_room(self, member: str, wish: Wish) -> None:
        mine = [alert.target for alert in self._book.of(member)] + self._coming.get(member, [])
        if target_of(wish.machine, wish.category) in mine:
            raise ConflictError(
                f"You wait for {wish.machine or wish.category} already; change that alert, or"
                " cancel it first."
            )
        if len(mine) >= self._rules.per_member:
            raise ConflictError(
                f"You wait for {self._rules.per_member} machines already; cancel one first."
            )
        if len(self._book) + sum(map(len, self._coming.values())) >= MOST_ARMED:
            raise FullError("Too many members wait already; try again later.", 600)

    # --- what there is ----------------------------------------------------------------------------

    async def all_of(self, member: str) -> list[Shown]:
        """A member's alerts, newest first, the ended ones too."""
        await self._ringing.expire()
        rows = await self._write(lambda conn: ledger.of_member(conn, member))
        return [self._shown(alert, why) for alert, why in rows]

    async def newest(self, limit: int) -> list[Shown]:
        """Of all members, for who is local."""
        rows = await self._write(lambda conn: ledger.newest(conn, limit))
        return [self._shown(alert, why) for alert, why in rows]

    async def statistics(self) -> tuple[int, dict[str, float], list[float]]:
        """(armed now, tallies by name, times from the subscription to the ring, sorted)."""

        def work(conn: sqlite3.Connection) -> tuple[dict[str, float], list[float]]:
            return ledger.tallies(conn), ledger.times_to_fire(conn, TIMED)

        return len(self._book), *await self._write(work)

    async def show(self, member: str, alert: str) -> Shown:
        """One of its own. Raises UnknownIdError, for others' too."""
        found = await self._write(lambda conn: ledger.find(conn, alert))
        if found is None or found[0].member != member:
            raise UnknownIdError("alert", alert)
        return self._shown(*found)

    async def look_up(self, alert: str) -> Shown:
        """Anybody's, for who is local. Raises UnknownIdError."""
        found = await self._write(lambda conn: ledger.find(conn, alert))
        if found is None:
            raise UnknownIdError("alert", alert)
        return self._shown(*found)

    async def rung(self, alert: Alert) -> dict[str, list[dict[str, object]]]:
        """Its `firings` and its `deliveries`, newest first; epoch seconds."""
        return await self._write(lambda conn: ledger.rung(conn, alert.number))

    def _shown(self, alert: Alert, suppressed: dict[str, int]) -> Shown:
        armed = self._book.get(alert.number)
        place = self._book.place(alert) if armed else None
        return Shown(armed or alert, place, self._ringing.counted(alert, suppressed))

    # --- changing ---------------------------------------------------------------------------------

    async def change(self, member: str, alert: str, changes: dict[str, object]) -> Shown:
        """Other terms, the same place. Raises UnknownIdError, ConflictError, InvalidError."""
        await self._ringing.expire()
        shown = await self.show(member, alert)
        asked, lasts = changes.get("expires"), changes.pop("lasts", None)
        if asked is not None or lasts is not None:
            changes["expires"] = self._expiry(asked, lasts)  # type: ignore[arg-type]  # the body's

        def work(conn: sqlite3.Connection) -> Alert:
            """Upon what is stored: two changes at once are both made."""
            found = ledger.find(conn, alert)
            if found is None:
                raise UnknownIdError("alert", alert)
            if found[0].state is not State.ARMED:
                raise ConflictError(f"This alert is {found[0].state}; make a new one.")
            changed = replace(found[0], **changes)  # type: ignore[arg-type]  # checked by the body
            ledger.set_terms(conn, changed)
            return changed

        changed = await self._write(work)
        if (armed := self._book.get(changed.number)) is not None:  # it may have rung meanwhile
            self._ringing.change(replace(armed, **changes))  # type: ignore[arg-type]  # as above
        return self._shown(changed, shown.suppressed)

    async def cancel(self, member: str, alert: str) -> None:
        """It rings no more; what rang of it is confirmed. Raises UnknownIdError."""
        shown = await self.show(member, alert)
        await self._confirm(member, shown.alert)
        if (armed := self._book.get(shown.alert.number)) is not None:
            await self._ringing.end([armed], State.CANCELLED)

    async def confirm(self, member: str, alert: str) -> None:
        """The member has seen what rang. Raises UnknownIdError."""
        await self._confirm(member, (await self.show(member, alert)).alert)

    async def _confirm(self, member: str, alert: Alert) -> None:
        seen = self._ringing.confirm(member, alert.number)
        if seen:
            at = self._clock.wall()
            await self._write(lambda conn: ledger.seen(conn, seen, at))


def _stored(conn: sqlite3.Connection, alert: Alert) -> Alert:
    people.must_know(conn, alert.member)
    return ledger.add(conn, alert)


def _name(wish: Wish, views: list[MachineView]) -> str:
    return views[0].name if wish.machine else f"Every machine of {wish.category}"
