"""From the history into the outbox: nothing twice, nothing left out, within bounds."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from gateway.bridge import BusyError
from gateway.core.bins import Bin
from gateway.core.digests import DAY
from gateway.core.events import Cursor
from gateway.core.nights import Night
from gateway.store import bins, marks, outbox, proofs
from gateway.upstream import copying
from tests.integration.conftest import Until
from tests.stored import Written, opened
from tests.upstream_branch import DAY_0, START, Branch, hour

T = TypeVar("T")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Written]:
    with opened(tmp_path / "history.db") as store:
        yield store


@pytest.fixture
async def branch(tmp_path: Path, store: Written) -> AsyncIterator[Branch]:
    branch = Branch(tmp_path, store)
    yield branch
    await branch.end()


async def test_what_is_closed_is_copied_and_nothing_twice(branch: Branch) -> None:
    branch.store.store(hour())
    await branch.copy()
    assert branch.waiting() == hour()
    branch.ledger.execute("DELETE FROM outbox")
    branch.store.store(hour(START + 3600))
    await branch.copy()
    assert branch.waiting() == hour(START + 3600)


async def test_a_correction_is_copied_with_its_revision(branch: Branch) -> None:
    branch.store.store(hour(machines=1))
    await branch.copy()
    branch.store.store([Bin("m0", START, 1.0, 900.0, 1)])
    await branch.copy()
    assert branch.waiting()[0] == Bin("m0", START, 1.0, 900.0, 1, revision=1)
    assert len(branch.waiting()) == 4


async def test_a_first_copy_takes_packed_days_too(branch: Branch) -> None:
    branch.store.store([*hour(), *hour(START + 4 * DAY)])
    assert branch.store.do(lambda conn: bins.pack(conn, START + 4 * DAY))
    await branch.copy()
    assert branch.waiting() == [*hour(), *hour(START + 4 * DAY)]


async def test_a_first_copy_begins_where_the_outbox_does(branch: Branch) -> None:
    branch.clock.now += 91 * DAY
    branch.store.store([*hour(), *hour(START + 91 * DAY)])
    assert branch.store.do(lambda conn: bins.pack(conn, START + 91 * DAY))
    await branch.copy()
    assert branch.waiting() == hour(START + 91 * DAY)


async def test_more_than_a_transactions_worth_is_copied_in_pieces(branch: Branch) -> None:
    branch.store.store([b for h in range(24) for b in hour(START + h * 3600, machines=30)])
    await branch.copy()
    assert branch.outbox.rows == len(branch.waiting()) == 2880


@pytest.mark.parametrize("cursor", [Cursor("another", 3), Cursor("", 99_999_999)])
async def test_after_a_restore_all_that_is_loose_is_copied_again(
    branch: Branch, cursor: Cursor
) -> None:
    branch.store.store(hour())
    await branch.copy()
    branch.ledger.execute("DELETE FROM outbox")
    await branch.write(lambda conn: outbox.advance(conn, cursor))
    await branch.copy()
    assert branch.waiting() == hour()


async def test_a_number_that_went_back_is_a_restore(branch: Branch) -> None:
    branch.store.store(hour())
    await branch.copy()
    branch.ledger.execute("DELETE FROM outbox")
    branch.ledger.execute("UPDATE cursors SET seq = 1000")
    await branch.copy()
    assert branch.waiting() == hour()


async def test_days_that_nobody_copied_are_proven_too(branch: Branch) -> None:
    branch.store.store([*hour(), *hour(START + 2 * DAY), *hour(START + 4 * DAY)])
    branch.store.do(lambda conn: bins.pack(conn, START + 5 * DAY))
    await branch.write(lambda conn: outbox.advance(conn, Cursor("e", 24)))
    await branch.copying.load()
    assert await branch.write(proofs.days) == {DAY_0 + n: 1 for n in range(5)}


async def test_a_day_that_went_on_while_nobody_copied_is_proven_anew(branch: Branch) -> None:
    branch.store.store(hour())
    await branch.copy()
    await branch.write(lambda conn: proofs.told(conn, DAY_0, b"{}", 1))
    await branch.copying.load()
    assert await branch.write(proofs.days) == {DAY_0: 0}
    branch.store.store([*hour(START + 7200), *hour(START + 4 * DAY)])  # no [upstream], or no ledger
    branch.store.do(lambda conn: bins.pack(conn, START + 5 * DAY))
    await branch.copying.load()
    assert (await branch.write(proofs.days))[DAY_0] == 1


async def test_after_a_restore_all_days_are_proven_anew(branch: Branch) -> None:
    branch.store.store(hour())
    await branch.copy()
    await branch.write(lambda conn: proofs.told(conn, DAY_0, b"{}", 1))
    branch.ledger.execute("UPDATE cursors SET seq = 1000")
    await branch.copying.load()
    assert await branch.write(proofs.days) == {DAY_0: 1}


async def test_a_busy_store_is_asked_again(
    branch: Branch, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "AFTER_BUSY", 0.0)
    branch.store.store(hour())
    await branch.copying.load()
    read, refusals = branch.read, [BusyError("later"), BusyError("later")]

    async def busy(work: Callable[[sqlite3.Connection], T]) -> T:
        if refusals:
            raise refusals.pop()
        return await read(work)

    monkeypatch.setattr(branch.copying, "_read", busy)
    running = asyncio.create_task(branch.copying.run())
    await until(lambda: branch.waiting() == hour())
    running.cancel()
    assert not refusals


async def test_rows_and_place_are_one_transaction(branch: Branch) -> None:
    branch.store.store(hour())
    branch.ledger.execute(
        "CREATE TRIGGER no BEFORE INSERT ON cursors BEGIN SELECT raise(FAIL, 'full'); END"
    )
    with pytest.raises(sqlite3.Error):
        await branch.copy()
    branch.ledger.execute("ROLLBACK")
    assert branch.waiting() == []


async def test_what_is_full_is_merged_and_counted(tmp_path: Path, store: Written) -> None:
    branch = Branch(tmp_path, store, max_bytes=400 * outbox.ROW_BYTES)
    for day in range(6):
        store.store([b for h in range(24) for b in hour(START + day * DAY + h * 3600, machines=1)])
    await branch.copy()
    assert branch.outbox.rows == len(outbox.take(branch.ledger, None, 1000)) <= 400
    seconds = [one.row.seconds for one in outbox.take(branch.ledger, None, 1000)]
    assert set(seconds) == {3600, 900}
    assert sum(seconds) == 6 * DAY
    assert branch.outbox.noted == {"merged": seconds.count(3600) * 4, "dropped": 0, "declared": 0}
    await branch.end()


async def test_bounds_that_shrink_are_kept_by_the_next_copy(branch: Branch) -> None:
    for day in range(12):
        at = START + day * DAY
        branch.store.store([b for h in range(24) for b in hour(at + h * 3600, machines=1)])
    await branch.copy()
    assert branch.outbox.rows == 12 * 96
    branch.outbox.follow(300 * outbox.ROW_BYTES, 90)
    branch.store.store(hour(START + 12 * DAY, machines=1))
    while await branch.copying._copy():
        pass
    assert branch.outbox.rows == len(outbox.take(branch.ledger, None, 9999)) <= 300


async def test_what_is_too_old_goes_and_is_declared(branch: Branch) -> None:
    branch.store.store(hour())
    await branch.copy()
    branch.clock.now += 91 * DAY
    branch.store.store(hour(START + 91 * DAY))
    while await branch.copying._copy():
        pass
    assert branch.waiting() == hour(START + 91 * DAY)
    assert branch.outbox.noted == {"merged": 0, "dropped": 12, "declared": 12}


async def test_a_clock_that_jumps_makes_nothing_too_old(branch: Branch) -> None:
    branch.store.store(hour())
    await branch.copy()
    branch.store.store(hour(START + 91 * DAY))
    while await branch.copying._copy():
        pass
    assert branch.waiting() == [*hour(), *hour(START + 91 * DAY)]


async def test_bins_of_a_clock_that_ran_ahead_make_nothing_too_old_at_the_next_start(
    branch: Branch,
) -> None:
    branch.store.store(hour())
    await branch.copy()
    branch.store.store(hour(START + 3650 * DAY))
    await branch.copy()
    branch.store.store(hour(START + 3600))
    await branch.copy()
    assert branch.waiting() == [*hour(), *hour(START + 3600), *hour(START + 3650 * DAY)]
    assert branch.outbox.first_day < DAY_0


async def test_a_start_while_the_clock_is_a_year_ahead_makes_nothing_too_old(
    branch: Branch, monkeypatch: pytest.MonkeyPatch
) -> None:
    branch.store.store(hour())
    branch.store.do(lambda conn: marks.write(conn, Night(START, START)))
    await branch.copy()
    monkeypatch.setattr(branch.clock, "wall", lambda: branch.clock.now + 365 * DAY)
    branch.store.store(hour(START + 365 * DAY))
    await branch.copy()
    branch.store.store(hour(START + 365 * DAY + 3600))
    while await branch.copying._copy():
        pass
    assert branch.waiting()[: len(hour())] == hour()
