"""The log of events: append-only, numbered, nothing beside it in a commit."""

import secrets
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from math import inf
from typing import Any

from gateway.core.events import Cursor, DatedChange, Event, Status
from gateway.store.schema import CAUSES, STATUSES

PURGED_AT_ONCE = 500  # rows a transaction: a few milliseconds of the writer's time
ROW = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
LOOKED_AT = 200_000  # events, a week of a busy branch, 1 s on a Pi: what is older is not known
AT_ONCE = 50  # rows of one INSERT: sqlite3 gives the interpreter away and back once a statement
INSERT = f"INSERT INTO events VALUES {ROW}"  # noqa: S608  a constant
INSERT_MANY = INSERT + f", {ROW}" * (AT_ONCE - 1)
SELECT = """
    SELECT seq, epochs.epoch, machines.machine, status, cause, timestamp, last_change, live,
           sensor_seq, synchronised, calibration
    FROM events JOIN machines ON machines.number = events.machine
    JOIN epochs ON epochs.number = events.epoch
"""
_STATUS_CODES = {status: code for code, status in enumerate(STATUSES)}
_CAUSE_CODES = {cause: code for code, cause in enumerate(CAUSES)}


class Log:
    """Appends events; used by the writer thread alone."""

    def __init__(self, conn: sqlite3.Connection, boot: str) -> None:
        self._conn = conn
        self._seq = self._stored_seq()
        self.boot = _number(conn, "boots", "boot", boot)
        """The small number that stands for this boot in this file."""
        found = _newest_epoch(conn)
        self.is_new = found is None
        self._epoch, self.epoch = found or self.begin_epoch("created")
        self._machines: dict[str, int] = {}

    @property
    def cursor(self) -> Cursor:
        """The newest event's name."""
        return Cursor(self.epoch, self._seq)

    def begin_epoch(self, reason: str) -> tuple[int, str]:
        """Number anew under another word: numbers could have been issued twice."""
        self._conn.execute("UPDATE epochs SET last_seq = ? WHERE last_seq IS NULL", [self._seq])
        word = secrets.token_hex(8)
        self._conn.execute(
            "INSERT INTO epochs (epoch, reason) VALUES (?, ?)",
            [word, reason],
        )
        self._epoch, self.epoch = _newest_epoch(self._conn) or (0, word)
        return self._epoch, self.epoch

    def append(self, changes: Sequence[DatedChange]) -> list[Event]:
        """Number the changes and write them; they are events once the transaction commits."""
        self._seq = self._stored_seq()  # what was undone left no number behind
        rows, events = [], []
        numbers = self.machine_numbers(dated.change.machine for dated in changes)
        for dated in changes:
            change = dated.change
            self._seq += 1
            rows.append(
                (
                    self._seq,
                    numbers[change.machine],
                    _STATUS_CODES[change.status],
                    _CAUSE_CODES[change.cause],
                    dated.timestamp,
                    dated.last_change,
                    dated.monotonic,
                    self._epoch,
                    self.boot,
                    dated.synchronised,
                    change.live,
                    change.sensor_seq,
                    change.calibration,
                )
            )
            events.append(
                Event(
                    self._seq,
                    self.epoch,
                    change.machine,
                    change.status,
                    change.cause,
                    dated.timestamp,
                    dated.last_change,
                    change.live,
                    change.sensor_seq,
                    dated.synchronised,
                    change.calibration,
                )
            )
        self._insert(rows)
        return events

    def _insert(self, rows: Sequence[tuple[object, ...]]) -> None:
        whole = len(rows) - len(rows) % AT_ONCE
        for start in range(0, whole, AT_ONCE):
            values = [*chain.from_iterable(rows[start : start + AT_ONCE])]
            self._conn.execute(INSERT_MANY, values)
        self._conn.executemany(INSERT, rows[whole:])

    def machine_numbers(self, machines: Iterable[str]) -> Mapping[str, int]:
        """The small numbers that stand for machines in this file, made where they are new."""
        (stored,) = self._conn.execute("SELECT coalesce(max(number), 0) FROM machines").fetchone()
        if stored != len(self._machines):  # a first look, or what made one was undone
            self._machines = dict(self._conn.execute("SELECT machine, number FROM machines"))
        for machine in machines:
            if machine not in self._machines:
                self._machines[machine] = _number(self._conn, "machines", "machine", machine)
        return self._machines

    def redate(self, offset: float) -> int:
        """Give this boot's unsynchronised events their true times; returns how many.

        They are the newest ones: years of older events are not looked at.
        """
        changed: int = self._conn.execute(
            "UPDATE events SET timestamp = monotonic + :offset,"
            " last_change = last_change - timestamp + monotonic + :offset, synchronised = 1"
            " WHERE synchronised = 0 AND boot = :boot AND seq > coalesce("
            "(SELECT seq FROM events WHERE boot <> :boot ORDER BY seq DESC LIMIT 1), 0)",
            {"offset": offset, "boot": self.boot},
        ).rowcount
        return changed

    def _stored_seq(self) -> int:
        newest: int = self._conn.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
        return newest


def events_after(conn: sqlite3.Connection, seq: int, upto: int, limit: int) -> list[Event]:
    """The events numbered `seq` < n ≤ `upto`, at most `limit`."""
    rows = conn.execute(
        f"{SELECT} WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
        [seq, upto, limit],
    )
    return [_event(row) for row in rows]


def statuses_at(conn: sqlite3.Connection, cursor: Cursor) -> dict[str, Status]:
    """Every machine's status as of that event, as far as the newest events before it tell."""
    last = surviving(conn, cursor.epoch)
    seq = cursor.seq if last is None else min(cursor.seq, last)
    rows = conn.execute(f"{SELECT} WHERE seq <= ? ORDER BY seq DESC LIMIT ?", [seq, LOOKED_AT])
    found: dict[str, Status] = {}
    (machines,) = conn.execute("SELECT count(*) FROM machines").fetchone()
    for row in rows:
        event = _event(row)
        found.setdefault(event.machine, event.status)
        if len(found) == machines:
            break
    return found


def oldest(conn: sqlite3.Connection) -> int:
    """The number of the oldest event that is kept; 0 if there is none."""
    found: int = conn.execute("SELECT coalesce(min(seq), 0) FROM events").fetchone()[0]
    return found


def surviving(conn: sqlite3.Connection, epoch: str) -> int | None:
    """The last surviving number of an ended epoch; None if it is unknown or still runs."""
    row = conn.execute("SELECT last_seq FROM epochs WHERE epoch = ?", [epoch]).fetchone()
    return None if row is None else row[0]


def purge(conn: sqlite3.Connection, before: float, now: float = inf) -> int:
    """Delete some of the oldest events recorded before that moment; never the newest of all.

    What a clock that ran ahead dated later than `now` goes along.
    """
    return conn.execute(
        "DELETE FROM events WHERE seq IN (SELECT seq FROM events ORDER BY seq LIMIT :most)"
        " AND (timestamp < :before OR timestamp > :now AND :before >"
        " (SELECT timestamp FROM events WHERE timestamp <= :now ORDER BY seq LIMIT 1))"
        " AND seq < (SELECT max(seq) FROM events)",
        {"most": PURGED_AT_ONCE, "before": before, "now": now},
    ).rowcount


def _event(row: Any) -> Event:
    """A row of SELECT; sqlite3 types its rows as Any."""
    seq, epoch, machine, status, cause, timestamp, last_change, live, sensor_seq, *more = row
    right, calibration = more
    return Event(
        seq,
        epoch,
        machine,
        STATUSES[status],
        CAUSES[cause],
        timestamp,
        last_change,
        bool(live),
        sensor_seq,
        bool(right),
        calibration,
    )


def _number(conn: sqlite3.Connection, table: str, column: str, value: str) -> int:
    """The number of `value` in a table of names, made when it is new. Names are constants."""
    conn.execute(f"INSERT OR IGNORE INTO {table} ({column}) VALUES (?)", [value])  # noqa: S608
    row = conn.execute(f"SELECT number FROM {table} WHERE {column} = ?", [value]).fetchone()  # noqa: S608
    found: int = row[0]
    return found


def _newest_epoch(conn: sqlite3.Connection) -> tuple[int, str] | None:
    row: tuple[int, str] | None = conn.execute(
        "SELECT number, epoch FROM epochs ORDER BY number DESC LIMIT 1"
    ).fetchone()
    return row
