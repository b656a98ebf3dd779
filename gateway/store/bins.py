"""Bins on disk: written time-first, packed a day per row, read machine-first."""

import sqlite3
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping

from gateway.core.bins import BIN_SECONDS, Bin

DAY = 86400
SLOTS = DAY // BIN_SECONDS
FIELDS = 4  # occupied, observed (tenths of a second), sessions, revision + 1 (0: no such bin)
MOST = 65535  # what a field holds; 900 s are 9,000 tenths
PACK_AFTER = 2 * DAY  # seconds: late words correct the day before; a packed day is rewritten whole


def write(
    conn: sqlite3.Connection, bins: Iterable[Bin], numbers: Mapping[str, int], change: int
) -> int:
    """Store bins, each with the next change number; returns the last one given.

    One that says otherwise than what is stored gets a higher revision than that: whoever was told
    the old one takes the new one.
    """
    packed: dict[tuple[int, int], array[int]] = {}
    rows = [
        (
            b.start,
            numbers[b.machine],
            b.occupied,
            b.observed,
            b.sessions,
            max(b.revision, _least_revision(conn, b, numbers[b.machine], packed)),
            number,
        )
        for number, b in enumerate(bins, change + 1)
    ]
    conn.executemany("INSERT OR REPLACE INTO bins VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    return change + len(rows)


def changed(conn: sqlite3.Connection, after: int, limit: int) -> list[tuple[int, Bin]]:
    """(change number, bin) of loose bins with a number above `after`, by number.

    The number has no index, which would double what a bin writes: all that is loose is looked at.
    """
    rows = conn.execute(
        "SELECT change, machines.machine, start, occupied, observed, sessions, revision"
        " FROM bins JOIN machines ON number = bins.machine"
        " WHERE change > ? ORDER BY change LIMIT ?",
        [after, limit],
    )
    return [(change, Bin(*values)) for change, *values in rows]


def day_of_all(conn: sqlite3.Connection, day: int) -> list[Bin]:
    """Every machine's bins of a UTC day, as they stand; in no order."""
    names = dict(conn.execute("SELECT number, machine FROM machines"))
    found: dict[tuple[int, int], Bin] = {}
    for number, name in names.items():  # a day's rows lie apart: each is sought by its key
        for one in _packed(conn, name, number, day * DAY, _end(day) - 1):
            found[number, one.start] = one
    loose = conn.execute(
        "SELECT machine, start, occupied, observed, sessions, revision FROM bins"
        " WHERE start >= ? AND start < ?",
        [day * DAY, _end(day)],
    )
    found.update(((row[0], row[1]), Bin(names[row[0]], *row[1:])) for row in loose)
    return [*found.values()]


def closed_until(conn: sqlite3.Connection) -> int:
    """The end of the newest stored bin (epoch seconds); 0 without any."""
    (newest,) = conn.execute("SELECT max(start) FROM bins").fetchone()
    if newest is not None:
        return int(newest) + BIN_SECONDS
    return _end(last_packed_day(conn))


def reached(conn: sqlite3.Connection) -> int:
    """The start of the bin that was stored last; 0 without any.

    Not the newest one's: a clock that ran ahead has left bins of the future.
    """
    row = conn.execute("SELECT start FROM bins ORDER BY change DESC LIMIT 1").fetchone()
    return int(row[0]) if row else max(0, _end(last_packed_day(conn)) - BIN_SECONDS)


def has_change(conn: sqlite3.Connection, change: int) -> bool:
    """Whether a loose bin bears that change's number; packed ones bear none."""
    return conn.execute("SELECT 1 FROM bins WHERE change = ?", [change]).fetchone() is not None


def last_packed_day(conn: sqlite3.Connection) -> int:
    """The newest UTC day that is packed; -1: none is."""
    (day,) = conn.execute("SELECT max(day) FROM days").fetchone()
    return -1 if day is None else int(day)


def oldest_day(conn: sqlite3.Connection) -> int | None:
    """The first UTC day of which a bin is stored."""
    (day,) = conn.execute("SELECT min(day) FROM days").fetchone()
    (start,) = conn.execute("SELECT min(start) FROM bins").fetchone()
    return min((d for d in (day, start and start // DAY) if d is not None), default=None)


def read(conn: sqlite3.Connection, machine: str, start: int, end: int) -> list[Bin]:
    """A machine's bins with start ≤ bin.start < end, in order; whole bins."""
    number = _number(conn, machine)
    if number is None:
        return []
    found = {b.start: b for b in _packed(conn, machine, number, start, end)}
    found.update((b.start, b) for b in _loose(conn, machine, number, start, end))
    return [found[key] for key in sorted(found)]


def read_loose(conn: sqlite3.Connection, machine: str, start: int, end: int) -> list[Bin]:
    """Those of a machine's bins that are not packed yet."""
    number = _number(conn, machine)
    return [] if number is None else list(_loose(conn, machine, number, start, end))


def is_known(conn: sqlite3.Connection, machine: str) -> bool:
    """Whether the file has ever heard of the machine."""
    return _number(conn, machine) is not None


def pack(conn: sqlite3.Connection, before: float) -> int:
    """Pack the oldest day if it ended `PACK_AFTER` before; returns how many machines' it packed.

    A whole day at once: its machines share pages, which are given back unwritten that way.
    """
    (oldest,) = conn.execute("SELECT min(start) FROM bins").fetchone()
    if oldest is None or oldest // DAY * DAY + DAY + PACK_AFTER > before:
        return 0
    day = oldest // DAY
    days: dict[int, array[int]] = {}
    for number, start, occupied, observed, sessions, revision in conn.execute(
        "SELECT machine, start, occupied, observed, sessions, revision FROM bins WHERE start < ?",
        [_end(day)],
    ):
        if number not in days:
            days[number] = _stored_day(conn, number, day)
        at = start % DAY // BIN_SECONDS * FIELDS
        values = (round(occupied * 10), round(observed * 10), sessions, revision + 1)
        days[number][at : at + FIELDS] = array("H", [min(MOST, value) for value in values])
    rows = [(number, day, zlib.compress(fields.tobytes(), 6)) for number, fields in days.items()]
    conn.executemany("INSERT OR REPLACE INTO days VALUES (?, ?, ?)", rows)
    conn.execute("DELETE FROM bins WHERE start < ?", [_end(day)])
    return len(rows)


def purge(conn: sqlite3.Connection, before: float) -> int:
    """Delete one machine's packed days that ended before that moment; returns how many."""
    old = conn.execute(
        "SELECT number FROM machines WHERE EXISTS"
        " (SELECT 1 FROM days WHERE machine = number AND day < ?) LIMIT 1",
        [before // DAY],
    ).fetchone()
    if old is None:
        return 0
    delete = "DELETE FROM days WHERE machine = ? AND day < ?"
    return conn.execute(delete, [*old, before // DAY]).rowcount


def packed_days(
    conn: sqlite3.Connection, machine: str, first: int, last: int
) -> Iterator[tuple[int, "array[int]"]]:
    """(day number, its fields, 4 a slot) of a machine, `first` ≤ day < `last`."""
    number = _number(conn, machine)
    rows = conn.execute(
        "SELECT day, bins FROM days WHERE machine = ? AND day >= ? AND day < ?",
        [number, first, last],
    )
    for day, blob in rows:
        yield day, _fields(blob)


def _least_revision(
    conn: sqlite3.Connection, new: Bin, number: int, packed: dict[tuple[int, int], "array[int]"]
) -> int:
    """One more than what is stored, unless that says the same; `packed` remembers days."""
    row = conn.execute(
        "SELECT occupied, observed, sessions, revision FROM bins WHERE start = ? AND machine = ?",
        [new.start, number],
    ).fetchone()
    if row is not None:
        said, revision = _tenths(Bin(new.machine, new.start, *row)), int(row[3])
    else:
        key = (number, new.start // DAY)
        if key not in packed:
            packed[key] = _stored_day(conn, *key)
        at = new.start % DAY // BIN_SECONDS * FIELDS
        said, revision = tuple(packed[key][at : at + FIELDS - 1]), packed[key][at + FIELDS - 1] - 1
    return max(0, revision if said == _tenths(new) else revision + 1)


def _tenths(one: Bin) -> tuple[int, ...]:
    return round(one.occupied * 10), round(one.observed * 10), one.sessions


def _stored_day(conn: sqlite3.Connection, number: int, day: int) -> "array[int]":
    """A day to be filled: as it was packed before, else with no bin in it."""
    row = conn.execute(
        "SELECT bins FROM days WHERE machine = ? AND day = ?", [number, day]
    ).fetchone()
    return _fields(row[0]) if row else array("H", bytes(2 * FIELDS * SLOTS))


def _end(day: int) -> int:
    return (day + 1) * DAY


def _fields(blob: bytes) -> "array[int]":
    fields = array("H")
    fields.frombytes(zlib.decompress(blob))
    return fields


def _packed(
    conn: sqlite3.Connection, machine: str, number: int, start: int, end: int
) -> Iterator[Bin]:
    rows = conn.execute(
        "SELECT day, bins FROM days WHERE machine = ? AND day >= ? AND day <= ?",
        [number, start // DAY, end // DAY],
    )
    for day, blob in rows:
        fields = _fields(blob)
        midnight = day * DAY
        for slot in range(_slot(start - midnight), _slot(end - midnight)):
            occupied, observed, sessions, revision = fields[slot * FIELDS : (slot + 1) * FIELDS]
            if revision:
                begin = midnight + slot * BIN_SECONDS
                yield Bin(machine, begin, occupied / 10, observed / 10, sessions, revision - 1)


def _slot(second: int) -> int:
    """The first slot of a day that begins at that second of it, or after."""
    return min(SLOTS, max(0, -(-second // BIN_SECONDS)))


def _loose(
    conn: sqlite3.Connection, machine: str, number: int, start: int, end: int
) -> Iterator[Bin]:
    """Bins not packed yet: the table is ordered by time, so each is sought by its own key."""
    (oldest,) = conn.execute("SELECT min(start) FROM bins").fetchone()
    first = max(-(-start // BIN_SECONDS) * BIN_SECONDS, oldest or 0)
    if oldest is None or first >= end:
        return
    rows = conn.execute(
        "WITH RECURSIVE quarter(start) AS (VALUES (?) UNION ALL"
        " SELECT start + 900 FROM quarter WHERE start + 900 < ?)"
        " SELECT bins.start, occupied, observed, sessions, revision"
        " FROM quarter CROSS JOIN bins ON bins.start = quarter.start AND bins.machine = ?",
        [first, end, number],
    )
    for row in rows:
        yield Bin(machine, *row)


def _number(conn: sqlite3.Connection, machine: str) -> int | None:
    row = conn.execute("SELECT number FROM machines WHERE machine = ?", [machine]).fetchone()
    return None if row is None else row[0]
