"""Every hub follows what the consuming one commits: NOTIFY rings, the tables say what is new."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import LiteralString

import psycopg

from gateway.bus import Bus
from gateway.core.events import Cause, Cursor, Event, Status
from gateway.hub import branches
from gateway.hub.picture import Picture
from gateway.hub.schema import Connection

GATHER = 0.1  # seconds between two looks: lists of 500 branches are made anew ten times a second
LOOK_EVERY = 2.0  # seconds without a ring, then we look all the same
PAUSE = 1.0  # seconds after a fault of the database
MOST_AT_ONCE = 10_000  # events; who is further behind begins anew

WHERE: LiteralString = "SELECT epoch, seq, version FROM numbering"
EVENTS: LiteralString = """
SELECT seq, gym || '/' || machines.machine, status, cause, timestamp, last_change
FROM events JOIN machines ON machines.number = events.machine
WHERE seq > %s AND seq <= %s ORDER BY seq LIMIT %s
"""

log = logging.getLogger(__name__)


class Follower:
    """Keeps the picture and rings the bus; `begin_anew(reason)` where streams must."""

    def __init__(
        self,
        connect: Callable[[str], Awaitable[Connection]],
        picture: Picture,
        bus: Bus,
        begin_anew: Callable[[str], None],
    ) -> None:
        self._connect = connect
        self._picture = picture
        self._bus = bus
        self._begin_anew = begin_anew
        self._version = -1
        self._descriptions = branches.Descriptions()
        self.problem = ""
        """Why what we show may be old; empty while we follow."""
        self.counts: dict[str, int] = {}
        """What the consuming hub has counted."""

    async def load(self) -> None:
        """How everything stands, before anybody is served. Raises psycopg.Error."""
        async with await self._connect("gateway hub: follower") as conn:
            await self._look(conn)

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                async with await self._connect("gateway hub: follower") as conn:
                    await self._follow(conn)
            except psycopg.Error as error:
                self.problem = f"PostgreSQL: {str(error).strip() or type(error).__name__}"
                log.warning("%s; what is shown stays as it is", self.problem)
            await asyncio.sleep(PAUSE)

    async def _follow(self, conn: Connection) -> None:
        await conn.execute(f"LISTEN {branches.CHANNEL}")
        while True:
            await self._look(conn)
            self.problem = ""
            await asyncio.sleep(GATHER)
            async for _ in conn.notifies(timeout=LOOK_EVERY, stop_after=1):
                pass

    async def _look(self, conn: Connection) -> None:
        """Take in what is new, as of one moment of the database."""
        was = self._picture.cursor
        async with conn.transaction():
            await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            upto, version = await where(conn)
            goes_on = upto.epoch == was.epoch and version >= self._version  # else: was restored
            fresh = await branches.standings(
                conn, self._version if goes_on else None, self._descriptions
            )
            gap = upto.seq - was.seq if upto.epoch == was.epoch else MOST_AT_ONCE + 1
            new = await events(conn, was, upto) if 0 < gap <= MOST_AT_ONCE else []
            counted = await (await conn.execute("SELECT name, count FROM counts")).fetchall()
        self.counts = {str(name): int(str(count)) for name, count in counted}
        first = self._version < 0
        others = self._picture.take(fresh, whole=not goes_on) if fresh or not goes_on else False
        self._version, self._picture.cursor = version, upto
        if first:
            return
        if others or not 0 <= gap <= MOST_AT_ONCE or len(new) != gap:
            self._begin_anew("branches")
        else:
            self._bus.publish(new)


async def where(conn: Connection) -> tuple[Cursor, int]:
    """The newest event, and the version of the newest change of a branch."""
    row = await (await conn.execute(WHERE)).fetchone()
    assert row is not None
    epoch, seq, version = row
    return Cursor(str(epoch), int(str(seq))), int(str(version))


async def events(
    conn: Connection, after: Cursor, upto: Cursor, limit: int = MOST_AT_ONCE
) -> list[Event]:
    """Those between two places of the log, at most `limit`."""
    rows = await (await conn.execute(EVENTS, [after.seq, upto.seq, limit])).fetchall()
    return [_event(row, upto.epoch) for row in rows]


def _event(row: tuple[object, ...], epoch: str) -> Event:
    seq, machine, status, cause, timestamp, last_change = row
    times = float(str(timestamp)), float(str(last_change))
    return Event(
        int(str(seq)),
        epoch,
        str(machine),
        Status(str(status)),
        Cause(str(cause)),
        *times,
        live=False,
        sensor_seq=None,
    )
