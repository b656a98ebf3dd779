"""Who holds which secret: keys, members and tickets, in memory for each request, in the ledger."""

import hashlib
import secrets
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar

from gateway.core.access import Holder, Key, Role
from gateway.core.errors import ConflictError, FullError, UnknownIdError
from gateway.store import people
from gateway.store.notebook import Entry, audit
from gateway.store.people import People, Ticket

T = TypeVar("T")
MOST_KEYS = 500  # a branch has some kiosks, a few of staff, a sensor each hundred machines
MOST_MEMBERS = 20_000  # 4 MB of memory; a large branch has 5,000 members, some with two phones
MOST_TICKETS = 5_000  # twice the streams that may be open
TICKET_FIRST_USE = 60.0  # seconds
TICKET_LASTS = 12 * 3600.0  # seconds from its making
MEMBER_FORGOTTEN = 90 * 86_400.0  # seconds unseen; a phone of a member who left
KEY_FORGOTTEN = 400 * 86_400.0  # seconds after its end, as long as events are kept
DROPPED_AT_ONCE = 500  # members a transaction: a few milliseconds of the writer's time
KEY, MEMBER, TICKET = "gwk_", "gwm_", "gwt_"  # so that a scanner of leaked secrets knows them


class Write(Protocol):
    """Do a piece of writing in the ledger's next transaction."""

    async def __call__(self, work: Callable[[sqlite3.Connection], T], /) -> T:
        """Return what `work` returns, once it is committed."""


class RefusedError(Exception):
    """A secret that is not good; the text says why, without a word of it."""


class Credentials:
    """Finds holders by their secrets, makes and ends them."""

    def __init__(
        self,
        known: People,
        write: Write,
        wall: Callable[[], float],
        sensors_changed: Callable[[], Awaitable[None]],
    ) -> None:
        """`known` as stored; `wall()` in epoch seconds; `sensors_changed` tells the broker."""
        self._known = known
        self._write = write
        self._wall = wall
        self._sensors_changed = sensors_changed
        self._gone: Callable[[list[str]], None] = lambda _members: None
        self._ended: Callable[[set[str]], None] = lambda _holders: None
        self._used: dict[str, float] = {}
        self._seen: dict[str, float] = {}

    def when_gone(self, hear: Callable[[list[str]], None]) -> None:
        """Who else must forget members that were removed."""
        self._gone = hear

    def when_ended(self, hear: Callable[[set[str]], None]) -> None:
        """Who must let go of holders (`role:id`) that are good for nothing any more."""
        self._ended = hear

    # --- finding ------------------------------------------------------------------------------

    def find(self, secret: str) -> Holder:
        """Who that secret makes of its bearer. Raises RefusedError."""
        digest = digest_of(secret)
        if (member := self._known.members.get(digest)) is not None:
            self._seen[member] = self._wall()
            return Holder(Role.MEMBER, member)
        key = self._known.keys.get(self._known.key_ids.get(digest, ""))
        if key is None:
            raise RefusedError("it is not known here")
        return self.use(key)

    def key(self, key_id: str) -> Key | None:
        """The key of that public id."""
        return self._known.keys.get(key_id)

    def use(self, key: Key) -> Holder:
        """Its holder, who speaks now. Raises RefusedError when it has ended."""
        now = self._wall()
        if why := key.ended(now):
            raise RefusedError(f"it is {why}")
        self._used[key.id] = now
        return Holder(key.role, key.id)

    async def redeem(self, secret: str, client: str) -> Holder:
        """The holder behind a ticket, bound to `client` by its first use. Raises RefusedError."""
        digest, now = digest_of(secret), self._wall()
        ticket = self._known.tickets.get(digest)
        if ticket is None or now > ticket.created + TICKET_LASTS or not self._good(ticket.holder):
            raise RefusedError("this ticket is not known here, or is over")
        if ticket.client is None and now > ticket.created + TICKET_FIRST_USE:
            raise RefusedError("this ticket was not used within 60 s; make a new one")
        if ticket.client not in {None, client}:
            raise RefusedError("this ticket is bound to another client")
        if ticket.client is None:
            self._known.tickets[digest] = Ticket(ticket.holder, ticket.created, client)
            await self._write(lambda conn: people.bind_ticket(conn, digest, client))
        return ticket.holder

    def _good(self, holder: Holder) -> bool:
        if holder.role is Role.MEMBER:
            return holder.id in self._known.members.values()
        key = self._known.keys.get(holder.id)
        return key is not None and key.ended(self._wall()) is None

    # --- keys ---------------------------------------------------------------------------------

    def all_keys(self) -> list[Key]:
        """All of them, oldest first, with when they were last used."""
        keys = sorted(self._known.keys.values(), key=lambda key: key.created)
        return [replace(key, last_used=self._used.get(key.id, key.last_used)) for key in keys]

    async def create_key(self, key: Key, secret: str | None, password: str | None) -> None:
        """Keep a new key; `secret` is its bearer token, `password` a sensor's, hashed.

        Raises FullError.
        """
        if len(self._known.keys) >= MOST_KEYS:
            raise FullError("There are 500 keys already; revoke some that nobody uses.", 60)
        digest = digest_of(secret) if secret else None
        entry = Entry(key.created, "local", "key created", key.id, f"{key.role} {key.name}".strip())

        def work(conn: sqlite3.Connection) -> None:
            people.add_key(conn, key, digest, password)
            audit(conn, entry)

        await self._write(work)
        self._known.keys[key.id] = key
        if digest is not None:
            self._known.key_ids[digest] = key.id
        if key.role is Role.SENSOR:
            await self._sensors_changed()

    async def revoke_key(self, key_id: str) -> Key:
        """End a key, at once. Raises UnknownIdError, ConflictError."""
        key = self._known.keys.get(key_id)
        if key is None:
            raise UnknownIdError("key", key_id)
        if key.revoked is not None:
            raise ConflictError(f"The key {key_id} was revoked already.")
        at = self._wall()
        revoked = self._known.keys[key_id] = replace(key, revoked=at)
        entry = Entry(at, "local", "key revoked", key_id, f"{key.role} {key.name}".strip())

        def work(conn: sqlite3.Connection) -> None:
            people.revoke_key(conn, key_id, at)
            audit(conn, entry)

        await self._write(work)
        self._ended({str(Holder(key.role, key_id))})
        if key.role is Role.SENSOR:
            await self._sensors_changed()
        return revoked

    # --- members ------------------------------------------------------------------------------

    async def join(self) -> tuple[str, str]:
        """(id, token) of a new member. Raises FullError."""
        if len(self._known.members) >= MOST_MEMBERS:
            raise FullError("This branch has as many members as it can remember.", 3600)
        member, token = f"m{secrets.token_hex(8)}", MEMBER + secrets.token_urlsafe(32)
        digest, at = digest_of(token), self._wall()
        self._known.members[digest] = member
        try:
            await self._write(lambda conn: people.add_member(conn, member, digest, at))
        except BaseException:
            del self._known.members[digest]
            raise
        return member, token

    async def leave(self, member: str) -> None:
        """Forget a member with all its data; what it asked for meanwhile is refused."""
        await self._write(lambda conn: people.remove_member(conn, member))
        self._forget([member])
        self._ended({str(Holder(Role.MEMBER, member))})

    # --- tickets ------------------------------------------------------------------------------

    async def ticket_for(self, holder: Holder) -> str:
        """A one-time pass for `holder`. Raises FullError."""
        now = self._wall()
        for digest, ticket in tuple(self._known.tickets.items()):
            if now > ticket.created + (TICKET_LASTS if ticket.client else TICKET_FIRST_USE):
                del self._known.tickets[digest]
        if len(self._known.tickets) >= MOST_TICKETS:
            raise FullError("Too many tickets are open; try again in a minute.", 60)
        secret = TICKET + secrets.token_urlsafe(32)
        digest, ticket = digest_of(secret), Ticket(holder, now, None)
        await self._write(lambda conn: people.add_ticket(conn, digest, ticket))
        self._known.tickets[digest] = ticket
        return secret

    # --- the night ----------------------------------------------------------------------------

    async def note_use(self) -> None:
        """Write who was seen since the last time; once a day and at a stop."""
        used, self._used = self._used, {}
        seen, self._seen = self._seen, {}
        for key, at in used.items():
            if key in self._known.keys:
                self._known.keys[key] = replace(self._known.keys[key], last_used=at)
        if used or seen:
            await self._write(lambda conn: people.note_use(conn, used, seen))

    async def forget_the_gone(self, now: float) -> int:
        """Drop some of what nobody can need any more (epoch seconds); returns how many members."""
        await self._write(lambda conn: people.drop_tickets(conn, now - TICKET_LASTS))
        for key in await self._write(lambda conn: people.drop_keys(conn, now - KEY_FORGOTTEN)):
            self._known.keys.pop(key, None)
        drop = partial(people.drop_members, before=now - MEMBER_FORGOTTEN, most=DROPPED_AT_ONCE)
        gone = await self._write(drop)
        self._forget(gone)
        return len(gone)

    def _forget(self, members: list[str]) -> None:
        gone = set(members)
        self._gone(members)
        for digest, member in tuple(self._known.members.items()):
            if member in gone:
                del self._known.members[digest]
        for digest, ticket in tuple(self._known.tickets.items()):
            if ticket.holder.role is Role.MEMBER and ticket.holder.id in gone:
                del self._known.tickets[digest]


def digest_of(secret: str) -> bytes:
    """What is stored and compared; the secret has 256 random bits, so that none is guessed."""
    return hashlib.sha256(secret.encode(errors="surrogateescape")).digest()
