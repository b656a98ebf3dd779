"""Calendar jobs: what happens at night, in the branch's own time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from apscheduler.schedulers.asyncio import AsyncIOScheduler

PAUSE = 0.2  # seconds between two batches: the day's own writes go first
MOST_BATCHES = 2000  # a night's work: 2,000 batches of 100 rows; the rest waits for the next night

Batch = Callable[[], Awaitable[int]]
"""Does one small piece of work; returns how much there was, 0 when there is no more."""

log = logging.getLogger(__name__)


def schedule(
    timezone: str, nightly: dict[str, Batch], each_minute: Callable[[], Awaitable[None]]
) -> AsyncIOScheduler:
    """Start the jobs; the caller shuts the scheduler down."""
    scheduler = AsyncIOScheduler(timezone=timezone)
    for name, batch in nightly.items():
        scheduler.add_job(
            drain,
            "cron",
            [name, batch],
            hour=3,
            minute=30,
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )
    scheduler.add_job(
        each_minute, "cron", second=0, misfire_grace_time=None, coalesce=True, max_instances=1
    )
    scheduler.start()
    return scheduler


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
