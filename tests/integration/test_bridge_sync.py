"""The writer puts its WAL on the disk in time: what a power cut may cost is bounded."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from gateway.bridge import File, Writer
from gateway.store import schema
from tests.integration.conftest import Until

WITHIN = 5.0


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def synced(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, str]]:
    """(moment, file's name) of every fsync by the writer."""
    seen: list[tuple[float, str]] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        seen.append((clock.now, Path(f"/proc/self/fd/{descriptor}").readlink().name))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return seen


Synced = list[tuple[float, str]]
Start = Callable[[float], Writer]


@pytest.fixture
async def start(tmp_path: Path, clock: Clock) -> AsyncIterator[Start]:
    """Start a writer that syncs within so many seconds of the clock."""
    running: list[Writer] = []

    def make(within: float) -> Writer:
        paths = {name: tmp_path / f"{name}.db" for name in ("one", "other")}
        files = {
            name: File(schema.open_to_write(path, schema.ledger), path)
            for name, path in paths.items()
        }
        running.append(Writer(files, within, clock))
        running[0].start()
        return running[0]

    yield make
    if running[0]._thread.is_alive():
        running[0].stop()


def add(value: int, conn: sqlite3.Connection) -> None:
    conn.execute("INSERT INTO cursors VALUES (?, 'epoch', 1)", [str(value)])


async def test_a_lone_commit_is_synced_within_the_stated_seconds(
    start: Start, clock: Clock, synced: Synced, until: Until
) -> None:
    writer = start(WITHIN)
    await writer.run("one", partial(add, 1))
    moved = writer.moved_at
    await until(lambda: writer.moved_at > moved + 1)  # it has looked, idle
    assert synced == []
    clock.now = 104.0
    await until(lambda: synced)
    assert synced == [(104.0, "one.db-wal")]


async def test_under_traffic_every_commit_is_synced_within_them_and_few_syncs_do_it(
    start: Start, clock: Clock, synced: Synced
) -> None:
    writer = start(WITHIN)
    commits = [100.0 + number / 4 for number in range(400)]
    for number, clock.now in enumerate(commits):
        await writer.run("one", partial(add, number))
    moments = [at for at, _ in synced]
    assert all(any(c <= at <= c + WITHIN for at in moments) for c in commits if c < 195)
    assert len(moments) <= 100 / 4


async def test_each_file_is_synced_for_itself(start: Start, clock: Clock, synced: Synced) -> None:
    writer = start(WITHIN)
    await writer.run("other", partial(add, 1))
    clock.now = 103.0
    await writer.run("one", partial(add, 1))
    clock.now = 104.5
    await writer.run("one", partial(add, 2))
    assert synced == [(104.5, "other.db-wal")]


async def test_at_zero_every_commit_is_synced_before_it_is_reported(
    start: Start, synced: Synced
) -> None:
    writer = start(0.0)
    for number in range(3):
        await writer.run("one", partial(add, number))
        assert len(synced) == number + 1


async def test_what_is_synced_already_is_not_synced_again(
    start: Start, clock: Clock, synced: Synced
) -> None:
    writer = start(0.0)
    await writer.run("one", partial(add, 1))
    clock.now += 60
    await writer.run("other", partial(add, 1))
    assert [name for _, name in synced] == ["one.db-wal", "other.db-wal"]


async def test_stop_syncs_what_is_not_synced_yet(start: Start, synced: Synced) -> None:
    writer = start(60.0)
    await writer.run("one", partial(add, 1))
    assert synced == []
    writer.stop()
    assert [name for _, name in synced] == ["one.db-wal"]


async def test_after_a_sync_that_failed_nobody_is_told_that_all_is_well(
    start: Start,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    until: Until,
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    writer = start(WITHIN)
    await writer.run("one", partial(add, 1))
    clock.now = 104.0
    await until(lambda: "cannot be put on the disk" in caplog.text)
    monkeypatch.undo()  # that the next one would succeed proves nothing for what was lost
    with pytest.raises(OSError, match="Input/output"):
        await writer.run("one", partial(add, 2))


async def test_a_sync_that_fails_at_once_reaches_whoever_waits_for_it(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    async with asyncio.timeout(5):
        with pytest.raises(OSError, match="Input/output"):
            await start(0.0).run("one", partial(add, 1))
