"""The files' tables and how a file is opened."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from gateway.core.events import Cause, Status
from gateway.store import schema
from gateway.store.schema import NewerSchemaError, history, ledger, open_to_read, open_to_write


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as conn:
        rows = conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {name for (name,) in rows}


def test_every_status_and_cause_has_its_place() -> None:
    assert set(schema.STATUSES) == set(Status)
    assert set(schema.CAUSES) == set(Cause)


def test_places_once_stored_are_never_given_to_another() -> None:
    assert schema.STATUSES[:4] == ["free", "occupied", "unknown", "out_of_service"]
    assert schema.CAUSES[:4] == ["observed", "restored", "late", "silent"]
    assert schema.CAUSES[4:8] == ["sensor_offline", "port_down", "start", "staff"]


def test_a_file_is_made_together_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "var" / "history.db"
    open_to_write(path, history).close()
    assert {"events", "epochs", "boots", "machines", "bins", "days", "words"} <= tables(path)


def test_a_path_may_hold_what_a_url_would_not(tmp_path: Path) -> None:
    path = tmp_path / "100% gym #1?mode=memory" / "history.db"
    open_to_write(path, history).close()
    assert "events" in tables(path)


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    open_to_write(path, history).close()
    before = tables(path)
    with closing(open_to_write(path, history)) as conn:
        assert conn.execute("SELECT count(*) FROM _sqlite_migrations").fetchone() == (1,)
        assert not conn.in_transaction
    assert tables(path) == before


def test_the_two_files_share_no_table(tmp_path: Path) -> None:
    one, other = tmp_path / "history.db", tmp_path / "ledger.db"
    open_to_write(one, history).close()
    open_to_write(other, ledger).close()
    assert tables(one) & tables(other) == {"_sqlite_migrations"}


def test_an_older_file_gets_what_is_new(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    older, newer = Migrations("set"), Migrations("set")
    for migrations in (older, newer):
        migrations(name="0001")(lambda db: db.execute("CREATE TABLE one (x)"))
    newer(name="0002")(lambda db: db.execute("CREATE TABLE two (x)"))
    open_to_write(path, older).close()
    open_to_write(path, newer).close()
    assert {"one", "two"} <= tables(path)


def test_a_newer_file_is_refused_and_the_error_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    newer = Migrations("history")
    newer(name="0001_log")(lambda db: db.execute("CREATE TABLE events (x)"))
    newer(name="0099_later")(lambda db: db.execute("CREATE TABLE later (x)"))
    open_to_write(path, newer).close()
    with pytest.raises(
        NewerSchemaError, match=r"history\.db .* newer gateway .*0099_later.*install"
    ):
        open_to_write(path, history)


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    broken = Migrations("set")

    @broken(name="0001")
    def _half(db: Database) -> None:
        db.execute("CREATE TABLE one (x)")
        db.execute("nonsense")

    with pytest.raises(sqlite3.OperationalError):
        open_to_write(path, broken)
    assert "one" not in tables(path)


def test_a_file_that_is_no_database_is_an_error_of_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        open_to_write(path, history)


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with (
        closing(open_to_write(path, history)),
        closing(open_to_read(path)) as conn,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        conn.execute("DELETE FROM events")


def test_a_reader_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        open_to_read(tmp_path / "absent.db")
    assert list(tmp_path.iterdir()) == []


def test_the_writer_owns_the_wal_and_its_checkpoints(tmp_path: Path) -> None:
    with closing(open_to_write(tmp_path / "history.db", history)) as conn:
        asked = ("journal_mode", "synchronous", "page_size", "wal_autocheckpoint", "mmap_size")
        found = [conn.execute(f"PRAGMA {name}").fetchone()[0] for name in asked]
        frames = schema.WAL_BYTES // schema.PAGE_BYTES
        assert found == ["wal", 1, schema.PAGE_BYTES, frames, 0]
