"""The table of bins, cut by the month of their start; a hypertable where TimescaleDB is installed.

Months begin in UTC and are made ahead and on demand. What is too old goes a whole month at a time.
"""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime

from psycopg import AsyncConnection, errors, sql

DAY = 86_400
CHUNK = 30 * DAY  # seconds of a hypertable's chunk
PATIENCE = 500  # milliseconds a drop waits for who reads
BINS = """
CREATE TABLE bins (
    machine integer NOT NULL,
    start bigint NOT NULL,              -- epoch seconds
    seconds integer NOT NULL,           -- 900, or more where a branch had to merge
    revision integer NOT NULL,
    occupied integer NOT NULL,          -- tenths of a second
    observed integer NOT NULL,          -- tenths of a second
    sessions integer NOT NULL,
    PRIMARY KEY (machine, start, seconds)
)
"""
Month = tuple[int, int]
Connection = AsyncConnection[tuple[object, ...]]

log = logging.getLogger(__name__)


def month_of(start: int) -> Month:
    """(year, month) of a bin."""
    at = datetime.fromtimestamp(start, UTC)
    return at.year, at.month


def bounds(month: Month) -> tuple[int, int]:
    """Its first second and that of the next one."""
    year, number = month
    after = (year + 1, 1) if number == 12 else (year, number + 1)  # noqa: PLR2004  December
    first, last = (datetime(y, m, 1, tzinfo=UTC) for y, m in (month, after))
    return int(first.timestamp()), int(last.timestamp())


def ahead(now: float) -> tuple[int, int]:
    """Moments of the months that must be there: this one, and the next before its first bin."""
    return int(now), bounds(month_of(int(now)))[1]


def name_of(month: Month) -> str:
    """`bins_2026_11`."""
    return f"bins_{month[0]:04d}_{month[1]:02d}"


async def create(conn: Connection) -> None:
    """Make the table, in the transaction that is open."""
    if await _has_timescale(conn):
        await conn.execute(BINS)
        await conn.execute(
            "SELECT create_hypertable('bins', 'start', chunk_time_interval => %s::bigint)", [CHUNK]
        )
    else:
        await conn.execute(BINS + "PARTITION BY RANGE (start)")


class Months:
    """Knows which months there are; TimescaleDB sees to its own chunks."""

    def __init__(self, known: Iterable[Month] = (), *, timescale: bool = False) -> None:
        self._known = set(known)  # a hundred of them are eight years
        self._timescale = timescale

    @classmethod
    async def of(cls, conn: Connection) -> "Months":
        """As they are in the database."""
        is_partitioned = await (
            await conn.execute("SELECT relkind = 'p' FROM pg_class WHERE oid = 'bins'::regclass")
        ).fetchone()
        if is_partitioned == (False,):
            return cls(timescale=True)
        rows = conn.cursor().stream(
            "SELECT relid::regclass::text FROM pg_partition_tree('bins') WHERE isleaf"
        )
        return cls([_month(str(name)) async for (name,) in rows])

    async def see_to(self, conn: Connection, starts: Iterable[int]) -> None:
        """Make the months of these bins; on its own, before the bins' transaction."""
        missing = sorted({month_of(start) for start in starts} - self._known)
        for month in [] if self._timescale else missing:
            await _make(conn, month)
            self._known.add(month)

    async def drop_before(self, conn: Connection, start: float) -> list[str]:
        """Drop every month that ended by then; returns their names."""
        if self._timescale:
            await conn.execute("SELECT drop_chunks('bins', older_than => %s::bigint)", [int(start)])
            return []
        old = sorted(month for month in self._known if bounds(month)[1] <= start)
        gone = [month for month in old if await _drop(conn, month)]
        self._known.difference_update(gone)
        return [name_of(month) for month in gone]


async def _make(conn: Connection, month: Month) -> None:
    """Attached, not made as a part: that would wait for everyone who reads, and stop the rest."""
    first, last = bounds(month)
    table = sql.Identifier(name_of(month))
    async with conn.transaction():
        await conn.execute(sql.SQL("CREATE TABLE {} (LIKE bins INCLUDING INDEXES)").format(table))
        await conn.execute(
            sql.SQL("ALTER TABLE bins ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                table, first, last
            )
        )


async def _drop(conn: Connection, month: Month) -> bool:
    """False: somebody reads, such as a backup. Whoever waits for that lock stops all others."""
    try:
        async with conn.transaction():
            await conn.execute(f"SET LOCAL lock_timeout = {PATIENCE}")
            await conn.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name_of(month))))
    except errors.LockNotAvailable:
        log.info("%s is too old, but is being read: it is dropped later", name_of(month))
        return False
    return True


def _month(name: str) -> Month:
    year, number = name.removeprefix("bins_").split("_")
    return int(year), int(number)


async def _has_timescale(conn: Connection) -> bool:
    found = await conn.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'")
    return await found.fetchone() is not None
