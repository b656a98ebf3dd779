"""Calendar jobs: what happens at night, in the branch's own time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger

PAUSE = 0.2  # seconds between two batches: the day's own writes go first
MOST_BATCHES = 2000  # a night's work: 2,000 batches of 100 rows; the rest waits for the next night
AFTER_START = timedelta(minutes=10)  # for a box whose power is cut each night
LATE = {"misfire_grace_time": None, "coalesce": True}  # better late than never, and once
LOOK_EVERY = 60.0  # seconds between two looks whether the clock was put back

Batch = Callable[[], Awaitable[int]]
"""Does one small piece of work; returns how much there was, 0 when there is no more."""

log = logging.getLogger(__name__)


def schedule(
    timezone: str,
    nightly: Callable[[], Awaitable[object]],
    each_minute: Callable[[], Awaitable[None]],
) -> AsyncIOScheduler:
    """Start the jobs; the caller shuts the scheduler down.

    `nightly` is called soon after a start too, and knows itself whether its night is done; False:
    it cannot know yet, and is called again.
    """
    scheduler = AsyncIOScheduler(timezone=timezone)

    async def after_start() -> None:
        if await nightly() is False:
            scheduler.add_job(after_start, _soon(), **LATE)

    scheduler.add_job(nightly, "cron", hour=3, minute=30, **LATE)
    scheduler.add_job(after_start, _soon(), **LATE)
    scheduler.add_job(each_minute, "cron", second=0, **LATE)
    scheduler.start()
    return scheduler


def _soon() -> DateTrigger:
    return DateTrigger(datetime.now(UTC) + AFTER_START)


async def follow(scheduler: AsyncIOScheduler, wall: Callable[[], float]) -> None:
    """When the clock is put back, jobs wait no longer for a future that is years away."""
    while True:
        before = wall()
        await asyncio.sleep(LOOK_EVERY)
        if wall() < before:
            for job in scheduler.get_jobs():
                job.reschedule(_soon() if isinstance(job.trigger, DateTrigger) else job.trigger)


async def drain(name: str, batch: Batch) -> None:
    """Work in small batches until nothing is left."""
    done = 0
    for _ in range(MOST_BATCHES):
        count = await batch()
        done += count
        if not count:
            break
        await asyncio.sleep(PAUSE)
    log.info("%s: %d rows", name, done)
