"""The two files' tables, as numbered migrations; a number once released is never changed."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
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


@ledger(name="0002_people")
def _people(db: Database) -> None:
    """Secrets are stored as SHA-256 only: they are random, so that a slow hash adds nothing."""
    for statement in (
        (
            "CREATE TABLE keys (id TEXT PRIMARY KEY, role TEXT NOT NULL, name TEXT NOT NULL,"
            " hash BLOB, created REAL NOT NULL, expires REAL, revoked REAL, last_used REAL,"
            " signed INTEGER NOT NULL, topics TEXT NOT NULL, password TEXT) STRICT, WITHOUT ROWID"
        ),
        (
            "CREATE TABLE members (id TEXT PRIMARY KEY, hash BLOB NOT NULL, created REAL NOT NULL,"
            " seen REAL NOT NULL) STRICT, WITHOUT ROWID"
        ),
        (
            "CREATE TABLE tickets (hash BLOB PRIMARY KEY, role TEXT NOT NULL, holder TEXT NOT NULL,"
            " created REAL NOT NULL, client TEXT) STRICT, WITHOUT ROWID"
        ),
        (
            "CREATE TABLE audit (number INTEGER PRIMARY KEY, at REAL NOT NULL, who TEXT NOT NULL,"
            " what TEXT NOT NULL, target TEXT NOT NULL, detail TEXT NOT NULL) STRICT"
        ),
        (
            "CREATE TABLE reports (number INTEGER PRIMARY KEY, at REAL NOT NULL,"
            " machine TEXT NOT NULL, shown TEXT NOT NULL, actually TEXT, note TEXT NOT NULL,"
            " who TEXT NOT NULL) STRICT"
        ),
        (
            "CREATE TABLE service (machine TEXT PRIMARY KEY, note TEXT NOT NULL, since REAL NOT"
            " NULL, who TEXT NOT NULL) STRICT, WITHOUT ROWID"
        ),
    ):
        db.execute(statement)


@ledger(name="0003_alerts")
def _alerts(db: Database) -> None:
    """A firing is named by its alert and its edge, so that it cannot be written twice."""
    for statement in (
        (
            "CREATE TABLE alerts (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
            " member TEXT NOT NULL, machine TEXT, category TEXT, quiet TEXT, expires REAL NOT NULL,"
            " repeat INTEGER NOT NULL, cooldown REAL NOT NULL, note TEXT NOT NULL,"
            " created REAL NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, fired REAL,"
            " state TEXT NOT NULL, ended REAL, reason TEXT, suppressed TEXT NOT NULL) STRICT"
        ),
        "CREATE INDEX alerts_of_member ON alerts (member)",
        (
            "CREATE TABLE offers (machine TEXT PRIMARY KEY, epoch TEXT NOT NULL, seq INTEGER NOT"
            " NULL, free_since REAL NOT NULL, due REAL, judged INTEGER NOT NULL,"
            " rung INTEGER NOT NULL) STRICT, WITHOUT ROWID"
        ),
        (
            # in the order of writing: at random places the rows of an edge cost three times as much
            "CREATE TABLE firings (epoch TEXT NOT NULL, seq INTEGER NOT NULL, alert INTEGER NOT"
            " NULL, machine TEXT NOT NULL, free_since REAL NOT NULL, place INTEGER NOT NULL,"
            " at REAL NOT NULL, delivered REAL, seen REAL, over REAL, reason TEXT,"
            " PRIMARY KEY (epoch, seq, alert)) STRICT, WITHOUT ROWID"
        ),
        (
            "CREATE TABLE deliveries (number INTEGER PRIMARY KEY, firing TEXT NOT NULL,"
            " epoch TEXT NOT NULL, seq INTEGER NOT NULL, alert INTEGER NOT NULL,"
            " member TEXT NOT NULL, target TEXT NOT NULL,"
            " channel TEXT NOT NULL, attempts INTEGER NOT NULL, due REAL, ended REAL,"
            " outcome TEXT, reason TEXT, latency REAL) STRICT"
        ),
        "CREATE INDEX deliveries_due ON deliveries (due) WHERE due IS NOT NULL",
        (
            "CREATE TABLE targets (id TEXT PRIMARY KEY, member TEXT NOT NULL, channel TEXT NOT"
            " NULL, address TEXT NOT NULL, keys TEXT NOT NULL, created REAL NOT NULL)"
            " STRICT, WITHOUT ROWID"
        ),
        ("CREATE TABLE tallies (name TEXT PRIMARY KEY, count REAL NOT NULL) STRICT, WITHOUT ROWID"),
    ):
        db.execute(statement)


@ledger(name="0004_forecasts")
def _forecasts(db: Database) -> None:
    db.execute("CREATE TABLE forecasts (machine TEXT PRIMARY KEY, state BLOB NOT NULL) STRICT")


@ledger(name="0005_calibrations")
def _calibrations(db: Database) -> None:
    db.execute(
        "CREATE TABLE calibrations (sensor TEXT NOT NULL, version INTEGER NOT NULL, at REAL NOT"
        " NULL, who TEXT NOT NULL, why TEXT NOT NULL, body TEXT, statistics TEXT,"
        " PRIMARY KEY (sensor, version)) STRICT, WITHOUT ROWID"
    )


@ledger(name="0006_outbox")
def _outbox(db: Database) -> None:
    """What the chain has not acknowledged, in the order of sending; and what was proven to it.

    Machines by number: a row takes the same room whatever they are called.
    """
    for statement in (
        (
            "CREATE TABLE outbox_machines (number INTEGER PRIMARY KEY, machine TEXT NOT NULL"
            " UNIQUE) STRICT"
        ),
        (
            "CREATE TABLE outbox (width INTEGER NOT NULL, start INTEGER NOT NULL,"
            " machine INTEGER NOT NULL, revision INTEGER NOT NULL, occupied INTEGER NOT NULL,"
            " observed INTEGER NOT NULL, sessions INTEGER NOT NULL,"
            " PRIMARY KEY (width, start, machine)) STRICT, WITHOUT ROWID"
        ),
        (
            "CREATE TABLE proofs (day INTEGER PRIMARY KEY, stale INTEGER NOT NULL, told BLOB,"
            " answered REAL NOT NULL, notes BLOB NOT NULL) STRICT"
        ),
    ):
        db.execute(statement)


class DamagedError(OSError):
    """The file is there and makes no sense."""


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """What is wrong with the file says which file, and what to do."""
    try:
        yield
    except (sqlite3.Error, msgspec.DecodeError, ValueError) as error:
        raise DamagedError(
            f"{path} cannot be used ({error}). If it is damaged, move it aside together with its"
            " -wal and -shm, and put a backup in its place; without one the gateway begins anew"
        ) from error


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
