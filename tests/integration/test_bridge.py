"""The writer: one thread, one transaction for all that waits, synced in time."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from gateway.bridge import File, Writer, name_of

WRITERS = ("one", "other")


def open_file(path: Path) -> File:
    conn = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    conn.execute("PRAGMA journal_mode = WAL")
    conn.execute("PRAGMA synchronous = NORMAL")
    conn.execute("CREATE TABLE IF NOT EXISTS rows (value INTEGER PRIMARY KEY)")
    return File(conn, path)


def files_in(folder: Path) -> dict[str, File]:
    return {name: open_file(folder / f"{name}.db") for name in WRITERS}


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[Writer]:
    made = Writer(files_in(tmp_path), sync_within=5.0)
    made.start()
    yield made
    made.stop()


def add(value: int, conn: sqlite3.Connection) -> int:
    conn.execute("INSERT INTO rows VALUES (?)", [value])
    return value


def add_and_fail(value: int, error: Exception, conn: sqlite3.Connection) -> None:
    add(value, conn)
    raise error


def stored(folder: Path, name: str = "one") -> list[int]:
    conn = sqlite3.connect(f"file:{folder / name}.db?mode=ro", uri=True)
    rows = [value for (value,) in conn.execute("SELECT value FROM rows ORDER BY value")]
    conn.close()
    return rows


@asynccontextmanager
async def held_up(writer: Writer) -> AsyncIterator[Callable[[], None]]:
    """The writer busy until it is let go, so that what comes waits and is committed together."""
    loop = asyncio.get_running_loop()
    begun, release = asyncio.Event(), threading.Event()

    def wait(_conn: sqlite3.Connection) -> None:
        loop.call_soon_threadsafe(begun.set)
        release.wait(5)

    busy = asyncio.ensure_future(writer.run("one", wait))
    await begun.wait()
    yield release.set
    await busy


async def all_at_once(
    writer: Writer, *works: Callable[[sqlite3.Connection], object]
) -> list[object]:
    """The results or errors of works that share a transaction."""
    async with held_up(writer) as let_go:
        jobs = [asyncio.ensure_future(writer.run("one", work)) for work in works]
        await asyncio.sleep(0)
        let_go()
        return [*await asyncio.gather(*jobs, return_exceptions=True)]


async def test_what_is_reported_is_committed(writer: Writer, tmp_path: Path) -> None:
    assert await writer.run("one", partial(add, 7)) == 7
    assert stored(tmp_path) == [7]


async def test_each_file_has_its_own_transactions(writer: Writer, tmp_path: Path) -> None:
    await asyncio.gather(writer.run("one", partial(add, 1)), writer.run("other", partial(add, 2)))
    assert (stored(tmp_path, "one"), stored(tmp_path, "other")) == ([1], [2])


async def test_all_that_waits_is_one_transaction(writer: Writer, tmp_path: Path) -> None:
    await writer.run("one", partial(add, 1000))
    before = writer.commits
    results = await all_at_once(writer, *(partial(add, n) for n in range(100)))
    assert results == list(range(100))
    assert writer.commits - before == 2  # the one that held it up, and ours
    assert len(stored(tmp_path)) == 101


async def test_jobs_are_done_in_the_order_they_came(writer: Writer) -> None:
    order: list[int] = []
    await all_at_once(writer, *(partial(lambda n, _: order.append(n), n) for n in range(50)))
    assert order == list(range(50))


@pytest.mark.parametrize("error", [KeyError("x"), sqlite3.IntegrityError("x"), OSError("x")])
async def test_a_jobs_own_fault_undoes_that_job_alone(
    writer: Writer, tmp_path: Path, error: Exception
) -> None:
    works = (partial(add, 1), partial(add_and_fail, 2, error), partial(add, 3))
    assert await all_at_once(writer, *works) == [1, error, 3]
    assert stored(tmp_path) == [1, 3]


async def test_a_statement_that_fails_is_a_jobs_own_fault(writer: Writer, tmp_path: Path) -> None:
    first, second, third = await all_at_once(writer, *(partial(add, n) for n in (1, 1, 2)))
    assert (first, third) == (1, 2)
    assert isinstance(second, sqlite3.IntegrityError)
    assert stored(tmp_path) == [1, 2]


async def test_many_faults_in_a_row_leave_no_savepoint_and_no_transaction_open(
    writer: Writer, tmp_path: Path
) -> None:
    fails = [partial(add_and_fail, 100 + n, ValueError()) for n in range(50)]
    await all_at_once(writer, *fails, partial(add, 1))
    assert not writer._files["one"].conn.in_transaction
    assert await writer.run("one", partial(add, 2)) == 2
    assert stored(tmp_path) == [1, 2]


async def test_a_commit_that_fails_reaches_everyone_in_it(writer: Writer, tmp_path: Path) -> None:
    await writer.run(
        "one",
        lambda conn: conn.execute(
            "CREATE TABLE child (x REFERENCES rows (value) DEFERRABLE INITIALLY DEFERRED)"
        ),
    )
    writer._files["one"].conn.execute("PRAGMA foreign_keys = ON")
    works = (partial(add, 1), lambda conn: conn.execute("INSERT INTO child VALUES (99)"))
    errors = await all_at_once(writer, *works)
    assert [type(error) for error in errors] == [sqlite3.IntegrityError] * 2
    assert stored(tmp_path) == []
    assert await writer.run("one", partial(add, 2)) == 2


async def test_what_sqlite_gives_up_as_a_whole_reaches_everyone_in_it(
    writer: Writer, tmp_path: Path
) -> None:
    def give_up(conn: sqlite3.Connection) -> None:
        conn.execute("INSERT OR ROLLBACK INTO rows VALUES (1)")  # as a full disk may do

    errors = await all_at_once(writer, partial(add, 1), give_up)
    assert [type(error) for error in errors] == [sqlite3.IntegrityError] * 2
    assert stored(tmp_path) == []
    assert await writer.run("one", partial(add, 2)) == 2


async def test_whoever_no_longer_waits_disturbs_nobody(writer: Writer, tmp_path: Path) -> None:
    async with held_up(writer) as let_go:
        gone = asyncio.ensure_future(writer.run("one", partial(add, 1)))
        stays = asyncio.ensure_future(writer.run("one", partial(add, 2)))
        await asyncio.sleep(0)
        gone.cancel()
        let_go()
        assert await stays == 2
    assert stored(tmp_path) == [1, 2]


async def test_stop_finishes_what_waits(tmp_path: Path) -> None:
    writer = Writer(files_in(tmp_path), sync_within=5.0)
    writer.start()
    jobs = [asyncio.ensure_future(writer.run("one", partial(add, n))) for n in range(20)]
    await asyncio.sleep(0)
    writer.stop()
    assert await asyncio.gather(*jobs) == list(range(20))
    assert stored(tmp_path) == list(range(20))
    assert not writer._thread.is_alive()


async def test_stop_closes_the_files(tmp_path: Path) -> None:
    files = files_in(tmp_path)
    writer = Writer(files, sync_within=5.0)
    writer.start()
    writer.stop()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        files["one"].conn.execute("SELECT 1")
    assert stored(tmp_path) == []


async def test_an_idle_writer_still_moves(writer: Writer) -> None:
    before = writer.moved_at
    async with asyncio.timeout(3):
        while writer.moved_at == before:
            await asyncio.sleep(0.05)
    assert time.monotonic() - writer.moved_at < 1.5


def test_a_piece_of_work_is_named_after_the_function_it_is_written_in() -> None:
    assert name_of(partial(partial(name_of), 1)) == "name_of"
    assert name_of(lambda: None) == (
        "test_a_piece_of_work_is_named_after_the_function_it_is_written_in"
    )
