"""What the chain has not acknowledged yet. The table is the queue; the history is its source."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gateway.core.bins import BIN_SECONDS
from gateway.core.digests import DAY, HOUR, Row, Width
from gateway.core.events import Cursor
from gateway.store.alerts import tallies, tally

READER = "upstream"  # whose cursor it is, and the head of its tallies
ROW_BYTES = 32  # bytes of a row in the file, its share of the page included; measured: 29 to 31
WIDTHS: tuple[Width, ...] = (86_400, 3_600, 900)  # by their place here: merged rows are the oldest
DAYS, HOURS, FINE = range(3)
KEPT_FINE = 2 * DAY  # seconds: late words correct the last day, and what is merged is corrected not


class Key(NamedTuple):
    """A row's place in the queue; tuples compare as the table is ordered."""

    width: int
    start: int
    machine: int


class Waiting(NamedTuple):
    """A row and where it stands."""

    key: Key
    row: Row


class Merged(NamedTuple):
    """What one step of making room did."""

    merged: int
    """Rows that went into wider ones."""
    made: int
    """The wider ones."""
    dropped: int


def put(conn: sqlite3.Connection, rows: Sequence[Row]) -> int:
    """Queue rows; of two of the same time the higher revision stays. Returns how many are new."""
    numbers = _numbers(conn, {row.machine for row in rows})
    values = [
        (
            WIDTHS.index(r.seconds),
            r.start,
            numbers[r.machine],
            r.revision,
            r.occupied,
            r.observed,
            r.sessions,
        )
        for r in rows
    ]
    new = conn.executemany(
        "INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", values
    ).rowcount
    if new < len(values):
        conn.executemany(
            "UPDATE outbox SET revision = ?4, occupied = ?5, observed = ?6, sessions = ?7"
            " WHERE width = ?1 AND start = ?2 AND machine = ?3 AND revision < ?4",
            values,
        )
    return max(0, new)


def take(conn: sqlite3.Connection, after: Key | None, limit: int) -> list[Waiting]:
    """The next rows behind that place, the oldest first."""
    rows = conn.execute(
        "SELECT width, start, outbox.machine, names.machine, revision, occupied, observed, sessions"
        " FROM outbox JOIN outbox_machines AS names ON number = outbox.machine"
        " WHERE (width, start, outbox.machine) > (?, ?, ?)"
        " ORDER BY width, start, outbox.machine LIMIT ?",
        [*(after or (-1, 0, 0)), limit],
    )
    return [
        Waiting(Key(width, start, number), Row(name, start, rev, busy, seen, began, WIDTHS[width]))
        for width, start, number, name, rev, busy, seen, began in rows
    ]


def remove(conn: sqlite3.Connection, sent: Iterable[Waiting]) -> int:
    """They were acknowledged; what has a newer revision by now stays. Returns how many went."""
    gone = conn.executemany(
        "DELETE FROM outbox WHERE width = ? AND start = ? AND machine = ? AND revision = ?",
        [(*waiting.key, waiting.row.revision) for waiting in sent],
    ).rowcount
    note(conn, acknowledged=gone)
    return gone


def size(conn: sqlite3.Connection) -> int:
    """How many rows wait; counts them, so ask once."""
    (count,) = conn.execute("SELECT count(*) FROM outbox").fetchone()
    return int(count)


def oldest(conn: sqlite3.Connection) -> int | None:
    """Where the oldest row begins (epoch seconds)."""
    starts = [_first(conn, width) for width in range(len(WIDTHS))]
    return min((start for start in starts if start is not None), default=None)


def waits(conn: sqlite3.Connection, day: int) -> bool:
    """Whether a fine row of that UTC day waits."""
    found = conn.execute(
        "SELECT 1 FROM outbox WHERE width = ? AND start >= ? AND start < ? LIMIT 1",
        [FINE, day * DAY, (day + 1) * DAY],
    )
    return found.fetchone() is not None


def make_room(conn: sqlite3.Connection, newest: int, revision: int) -> Merged:
    """One step: the oldest day in quarters becomes hours, else in hours a day, else it goes.

    `newest`: the start of the newest bin; the last two days stay as they are. What lies ahead of
    it is of a clock that leapt, and goes before all that was seen: from its end, a day at a time.
    `revision` of what is made: a later merge of the same time must have a higher one.
    """
    if ahead := _drop_ahead(conn, newest):
        return Merged(0, 0, ahead)
    for width in (FINE, HOURS):
        start = _first(conn, width)
        if start is not None and start // DAY * DAY + DAY <= newest - KEPT_FINE:
            return _merge(conn, width, start // DAY * DAY + DAY, revision)
    start = oldest(conn)
    dropped = 0 if start is None else drop(conn, start // DAY * DAY + DAY)
    return Merged(0, 0, dropped)


def drop(conn: sqlite3.Connection, before: int) -> int:
    """Rows that began before that moment go unsent; returns how many."""
    gone = sum(
        conn.execute("DELETE FROM outbox WHERE width = ? AND start < ?", [width, before]).rowcount
        for width in range(len(WIDTHS))
    )
    note(conn, dropped=gone)
    return gone


def _drop_ahead(conn: sqlite3.Connection, newest: int) -> int:
    (last,) = conn.execute("SELECT max(start) FROM outbox WHERE width = ?", [FINE]).fetchone()
    if last is None or last <= newest:
        return 0
    since = max(newest + 1, last // DAY * DAY)
    gone = conn.execute("DELETE FROM outbox WHERE width = ? AND start >= ?", [FINE, since]).rowcount
    note(conn, dropped=gone)
    return gone


def hours_before(conn: sqlite3.Connection, before: int) -> dict[int, int]:
    """Hour (its start) → quarters in it that wait and began before that moment; merged ones too."""
    found: Counter[int] = Counter()
    rows = conn.execute(
        "SELECT width, start, count(*) FROM outbox WHERE start < ? GROUP BY width, start", [before]
    )
    for width, start, count in rows:
        quarters = 1 if width == FINE else HOUR // BIN_SECONDS
        for hour in range(start - start % HOUR, start + WIDTHS[width], HOUR):
            found[hour] += count * quarters
    return dict(found)


def cursor(conn: sqlite3.Connection) -> Cursor | None:
    """How far the history has been copied: its epoch, and the number of a change of bins."""
    row = conn.execute("SELECT epoch, seq FROM cursors WHERE reader = ?", [READER]).fetchone()
    return None if row is None else Cursor(*row)


def advance(conn: sqlite3.Connection, to: Cursor) -> None:
    """It is copied up to there; belongs into the transaction of the rows."""
    conn.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?, ?)", [READER, to.epoch, to.seq])


def note(conn: sqlite3.Connection, **counts: int) -> None:
    """Count what became of rows."""
    tally(conn, {f"{READER}.{name}": count for name, count in counts.items()})


def noted(conn: sqlite3.Connection) -> dict[str, int]:
    """What became of rows since the file was made."""
    head = f"{READER}."
    return {
        name.removeprefix(head): int(count)
        for name, count in tallies(conn).items()
        if name.startswith(head)
    }


def _merge(conn: sqlite3.Connection, width: int, before: int, revision: int) -> Merged:
    """Of two merged rows of one span the one that observed more stays: nothing counts twice."""
    wider = WIDTHS[width - 1]
    had = _count(conn, width - 1, before)
    conn.execute(
        "INSERT INTO outbox SELECT ?, start - start % ?, machine, ?, sum(occupied), sum(observed),"
        " sum(sessions) FROM outbox WHERE width = ? AND start < ? GROUP BY 2, 3"
        " ON CONFLICT DO UPDATE SET revision = excluded.revision, occupied = excluded.occupied,"
        " observed = excluded.observed, sessions = excluded.sessions"
        " WHERE excluded.observed >= observed",
        [width - 1, wider, revision, width, before],
    )
    gone = conn.execute(
        "DELETE FROM outbox WHERE width = ? AND start < ?", [width, before]
    ).rowcount
    note(conn, merged=gone)
    return Merged(gone, _count(conn, width - 1, before) - had, 0)


def _count(conn: sqlite3.Connection, width: int, before: int) -> int:
    (count,) = conn.execute(
        "SELECT count(*) FROM outbox WHERE width = ? AND start < ?", [width, before]
    ).fetchone()
    return int(count)


def _first(conn: sqlite3.Connection, width: int) -> int | None:
    (start,) = conn.execute("SELECT min(start) FROM outbox WHERE width = ?", [width]).fetchone()
    return None if start is None else int(start)


def _numbers(conn: sqlite3.Connection, machines: set[str]) -> dict[str, int]:
    names = [(name,) for name in sorted(machines)]
    conn.executemany("INSERT OR IGNORE INTO outbox_machines (machine) VALUES (?)", names)
    return {
        name: conn.execute(
            "SELECT number FROM outbox_machines WHERE machine = ?", [name]
        ).fetchone()[0]
        for name in machines
    }
