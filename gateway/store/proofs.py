"""What was proven to the chain: per UTC day the newest digest it has, and what it asked for."""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from gateway.core.digests import DAY, HOUR


class Lost(msgspec.Struct, frozen=True, array_like=True):
    """Bins of an hour that cannot be sent any more."""

    hour: int
    bins: int
    reason: str


class Notes(msgspec.Struct, frozen=True):
    """What else is known of a day."""

    asked: tuple[int, ...] = ()
    """Hours that the hub asked for and that were not sent again yet."""
    tries: dict[int, int] = {}
    """Hour → how often it was sent again and stayed as it is."""
    lost: tuple[Lost, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """A UTC day, counted in days since the epoch."""

    day: int
    stale: int
    """How often its rows changed since `told`."""
    told: bytes | None
    """The digest that the broker acknowledged last."""
    answered: float
    """When it was sent again last (epoch seconds); 0: never."""
    notes: Notes


_DECODER = msgspec.msgpack.Decoder(Notes)
_EMPTY = msgspec.msgpack.encode(Notes())
SELECT = "SELECT day, stale, told, answered, notes FROM proofs"


def stain(conn: sqlite3.Connection, days: Iterable[int]) -> None:
    """Rows of these days have changed: their digests are to be told anew."""
    conn.executemany(
        "INSERT INTO proofs VALUES (?, 1, NULL, 0, ?) ON CONFLICT DO UPDATE SET stale = stale + 1",
        [(day, _EMPTY) for day in days],
    )


def cover(conn: sqlite3.Connection, days: Iterable[int]) -> None:
    """Days of which nothing is known are to be told: they may have passed while nobody copied."""
    conn.executemany(
        "INSERT OR IGNORE INTO proofs VALUES (?, 1, NULL, 0, ?)", [(day, _EMPTY) for day in days]
    )


def days(conn: sqlite3.Connection) -> dict[int, int]:
    """Day → how often its rows changed since it was told, the oldest first."""
    return dict(conn.execute("SELECT day, stale FROM proofs ORDER BY day"))


def asked(conn: sqlite3.Connection) -> list[Proof]:
    """The days of which hours were asked for."""
    rows = conn.execute(f"{SELECT} ORDER BY day")
    return [proof for proof in map(_proof, rows) if proof.notes.asked]


def read(conn: sqlite3.Connection, day: int) -> Proof:
    """What is known of a day."""
    row = conn.execute(f"{SELECT} WHERE day = ?", [day]).fetchone()
    return Proof(day, 0, None, 0.0, Notes()) if row is None else _proof(row)


def told(conn: sqlite3.Connection, day: int, digest: bytes, stale: int) -> None:
    """The broker has acknowledged it; `stale` as it was when the digest was made."""
    conn.execute(
        "UPDATE proofs SET told = ?, stale = max(0, stale - ?) WHERE day = ?", [digest, stale, day]
    )


def told_after(conn: sqlite3.Connection, day: int) -> list[int]:
    """The days behind that one whose digest was told."""
    rows = conn.execute("SELECT day FROM proofs WHERE day > ? AND told IS NOT NULL", [day])
    return [int(found) for (found,) in rows]


def take_back(conn: sqlite3.Connection, day: int) -> None:
    """What was told of it is not so; it is to be told in its time."""
    conn.execute("UPDATE proofs SET told = NULL, stale = stale + 1 WHERE day = ?", [day])


def forget(conn: sqlite3.Connection, day: int) -> None:
    """It is too old to be proven."""
    conn.execute("DELETE FROM proofs WHERE day = ?", [day])


def write_down(conn: sqlite3.Connection, day: int, notes: Notes) -> None:
    """Replace the notes of a day."""
    conn.execute(
        "INSERT INTO proofs VALUES (?, 0, NULL, 0, ?)"
        " ON CONFLICT DO UPDATE SET notes = excluded.notes",
        [day, msgspec.msgpack.encode(notes)],
    )


def ask(conn: sqlite3.Connection, day: int, hours: Iterable[int]) -> int:
    """The hub asks for these hours; returns how many of them were not asked for yet."""
    notes = read(conn, day).notes
    new = set(hours).difference(notes.asked)
    if new:  # else nothing is written: it may ask each second
        asked = tuple(sorted(new.union(notes.asked)))
        write_down(conn, day, msgspec.structs.replace(notes, asked=asked))
    return len(new)


def try_anew(conn: sqlite3.Connection, day: int, hours: Iterable[int]) -> None:
    """As if these hours had never been sent again."""
    notes, again = read(conn, day).notes, set(hours)
    tries = {hour: count for hour, count in notes.tries.items() if hour not in again}
    write_down(conn, day, msgspec.structs.replace(notes, tries=tries))


def answer(conn: sqlite3.Connection, day: int, notes: Notes, at: float) -> None:
    """It is queued again; its digest is told anew even if it says the same."""
    write_down(conn, day, notes)
    conn.execute(
        "UPDATE proofs SET stale = stale + 1, answered = ? WHERE day = ?",
        [at, day],
    )


def lose(conn: sqlite3.Connection, hours: Mapping[int, int], reason: str) -> None:
    """Hour (its start) → bins of it that will never be sent."""
    by_day: dict[int, list[Lost]] = {}
    for start, bins in hours.items():
        lost = Lost(start % DAY // HOUR, bins, reason)
        by_day.setdefault(start // DAY, []).append(lost)
    for day, found in by_day.items():
        notes = read(conn, day).notes
        again = {one.hour for one in found}
        kept = [one for one in notes.lost if one.hour not in again]
        lost_now = tuple(sorted([*kept, *found], key=lambda one: one.hour))
        write_down(conn, day, msgspec.structs.replace(notes, lost=lost_now))
    stain(conn, by_day)


def _proof(row: tuple[int, int, bytes | None, float, bytes]) -> Proof:
    day, stale, digest, answered, notes = row
    return Proof(day, stale, digest, answered, _DECODER.decode(notes))
