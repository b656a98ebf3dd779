"""A night's work: days are packed, and what is older than it may be is deleted."""

import logging
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial

from config.sections import Store
from gateway.bridge import Writer
from gateway.core.clock import Clock
from gateway.core.nights import NEVER, Night
from gateway.jobs import Batch, drain
from gateway.pipeline.recorder import HISTORY
from gateway.store import bins, marks
from gateway.store import log as events

DAY = 86400.0

log = logging.getLogger(__name__)


class Nights:
    """What piles up is bounded by its age; by a date that no leap of the clock moves far."""

    def __init__(
        self,
        keep: Callable[[], Store],
        clock: Clock,
        writer: Writer,
        forget: Mapping[str, Callable[[float], Awaitable[int]]],
    ) -> None:
        """`keep` says for how long; `forget` drops some of what is old by that date."""
        self._keep = keep
        self._clock = clock
        self._writer = writer
        self._forget = forget

    async def work(self) -> bool:
        """Once a night, however often it is called; a fault of one part leaves the others.

        False: nobody knows yet what time it is.
        """
        if not self._clock.synchronised:
            return False
        night = await self._writer.run(HISTORY, partial(_turn, wall=self._clock.wall()))
        for name, batch in self._batches(night) if night is not None else ():
            try:
                await drain(name, batch)
            except Exception:
                log.exception("%s failed; the next night tries again", name)
        return True

    def _batches(self, night: Night) -> Iterator[tuple[str, Batch]]:
        keep, date = self._keep(), night.date
        old_events, old_bins = keep.keep_events_days * DAY, keep.keep_bins_days * DAY
        yield "pack days", partial(self._write, bins.pack, night.wall)
        old = partial(events.purge, now=night.wall)
        yield "purge events", partial(self._write, old, date - old_events)
        yield "purge bins", partial(self._write, bins.purge, date - old_bins)
        yield from ((name, partial(drop, date)) for name, drop in self._forget.items())

    async def _write(self, work: Callable[[sqlite3.Connection, float], int], before: float) -> int:
        return await self._writer.run(HISTORY, lambda conn: work(conn, before))


def _turn(conn: sqlite3.Connection, wall: float) -> Night | None:
    """Begin the night, if its work is not done yet."""
    night = (marks.read(conn, Night) or NEVER).next(wall)
    if night is not None:
        marks.write(conn, night)
    return night
