"""Who may come in: keys, members and tickets. Only hashes of their secrets are stored."""

import json
import sqlite3
from dataclasses import dataclass

from gateway.core.access import Holder, Key, Role
from gateway.core.errors import UnauthorisedError
from gateway.store import alerts

KEYS = "SELECT id, role, name, created, expires, revoked, last_used, signed, topics FROM keys"


@dataclass(frozen=True, slots=True)
class Ticket:
    """A holder's one-time pass; `client` is who it is bound to since its first use."""

    holder: Holder
    created: float
    client: str | None


@dataclass(frozen=True, slots=True)
class People:
    """All that is known of credentials, by the hash of their secret."""

    keys: dict[str, Key]
    """By id."""
    key_ids: dict[bytes, str]
    members: dict[bytes, str]
    tickets: dict[bytes, Ticket]


def read(conn: sqlite3.Connection) -> People:
    """Everything, at a start."""
    keys = {row[0]: _key(row) for row in conn.execute(KEYS)}
    hashes = conn.execute("SELECT hash, id FROM keys WHERE hash IS NOT NULL")
    members = conn.execute("SELECT hash, id FROM members")
    tickets = conn.execute("SELECT hash, role, holder, created, client FROM tickets")
    return People(
        keys,
        dict(hashes),
        dict(members),
        {h: Ticket(Holder(Role(role), who), at, client) for h, role, who, at, client in tickets},
    )


def add_key(conn: sqlite3.Connection, key: Key, digest: bytes | None, password: str | None) -> None:
    """A new key; `password` is the embedded broker's own form of a sensor's, hashed."""
    values = (key.id, key.role.value, key.name, digest, key.created, key.expires)
    rest = (key.signed, json.dumps(key.topics), password)
    conn.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, ?, ?, ?)", values + rest)


def revoke_key(conn: sqlite3.Connection, key: str, at: float) -> None:
    """It is good for nothing from now on; its row stays for the audit."""
    conn.execute("UPDATE keys SET revoked = ? WHERE id = ? AND revoked IS NULL", [at, key])


def drop_keys(conn: sqlite3.Connection, before: float) -> list[str]:
    """Forget keys that ended before that moment."""
    ended = "coalesce(revoked, expires) < ?"
    ids = [row[0] for row in conn.execute(f"SELECT id FROM keys WHERE {ended}", [before])]  # noqa: S608  a constant
    conn.execute(f"DELETE FROM keys WHERE {ended}", [before])  # noqa: S608  a constant
    return ids


def sensor_users(conn: sqlite3.Connection, now: float) -> list[tuple[str, str, tuple[str, ...]]]:
    """(user, hashed password, topics) of every sensor key that is good."""
    rows = conn.execute(
        "SELECT id, password, topics FROM keys WHERE password IS NOT NULL AND revoked IS NULL"
        " AND (expires IS NULL OR expires > ?) ORDER BY id",
        [now],
    )
    return [(user, password, tuple(json.loads(topics))) for user, password, topics in rows]


def note_use(conn: sqlite3.Connection, used: dict[str, float], seen: dict[str, float]) -> None:
    """When keys were last used, and members last seen."""
    conn.executemany("UPDATE keys SET last_used = ? WHERE id = ?", _swapped(used))
    conn.executemany("UPDATE members SET seen = ? WHERE id = ?", _swapped(seen))


def add_member(conn: sqlite3.Connection, member: str, digest: bytes, at: float) -> None:
    """A new anonymous phone."""
    conn.execute("INSERT INTO members VALUES (?, ?, ?, ?)", [member, digest, at, at])


def must_know(conn: sqlite3.Connection, member: str) -> None:
    """Before a row of the member's is written. Raises UnauthorisedError: it left a moment ago."""
    if conn.execute("SELECT 1 FROM members WHERE id = ?", [member]).fetchone() is None:
        raise UnauthorisedError("This member has left, with all its data.")


def sweep(conn: sqlite3.Connection) -> None:
    """Forget what is left of members that are gone, at a start."""
    gone = (
        "SELECT member FROM alerts UNION SELECT member FROM targets EXCEPT SELECT id FROM members"
    )
    for (member,) in conn.execute(gone).fetchall():
        remove_member(conn, member)


def remove_member(conn: sqlite3.Connection, member: str) -> None:
    """With all its data."""
    alerts.remove_member(conn, member)
    conn.execute("DELETE FROM members WHERE id = ?", [member])
    conn.execute("DELETE FROM tickets WHERE role = 'member' AND holder = ?", [member])
    conn.execute("UPDATE reports SET who = 'a former member' WHERE who = ?", [f"member:{member}"])


def drop_members(conn: sqlite3.Connection, before: float, most: int) -> list[str]:
    """Forget some of those not seen since that moment."""
    rows = conn.execute("SELECT id FROM members WHERE seen < ? LIMIT ?", [before, most])
    ids = [row[0] for row in rows]
    for member in ids:
        remove_member(conn, member)
    return ids


def add_ticket(conn: sqlite3.Connection, digest: bytes, ticket: Ticket) -> None:
    """A pass that nobody has used yet. Raises UnauthorisedError: its member has left."""
    holder = ticket.holder
    if holder.role is Role.MEMBER:
        must_know(conn, holder.id)
    conn.execute(
        "INSERT INTO tickets VALUES (?, ?, ?, ?, ?)",
        [digest, holder.role.value, holder.id, ticket.created, ticket.client],
    )


def bind_ticket(conn: sqlite3.Connection, digest: bytes, client: str) -> None:
    """It is this client's from now on."""
    conn.execute("UPDATE tickets SET client = ? WHERE hash = ?", [client, digest])


def drop_tickets(conn: sqlite3.Connection, before: float) -> None:
    """Forget those made before that moment."""
    conn.execute("DELETE FROM tickets WHERE created < ?", [before])


def _key(row: tuple[str, str, str, float, float, float, float, int, str]) -> Key:
    key, role, name, created, expires, revoked, used, signed, topics = row
    kind, may_write = Role(role), tuple(json.loads(topics))
    return Key(key, kind, name, created, expires, revoked, used, bool(signed), may_write)


def _swapped(times: dict[str, float]) -> list[tuple[float, str]]:
    return [(at, name) for name, at in times.items()]
