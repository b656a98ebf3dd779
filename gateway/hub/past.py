"""What was, read from the bins: a machine's history and usual weeks."""

from collections.abc import Iterable, Sequence
from typing import LiteralString

from gateway.core.bins import BIN_SECONDS, Bin
from gateway.core.digests import DAY, Row, Width
from gateway.core.merged import quarters
from gateway.core.patterns import SLOTS, Ratio
from gateway.hub.schema import Connection

WEEKS = 8  # as a branch's own: a level that shifts is followed
WIDTHS: dict[int, Width] = {900: 900, 3600: 3600, 86400: 86400}
BINS: LiteralString = """
SELECT start, revision, occupied, observed, sessions, seconds FROM bins
WHERE machine = %s AND start > %s AND start < %s
"""
WEEK: LiteralString = """
WITH cells AS (
    SELECT machine, to_timestamp(start) AT TIME ZONE %(zone)s AS local, occupied, observed
    FROM bins WHERE machine = ANY(%(machines)s) AND start >= %(since)s AND seconds = 900
), ratios AS (
    SELECT extract(isodow FROM local)::int - 1 AS weekday,
           (extract(hour FROM local)::int * 60 + extract(minute FROM local)::int) / 15 AS slot,
           sum(occupied)::float8 / nullif(sum(observed), 0) AS ratio
    FROM cells GROUP BY machine, 1, 2
)
SELECT weekday, slot, round(avg(ratio)::numeric, 3)::float8 FROM ratios GROUP BY 1, 2
"""
Ratios = tuple[tuple[Ratio, ...], ...]


async def number_of(conn: Connection, gym: str, machine: str) -> int | None:
    """The machine's number; None: nobody ever heard of it."""
    query = "SELECT number FROM machines WHERE gym = %s AND machine = %s"
    row = await (await conn.execute(query, [gym, machine])).fetchone()
    return None if row is None else int(str(row[0]))


async def numbers_of(conn: Connection, gym: str, machines: Iterable[str]) -> list[int]:
    """Those of several."""
    query = "SELECT number FROM machines WHERE gym = %s AND machine = ANY(%s)"
    rows = await (await conn.execute(query, [gym, list(machines)])).fetchall()
    return [int(str(number)) for (number,) in rows]


async def bins(conn: Connection, number: int, machine: str, start: int, end: int) -> list[Bin]:
    """The quarter hours from `start` to before `end`; a day's row may begin before them."""
    rows = await (await conn.execute(BINS, [number, start - DAY, end])).fetchall()
    found = quarters(_row(machine, row) for row in rows)
    return [one for one in found if start <= one.start < end]


async def week(conn: Connection, numbers: Sequence[int], zone: str, now: float) -> Ratios:
    """The usual week in local time: each machine counts the same where it was observed."""
    since = int(now - WEEKS * 7 * DAY) // BIN_SECONDS * BIN_SECONDS
    asked = {"zone": zone, "machines": list(numbers), "since": since}
    cells: list[list[Ratio]] = [[None] * SLOTS for _ in range(7)]
    for weekday, slot, ratio in await (await conn.execute(WEEK, asked)).fetchall():
        if isinstance(ratio, float):
            cells[int(str(weekday))][int(str(slot))] = ratio
    return tuple(map(tuple, cells))


def _row(machine: str, row: tuple[object, ...]) -> Row:
    start, revision, occupied, observed, sessions, seconds = (int(str(value)) for value in row)
    return Row(machine, start, revision, occupied, observed, sessions, WIDTHS[seconds])
