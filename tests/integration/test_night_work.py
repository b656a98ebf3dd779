"""A night's work on a real store, and the scheduler that calls for it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.sections import Store
from gateway import jobs
from gateway.app.night import Nights
from gateway.bridge import File, Writer
from gateway.core.bins import Bin
from gateway.jobs import follow, schedule
from gateway.pipeline.recorder import HISTORY
from gateway.store import bins
from gateway.store.history import HistoryFile
from tests.stored import BOOT, OFFSET

DAY = 86400
KEEP = Store(keep_events_days=400, keep_bins_days=1100)


class Clock:
    synchronised = True
    assumed = False
    offset = now = OFFSET

    def monotonic(self) -> float:
        return 0.0

    def wall(self) -> float:
        return self.now


class Rig:
    """Nights of a branch with one bin on each of ten days."""

    def __init__(self, path: Path) -> None:
        self.file, self.clock = HistoryFile(path, BOOT), Clock()
        stored = [Bin("a", int(OFFSET) + day * DAY, 0, 900, 0) for day in range(10)]
        self.file.conn.execute("BEGIN IMMEDIATE")
        self.file.store_bins(stored, None, self.file.conn)
        self.file.conn.execute("COMMIT")
        self.writer = Writer({HISTORY: File(self.file.conn, path)}, 60.0)
        self.writer.start()
        self.forgotten: list[float] = []
        forget = {"breaks": self._break, "forget": self._forget}
        self.nights = Nights(lambda: KEEP, self.clock, self.writer, forget)

    async def _break(self, _date: float) -> int:
        raise ValueError("no luck")

    async def _forget(self, date: float) -> int:
        self.forgotten.append(date)
        return 0

    async def days(self) -> int | None:
        return await self.writer.run(HISTORY, bins.oldest_day)


@pytest.fixture
async def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(jobs, "PAUSE", 0.0)
    made = Rig(tmp_path / "history.db")
    yield made
    made.writer.stop()


async def test_a_night_deletes_what_is_older_than_it_may_be(rig: Rig) -> None:
    rig.clock.now += 1105 * DAY
    await rig.nights.work()
    assert await rig.days() == int(OFFSET) // DAY + 5


async def test_a_clock_that_leapt_by_years_deletes_no_history(rig: Rig) -> None:
    rig.clock.now += 10 * DAY
    await rig.nights.work()
    rig.clock.now += 4000 * DAY
    await rig.nights.work()
    assert await rig.days() == int(OFFSET) // DAY
    assert rig.forgotten == [OFFSET + 10 * DAY, OFFSET + 12 * DAY]


async def test_a_part_of_the_night_that_fails_leaves_the_others(rig: Rig) -> None:
    await rig.nights.work()
    assert rig.forgotten == [OFFSET]


async def test_while_time_is_unknown_nothing_is_old(rig: Rig) -> None:
    rig.clock.synchronised = False
    await rig.nights.work()
    assert rig.forgotten == []


async def test_a_box_without_power_at_night_does_the_night_s_work_after_its_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "AFTER_START", timedelta(seconds=0.1))
    done = asyncio.Event()

    async def work() -> None:
        done.set()

    scheduler = schedule("Asia/Hong_Kong", work, work)
    async with asyncio.timeout(5):
        await done.wait()
    scheduler.shutdown()


async def test_a_clock_that_is_put_back_makes_no_job_wait_for_years(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def nothing() -> None:
        pass

    monkeypatch.setattr(jobs, "LOOK_EVERY", 0.05)
    scheduler = schedule("Asia/Hong_Kong", nothing, nothing)
    for job in scheduler.get_jobs():
        job.modify(next_run_time=datetime.now(UTC) + timedelta(days=3650))
    walls = iter([OFFSET + 3650 * DAY])
    following = asyncio.create_task(follow(scheduler, lambda: next(walls, OFFSET)))
    await asyncio.sleep(0.2)
    following.cancel()
    waits = [job.next_run_time - datetime.now(UTC) for job in scheduler.get_jobs()]
    scheduler.shutdown()
    assert len(waits) == 3
    assert max(waits) < timedelta(days=2)


async def test_a_start_whose_clock_was_years_ahead_does_its_night_s_work_soon_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = asyncio.Event()

    async def work() -> None:
        done.set()

    monkeypatch.setattr(jobs, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(jobs, "AFTER_START", timedelta(days=3650))
    scheduler = schedule("Asia/Hong_Kong", work, _nothing)
    monkeypatch.setattr(jobs, "AFTER_START", timedelta(seconds=0.1))
    walls = iter([OFFSET + 3650 * DAY])
    following = asyncio.create_task(follow(scheduler, lambda: next(walls, OFFSET)))
    async with asyncio.timeout(5):
        await done.wait()
    following.cancel()
    scheduler.shutdown()


async def test_a_start_that_does_not_know_the_time_yet_does_its_night_s_work_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls, done = iter([False, False, True]), asyncio.Event()

    async def work() -> bool:
        known = next(calls)
        if known:
            done.set()
        return known

    monkeypatch.setattr(jobs, "AFTER_START", timedelta(seconds=0.05))
    scheduler = schedule("Asia/Hong_Kong", work, _nothing)
    async with asyncio.timeout(5):
        await done.wait()
    scheduler.shutdown()


async def _nothing() -> None:
    pass
