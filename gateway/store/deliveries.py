"""Where members want to be told, and what is on its way to them. The table is the queue."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.core.notices import Outcome, Target
from gateway.core.rings import Firing
from gateway.store.alerts import tally

MOST_DUE = 64  # of one way looked at in one go: 32 are under way at a time
HOST = (  # of a URL, with its scheme; a topic has none
    "iif(instr(address, '://'), substr(address, 1, instr(address, '://') + 2 +"
    " instr(substr(address, instr(address, '://') + 3) || '/', '/')), '')"
)


@dataclass(frozen=True, slots=True)
class Row:
    """A delivery as it is stored; `due` in epoch seconds."""

    number: int
    firing: str
    member: str
    target: str
    channel: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """A ring for one target; `due` in epoch seconds."""

    firing: Firing
    member: str
    target: Target
    due: float


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A member's target, since when (epoch seconds)."""

    member: str
    target: Target
    created: float


def add_target(conn: sqlite3.Connection, one: Subscribed) -> None:
    """A new one, or a known one with other keys."""
    target = one.target
    keys = json.dumps(dict(target.keys))
    conn.execute(
        "INSERT OR REPLACE INTO targets VALUES (?, ?, ?, ?, ?, ?)",
        [target.id, one.member, target.channel, target.address, keys, one.created],
    )


def targets(conn: sqlite3.Connection) -> list[Subscribed]:
    """All of them, oldest first."""
    rows = conn.execute(
        "SELECT member, id, channel, address, keys, created FROM targets ORDER BY created"
    )
    return [
        Subscribed(member, Target(name, channel, address, json.loads(keys)), created)
        for member, name, channel, address, keys, created in rows
    ]


def drop_target(conn: sqlite3.Connection, target: str, at: float, reason: str) -> None:
    """It is no more, and nothing is sent there."""
    conn.execute("DELETE FROM targets WHERE id = ?", [target])
    conn.execute(
        "UPDATE deliveries SET due = NULL, ended = ?, outcome = 'cancelled', reason = ?"
        " WHERE target = ? AND due IS NOT NULL",
        [at, reason, target],
    )


def queue(conn: sqlite3.Connection, wanted: Iterable[Wanted]) -> None:
    """They are due, each at its time."""
    conn.executemany(
        "INSERT INTO deliveries"
        " (firing, epoch, seq, alert, member, target, channel, attempts, due)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)",
        [
            (one.firing.id, *one.firing.key, one.member, one.target.id, one.target.channel, one.due)
            for one in wanted
        ],
    )


def due(conn: sqlite3.Connection, now: float) -> list[Row]:
    """What is due, the oldest first.

    Of each channel and host, and of each target of the operators', only so many: thousands for
    one that hangs hide none for the others.
    """
    rows = conn.execute(
        "SELECT number, firing, member, target, channel, attempts FROM (SELECT d.*, row_number()"  # noqa: S608
        f" OVER (PARTITION BY d.channel, iif(d.member = '', target, {HOST}) ORDER BY due) AS place"
        " FROM deliveries AS d LEFT JOIN targets AS t ON t.id = d.target WHERE due <= ?)"
        " WHERE place <= ? ORDER BY due",
        [now, MOST_DUE],
    )
    return [Row(*row) for row in rows]


def next_due(conn: sqlite3.Connection) -> float | None:
    """When the next is due (epoch seconds)."""
    found: float | None = conn.execute(
        "SELECT min(due) FROM deliveries WHERE due IS NOT NULL"
    ).fetchone()[0]
    return found


def note(
    conn: sqlite3.Connection,
    number: int,
    channel: str,
    outcome: Outcome,
    *,
    at: float,
    latency: float,
    again: float | None,
) -> None:
    """What an attempt led to; `again` (epoch seconds) is when the next one is due."""
    ended = None if again is not None else at
    conn.execute(
        "UPDATE deliveries SET attempts = attempts + 1, due = ?, ended = ?, outcome = ?,"
        " reason = ?, latency = ? WHERE number = ?",
        [again, ended, outcome.kind, outcome.reason, latency, number],
    )
    if outcome.kind == "delivered":
        conn.execute(
            "UPDATE firings SET delivered = coalesce(delivered, ?)"
            " WHERE (epoch, seq, alert) = (SELECT epoch, seq, alert FROM deliveries"
            " WHERE number = ?)",
            [at, number],
        )
    if again is None:
        kind = "delivered" if outcome.kind == "delivered" else "failed"
        tally(conn, {f"{kind}.{channel}": 1})


def cancel(conn: sqlite3.Connection, numbers: Sequence[int], at: float, reason: str) -> None:
    """They are not sent."""
    conn.executemany(
        "UPDATE deliveries SET due = NULL, ended = ?, outcome = 'cancelled', reason = ?"
        " WHERE number = ? AND due IS NOT NULL",
        [(at, reason, number) for number in numbers],
    )
