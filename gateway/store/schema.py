"""The two files' tables, as numbered migrations; a number once released is never changed."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from gateway.core.events import Cause, Status

STATUSES = [Status.FREE, Status.OCCUPIED, Status.UNKNOWN, Status.OUT_OF_SERVICE]
CAUSES = [
    Cause.OBSERVED,
    Cause.RESTORED,
    Cause.LATE,
    Cause.SILENT,
    Cause.SENSOR_OFFLINE,
    Cause.PORT_DOWN,
    Cause.START,
    Cause.STAFF,
]  # stored as their place here: append only
BUSY_TIMEOUT = 5.0  # seconds: readers never block the writer in WAL mode; a backup tool may
PAGE_BYTES = 512  # a lone event writes one page: with 4096 a day wears the card 2.4 times as much
WAL_BYTES = 4_000_000  # then the writer checkpoints

history = Migrations("history")
ledger = Migrations("ledger")


class NewerSchemaError(Exception):
    """The file was written by a newer gateway."""


@history(name="0001_log")
def _log(db: Database) -> None:
    """Events have no index but their number: each one more doubles the card's wear."""
    for statement in (
        "CREATE TABLE machines (number INTEGER PRIMARY KEY, machine TEXT NOT NULL UNIQUE) STRICT",
        (
            "CREATE TABLE epochs (number INTEGER PRIMARY KEY, epoch TEXT NOT NULL UNIQUE,"
            " reason TEXT NOT NULL, last_seq INTEGER) STRICT"
        ),
        "CREATE TABLE boots (number INTEGER PRIMARY KEY, boot TEXT NOT NULL UNIQUE) STRICT",
        (
            "CREATE TABLE events (seq INTEGER PRIMARY KEY, machine INTEGER NOT NULL,"
            " status INTEGER NOT NULL, cause INTEGER NOT NULL, timestamp REAL NOT NULL,"
            " last_change REAL NOT NULL, monotonic REAL NOT NULL, epoch INTEGER NOT NULL,"
            " boot INTEGER NOT NULL, synchronised INTEGER NOT NULL, live INTEGER NOT NULL,"
            " sensor_seq INTEGER, calibration INTEGER) STRICT"
        ),
        (
            "CREATE TABLE bins (start INTEGER NOT NULL, machine INTEGER NOT NULL,"
            " occupied REAL NOT NULL, observed REAL NOT NULL, sessions INTEGER NOT NULL,"
            " revision INTEGER NOT NULL, change INTEGER NOT NULL,"
            " PRIMARY KEY (start, machine)) STRICT, WITHOUT ROWID"
        ),
        (
            "CREATE TABLE days (machine INTEGER NOT NULL, day INTEGER NOT NULL, bins BLOB NOT NULL,"
            " PRIMARY KEY (machine, day)) STRICT, WITHOUT ROWID"
        ),
        (
            "CREATE TABLE words (sensor TEXT PRIMARY KEY, boot INTEGER NOT NULL,"
            " word BLOB NOT NULL) STRICT, WITHOUT ROWID"
        ),
        "CREATE TABLE marks (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID",
    ):
        db.execute(statement)


@ledger(name="0001_cursors")
def _cursors(db: Database) -> None:
    db.execute(
        "CREATE TABLE cursors (reader TEXT PRIMARY KEY, epoch TEXT NOT NULL, seq INTEGER NOT NULL)"
        " STRICT, WITHOUT ROWID"
    )


def open_to_write(path: Path, migrations: Migrations) -> sqlite3.Connection:
    """The file's one writing connection, migrated; made together with its folder if absent.

    Raises NewerSchemaError, sqlite3.Error, OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    conn = _connect(path, "rwc")
    try:
        conn.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        conn.execute("PRAGMA journal_mode = WAL")
        _migrate(conn, path, migrations)
        conn.execute("PRAGMA synchronous = NORMAL")  # the writer syncs the WAL itself, in time
        conn.execute(f"PRAGMA wal_autocheckpoint = {WAL_BYTES // PAGE_BYTES}")
    except BaseException:
        conn.close()
        raise
    return conn


def open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that cannot write, nor checkpoint."""
    conn = _connect(path, "ro")
    conn.execute("PRAGMA query_only = ON")
    return conn


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        timeout=BUSY_TIMEOUT,
        check_same_thread=False,
    )


def _migrate(conn: sqlite3.Connection, path: Path, migrations: Migrations) -> None:
    db = Database(conn, execute_plugins=False)
    unknown = {done.name for done in migrations.applied(db)} - _known(migrations)
    if unknown:
        raise NewerSchemaError(
            f"{path} was written by a newer gateway (it has {', '.join(sorted(unknown))});"
            " install that version again, or restore a backup made by this one"
        )
    if migrations.pending(db):
        migrations.apply(db)


def _known(migrations: Migrations) -> set[str]:
    with closing(sqlite3.connect(":memory:")) as empty:
        return {migration.name for migration in migrations.pending(Database(empty))}
