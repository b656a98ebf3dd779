"""What the hub keeps in PostgreSQL: tables, months, bins."""

import asyncio
import sys
from collections.abc import AsyncIterator

import psycopg
import pytest

from gateway.core.digests import Row
from gateway.hub import bins, doctor, letters
from gateway.hub.partitions import Month, Months, ahead, month_of
from gateway.hub.schema import Connection, NewerSchemaError, migrate, number
from gateway.hub.sorting import Letter

NOVEMBER, DAY = 1_793_491_200, 86_400  # 2026-11-01


@pytest.fixture
async def conn(chain: str) -> AsyncIterator[Connection]:
    """A connection to tables that are there."""
    async with await psycopg.AsyncConnection.connect(chain, autocommit=True) as conn:
        await migrate(conn)
        yield conn


def row(start: int = NOVEMBER, revision: int = 0, occupied: int = 10) -> Row:
    return Row("a", start, revision, occupied, 9000, 1)


async def store(conn: Connection, *rows: Row, machine: int = 1) -> bins.Stored:
    await (await Months.of(conn)).see_to(conn, [row.start for row in rows])
    async with conn.transaction():
        return await bins.store(conn, [(machine, row) for row in rows])


async def kept(conn: Connection) -> list[tuple[object, ...]]:
    query = "SELECT start, revision, occupied FROM bins ORDER BY start, seconds"
    return await (await conn.execute(query)).fetchall()


async def test_a_bin_that_comes_twice_is_stored_once(conn: Connection) -> None:
    assert await store(conn, row()) == bins.Stored(new=1)
    assert await store(conn, row(), row()) == bins.Stored(absorbed=2)
    assert await kept(conn) == [(NOVEMBER, 0, 10)]


async def test_the_higher_revision_wins_whichever_comes_first(conn: Connection) -> None:
    assert await store(conn, row(revision=2, occupied=30), row(revision=1)) == bins.Stored(
        new=1, absorbed=1
    )
    assert (await store(conn, row(revision=1, occupied=20))).absorbed == 1
    assert (await store(conn, row(revision=3, occupied=40))).corrected == 1
    assert await kept(conn) == [(NOVEMBER, 3, 40)]


async def test_the_same_revision_with_other_values_is_told(conn: Connection) -> None:
    await store(conn, row(occupied=10), machine=7)
    assert (await store(conn, row(occupied=11), machine=7)).contradicted == {7}
    assert await kept(conn) == [(NOVEMBER, 0, 10)]


async def test_a_merged_row_stands_beside_the_fine_one(conn: Connection) -> None:
    await store(conn, row(), Row("a", NOVEMBER, 0, 99, 36_000, 3, 3600))
    assert await kept(conn) == [(NOVEMBER, 0, 10), (NOVEMBER, 0, 99)]


async def test_a_bin_of_a_month_long_past_makes_its_month(conn: Connection) -> None:
    await store(conn, row(NOVEMBER - 400 * DAY), row(NOVEMBER + 31 * DAY))
    assert [start for start, *_ in await kept(conn)] == [NOVEMBER - 400 * DAY, NOVEMBER + 31 * DAY]
    months = await number(conn, "SELECT count(*) FROM pg_partition_tree('bins') WHERE isleaf")
    assert months == 2


@pytest.mark.parametrize(
    ("days", "months"),
    [
        (23, [(2026, 11), (2026, 12)]),
        (29.9, [(2026, 11), (2026, 12)]),
        (60, [(2026, 12), (2027, 1)]),
    ],
)
def test_this_month_and_the_next_are_made_ahead(days: float, months: list[Month]) -> None:
    assert [month_of(at) for at in ahead(NOVEMBER + days * DAY)] == months


async def test_what_is_too_old_goes_a_month_at_a_time(conn: Connection) -> None:
    await store(conn, row(NOVEMBER - DAY), row(NOVEMBER))
    months = await Months.of(conn)
    assert await months.drop_before(conn, NOVEMBER - DAY) == []
    assert await months.drop_before(conn, NOVEMBER + DAY) == ["bins_2026_10"]
    assert [start for start, *_ in await kept(conn)] == [NOVEMBER]


async def test_a_backup_that_reads_for_long_stops_neither_a_new_month_nor_what_is_too_old(
    conn: Connection, chain: str
) -> None:
    await store(conn, row(NOVEMBER - DAY), row(NOVEMBER))
    months = await Months.of(conn)
    async with await psycopg.AsyncConnection.connect(chain) as backup:
        await backup.execute("SELECT count(*) FROM bins")
        await conn.execute("SET lock_timeout = '10s'")
        await months.see_to(conn, [NOVEMBER + 31 * DAY])
        assert await months.drop_before(conn, NOVEMBER + DAY) == []
    assert await months.drop_before(conn, NOVEMBER + DAY) == ["bins_2026_10"]


async def test_two_writers_of_the_same_bins_do_not_wait_for_each_other_in_a_ring(
    conn: Connection, chain: str
) -> None:
    rows = [row(NOVEMBER + 900 * n) for n in range(2000)]
    await store(conn, rows[0])
    async with await psycopg.AsyncConnection.connect(chain, autocommit=True) as other:
        done = await asyncio.gather(store(conn, *rows), store(other, *reversed(rows)))
    assert sorted(stored.new for stored in done) == [0, 1999]


MIGRATING = """
import asyncio, sys, psycopg
from gateway.hub.schema import migrate
async def main():
    async with await psycopg.AsyncConnection.connect(sys.argv[1], autocommit=True) as conn:
        await migrate(conn)
asyncio.run(main())
"""


async def test_three_hubs_that_start_at_once_make_the_tables_once(chain: str) -> None:
    started = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", MIGRATING, chain)
        for _ in range(3)
    ]
    assert [await process.wait() for process in started] == [0, 0, 0]
    async with await psycopg.AsyncConnection.connect(chain) as conn:
        assert await number(conn, "SELECT count(*) FROM numbering") == 1


async def test_a_newer_schema_is_left_alone(conn: Connection) -> None:
    await conn.execute("INSERT INTO migrations VALUES (99)")
    with pytest.raises(NewerSchemaError, match="install a newer hub"):
        await migrate(conn)


async def test_a_database_in_which_no_hub_has_begun_is_told_apart(chain: str) -> None:
    async with await psycopg.AsyncConnection.connect(chain, autocommit=True) as conn:
        with pytest.raises(OSError, match="gateway hub run"):
            await doctor.examine(conn, 20, 0.0)


async def test_a_letter_of_the_day_before_yesterday_is_shown_and_no_problem(
    conn: Connection,
) -> None:
    await letters.put(conn, [Letter("g", "gyms/g/bins", b"{", "truncated")], 1000.0)
    soon, later = [await doctor.examine(conn, 20, 1000.0 + days * DAY) for days in (0.5, 2)]
    assert soon["deadLetters"] == later["deadLetters"]
    told = ["could not be used" in str(report["problems"]) for report in (soon, later)]
    assert told == [True, False]
