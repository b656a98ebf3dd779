"""From the history into the outbox: by the number of each change, link or no link."""

import asyncio
import logging
import sqlite3
from functools import partial
from typing import NamedTuple

from gateway.bridge import BusyError
from gateway.core.bins import Bin
from gateway.core.digests import DAY, row_of
from gateway.core.events import Cursor
from gateway.core.nights import Night
from gateway.store import bins, history, marks
from gateway.upstream.line import Run
from gateway.upstream.outbox import Outbox

MOST_AT_ONCE = 2_000  # bins of a transaction: 0.5 MB of memory, some ms of the writer's time
PAUSE = 0.02  # seconds between two: the branch's own writes go first
AFTER_BUSY = 1.0  # seconds: who looks at pages goes first
NIGHTS = 4 * DAY  # seconds that bins may be ahead of the last night's date: its work may fail once
WHOLE_DAYS = ""  # an epoch that no history has: the cursor counts days of a first copy

log = logging.getLogger(__name__)


class Copied(NamedTuple):
    """A piece of the history, and where the next one begins."""

    bins: list[Bin]
    to: Cursor
    more: bool


class Copying:
    """Rings when bins were stored; copies what is new, or everything recent after a restore."""

    def __init__(self, read: Run, outbox: Outbox) -> None:
        """`read` on the history."""
        self._read = read
        self._outbox = outbox
        self._rung = asyncio.Event()
        self._cursor: Cursor | None = None

    def ring(self) -> None:
        """Bins were stored."""
        self._rung.set()

    async def load(self) -> None:
        """Go on where the ledger says."""
        reached, oldest = await self._read(lambda conn: (_reached(conn), bins.oldest_day(conn)))
        self._cursor = await self._outbox.load(reached)
        if self._cursor is not None:  # else these days are yet to be copied
            follows = await self._read(partial(_follows, self._cursor))
            await self._outbox.cover(oldest, anew=not follows)

    async def run(self) -> None:
        """For ever."""
        self._rung.set()
        while True:
            await self._rung.wait()
            self._rung.clear()
            more = True
            while more:
                try:
                    more = await self._copy()
                except BusyError:
                    log.info("bins wait to be copied for the chain: the store is busy")
                    await asyncio.sleep(AFTER_BUSY)
                await asyncio.sleep(PAUSE)

    async def _copy(self) -> bool:
        """One piece; whether there is more."""
        found = await self._read(partial(_next, self._cursor, self._outbox.first_day))
        if found.bins or found.to != self._cursor:
            await self._outbox.put([row_of(one) for one in found.bins], found.to)
            self._cursor = found.to
        return found.more


def _reached(conn: sqlite3.Connection) -> int:
    """The bin that was stored last, at most some days behind our last night: clocks leap."""
    reached, night = bins.reached(conn), marks.read(conn, Night)
    return reached if night is None else min(reached, int(night.date + NIGHTS))


def _follows(cursor: Cursor, conn: sqlite3.Connection) -> bool:
    """Whether all that was stored behind `cursor` will be copied.

    Not where either file is older than the other knew it, nor where days were packed while nobody
    copied them.
    """
    end = history.change_cursor(conn).seq
    if cursor.epoch == WHOLE_DAYS or cursor.seq == end:
        return True
    return cursor.seq < end and bins.has_change(conn, cursor.seq + 1)


def _next(cursor: Cursor | None, first_day: int, conn: sqlite3.Connection) -> Copied:
    """What comes after `cursor`.

    Without one the packed days come first, day by day, then what is loose. Of another epoch, or
    with a number that the history has not reached, the history went back: numbers may have been
    given twice, so all that is loose comes again, as it stands.
    """
    end = history.change_cursor(conn)
    if cursor is None:
        oldest = bins.oldest_day(conn)
        if oldest is None:
            return Copied([], end, more=False)
        return Copied([], Cursor(WHOLE_DAYS, max(oldest, first_day)), more=True)
    if cursor.epoch == WHOLE_DAYS:
        if cursor.seq <= bins.last_packed_day(conn):
            day = bins.day_of_all(conn, cursor.seq)
            return Copied(day, Cursor(WHOLE_DAYS, cursor.seq + 1), more=True)
        return Copied([], Cursor(end.epoch, 0), more=True)
    if cursor.epoch != end.epoch or cursor.seq > end.seq:
        cursor = Cursor(end.epoch, 0)
    found = bins.changed(conn, cursor.seq, MOST_AT_ONCE)
    more = len(found) == MOST_AT_ONCE
    upto = found[-1][0] if more else max(end.seq, cursor.seq)
    return Copied([one for _, one in found], Cursor(end.epoch, upto), more)
