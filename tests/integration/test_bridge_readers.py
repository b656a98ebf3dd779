"""The readers: read-only, of what is committed, of one state each, a bounded number waiting."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from gateway.bridge import MOST_WAITING, READERS, BusyError, Readers
from gateway.store import schema
from tests.stored import Written, dated, opened


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Written]:
    with opened(tmp_path / "history.db") as written:
        yield written


@pytest.fixture
async def readers(store: Written) -> AsyncIterator[Readers]:
    made = Readers(partial(schema.open_to_read, store.file.path))
    yield made
    made.stop()


def count(conn: sqlite3.Connection) -> int:
    found: int = conn.execute("SELECT count(*) FROM events").fetchone()[0]
    return found


async def test_readers_cannot_write(readers: Readers) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await readers.run(lambda conn: conn.execute("DELETE FROM events"))


async def test_readers_see_what_is_committed_and_nothing_else(
    readers: Readers, store: Written
) -> None:
    store.record(dated("a"))
    store.conn.execute("BEGIN IMMEDIATE")
    store.file.record([dated("b")], {}, None, store.conn)
    assert await readers.run(count) == 1
    store.conn.execute("COMMIT")
    assert await readers.run(count) == 2


async def test_one_read_sees_one_state_of_the_file(readers: Readers, store: Written) -> None:
    def twice(conn: sqlite3.Connection) -> tuple[int, int]:
        first = count(conn)
        store.record(dated("a"))
        return first, count(conn)

    assert await readers.run(twice) == (0, 0)
    assert await readers.run(count) == 1


async def test_a_read_that_fails_leaves_the_reader_as_it_was(
    readers: Readers, store: Written
) -> None:
    for _ in range(2 * READERS):
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            await readers.run(lambda conn: conn.execute("SELECT * FROM absent"))
    store.record(dated("a"))
    assert {await readers.run(count) for _ in range(2 * READERS)} == {1}
    assert readers.waiting == 0


async def test_a_reader_does_not_hold_the_writer_up(readers: Readers, store: Written) -> None:
    reading, go_on = threading.Event(), threading.Event()

    def slowly(conn: sqlite3.Connection) -> int:
        found = count(conn)
        reading.set()
        go_on.wait(5)
        return found

    read = asyncio.ensure_future(readers.run(slowly))
    await asyncio.to_thread(reading.wait, 5)
    store.record(dated("a"))
    go_on.set()
    assert await read == 0


def blocked(gate: threading.Event) -> Callable[[sqlite3.Connection], object]:
    return lambda _conn: gate.wait(5)


async def test_more_reads_than_can_be_served_are_refused(readers: Readers) -> None:
    gate = threading.Event()
    reads = [asyncio.ensure_future(readers.run(blocked(gate))) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(BusyError, match="wait already"):
        await readers.run(count)
    gate.set()
    await asyncio.gather(*reads)
    assert await readers.run(count) == 0


async def test_whoever_gives_up_makes_room(readers: Readers) -> None:
    gate = threading.Event()
    reads = [asyncio.ensure_future(readers.run(blocked(gate))) for _ in range(10)]
    await asyncio.sleep(0)
    for read in reads:
        read.cancel()
    gate.set()
    await asyncio.gather(*reads, return_exceptions=True)
    assert readers.waiting == 0


async def test_there_are_as_many_connections_as_threads(store: Written) -> None:
    made: list[sqlite3.Connection] = []

    def connect() -> sqlite3.Connection:
        made.append(schema.open_to_read(store.file.path))
        return made[-1]

    readers = Readers(connect)
    await asyncio.gather(*(readers.run(count) for _ in range(50)))
    readers.stop()
    assert 1 <= len(made) <= READERS
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        made[0].execute("SELECT 1")
