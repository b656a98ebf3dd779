"""Bins on disk: loose, packed, corrected, purged; read as one."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.core.bins import BIN_SECONDS, Bin
from gateway.store import bins
from gateway.store.bins import DAY, PACK_AFTER, SLOTS
from tests.stored import Written, opened

MONDAY = 20_423  # 1 December 2025, as a day's number
START = MONDAY * DAY
LATER = START + 10 * DAY  # long after all that is written here


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Written]:
    with opened(tmp_path / "history.db") as written:
        yield written


def some(machine: str, start: int, occupied: float = 300.0, revision: int = 0) -> Bin:
    return Bin(machine, start, occupied, 900.0, int(occupied > 0), revision)


def day_of(machine: str, day: int = MONDAY, seed: int = 1) -> list[Bin]:
    chance = random.Random(seed)
    starts = range(day * DAY, (day + 1) * DAY, BIN_SECONDS)
    return [some(machine, start, round(chance.uniform(0, 900), 1)) for start in starts]


def pack_all(store: Written, now: float = LATER) -> int:
    """How many rows it made."""
    rows = 0
    while made := store.do(lambda conn: bins.pack(conn, now)):
        rows += made
    return rows


def read(store: Written, machine: str, start: int = START, end: int = LATER) -> list[Bin]:
    return bins.read(store.conn, machine, start, end)


@pytest.mark.parametrize("packed", [False, True])
def test_bins_are_read_as_they_were_written(store: Written, packed: bool) -> None:
    written = day_of("a")
    store.store([*written, *day_of("b", seed=2)])
    assert pack_all(store) == 2 if packed else True
    assert read(store, "a") == written
    assert read(store, "b") == day_of("b", seed=2)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("first", "last"), [(0, 96), (0, 1), (95, 96), (10, 20), (5, 5), (96, 99)])
def test_a_read_holds_its_start_and_not_its_end(
    store: Written, packed: bool, first: int, last: int
) -> None:
    written = day_of("a")
    store.store(written)
    assert not packed or pack_all(store)
    span = [START + slot * BIN_SECONDS for slot in (first, last)]
    assert read(store, "a", *span) == written[first:last]


def test_a_read_that_ends_before_the_oldest_bin_is_empty(store: Written) -> None:
    store.store([some("a", START)])
    assert read(store, "a", START - DAY, START - BIN_SECONDS) == []
    assert read(store, "a", START - DAY, START) == []


def test_a_read_may_begin_between_two_bins(store: Written) -> None:
    store.store(day_of("a"))
    assert read(store, "a", START + 1, START + 1801) == day_of("a")[1:3]


def test_an_unknown_machine_has_no_bins(store: Written) -> None:
    store.store(day_of("a"))
    assert read(store, "b") == bins.read_loose(store.conn, "b", START, LATER) == []
    assert (bins.is_known(store.conn, "a"), bins.is_known(store.conn, "b")) == (True, False)


def test_bins_that_are_missing_stay_missing_when_packed(store: Written) -> None:
    written = [b for b in day_of("a") if b.start % 2700]
    store.store(written)
    pack_all(store)
    assert read(store, "a") == written


def test_packed_and_loose_days_are_read_as_one(store: Written) -> None:
    written = [b for day in range(5) for b in day_of("a", MONDAY + day, seed=day)]
    store.store(written)
    now = START + 3 * DAY + PACK_AFTER
    assert pack_all(store, now) == 3
    assert store.one("SELECT count(*) FROM days") == 3
    assert store.one("SELECT count(*) FROM bins") == 2 * SLOTS
    assert read(store, "a") == written


def test_a_day_is_packed_once_corrections_of_it_are_over(store: Written) -> None:
    store.store(day_of("a"))
    assert pack_all(store, START + DAY + PACK_AFTER - 1) == 0
    assert pack_all(store, START + DAY + PACK_AFTER) == 1


def test_each_call_packs_one_day(store: Written) -> None:
    store.store([b for day in range(3) for b in day_of("a", MONDAY + day)])
    assert [store.do(lambda conn: bins.pack(conn, LATER)) for _ in range(4)] == [1, 1, 1, 0]


def test_packing_nothing_is_no_error(store: Written) -> None:
    assert pack_all(store) == 0


@pytest.mark.parametrize("packed_again", [False, True])
def test_a_higher_revision_corrects_a_packed_day(store: Written, packed_again: bool) -> None:
    store.store(day_of("a"))
    pack_all(store)
    correction = some("a", START + 7 * BIN_SECONDS, occupied=12.5, revision=1)
    store.store([correction])
    assert not packed_again or pack_all(store) == 1
    expected = day_of("a")
    expected[7] = correction
    assert read(store, "a") == expected


def test_a_correction_takes_the_place_of_a_loose_bin(store: Written) -> None:
    store.store([some("a", START)])
    store.store([some("a", START, occupied=1.0, revision=1)])
    assert read(store, "a") == [some("a", START, occupied=1.0, revision=1)]


def test_a_packed_bin_is_good_to_a_tenth_of_a_second(store: Written) -> None:
    store.store([Bin("a", START, 123.4567, 899.96, 3, 2)])
    pack_all(store)
    assert read(store, "a") == [Bin("a", START, 123.5, 900.0, 3, 2)]


def test_purge_deletes_the_old_one_machine_at_a_time(store: Written) -> None:
    store.store([b for day in range(4) for m in "ab" for b in day_of(m, MONDAY + day)])
    pack_all(store)
    before = START + 3 * DAY + 5.0
    purged = [store.do(lambda conn: bins.purge(conn, before)) for _ in range(3)]
    assert purged == [3, 3, 0]
    assert [b.start // DAY for b in read(store, "a")] == [MONDAY + 3] * SLOTS


# --- change numbers ------------------------------------------------------------------------


def numbers(store: Written) -> list[int]:
    rows = store.conn.execute("SELECT change FROM bins ORDER BY change").fetchall()
    return [number for (number,) in rows]


def test_every_written_bin_gets_the_next_change_number(store: Written) -> None:
    store.store([some("a", START), some("b", START)])
    store.store([some("a", START, revision=1)])
    assert numbers(store) == [2, 3]


def test_change_numbers_are_never_issued_twice_over_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path / "file.db") as store:
        store.store([some("a", START), some("a", START + BIN_SECONDS)])
    with opened(tmp_path / "file.db") as store:
        store.store([some("b", START)])
        assert numbers(store) == [1, 2, 3]


def test_change_numbers_are_never_issued_twice_after_everything_is_packed(tmp_path: Path) -> None:
    with opened(tmp_path / "file.db") as store:
        store.store(day_of("a"))
        pack_all(store)
        assert numbers(store) == []
    with opened(tmp_path / "file.db") as store:
        store.store([some("a", START + DAY)])
        assert numbers(store) == [SLOTS + 1]


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_stored_otherwise_gets_a_higher_revision(store: Written, packed: bool) -> None:
    store.store([some("a", START, 100.0, revision=3)])
    if packed:
        pack_all(store)
    store.store([some("a", START, 200.0)])
    assert read(store, "a") == [some("a", START, 200.0, revision=4)]


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_stored_again_as_it_was_keeps_its_revision(store: Written, packed: bool) -> None:
    store.store([some("a", START, 100.0, revision=3)])
    if packed:
        pack_all(store)
    store.store([some("a", START, 100.0)])
    assert read(store, "a") == [some("a", START, 100.0, revision=3)]


def test_changes_are_read_by_number(store: Written) -> None:
    store.store([some("a", START), some("b", START)])
    store.store([some("a", START + BIN_SECONDS)])
    assert [number for number, _ in bins.changed(store.conn, 0, 10)] == [1, 2, 3]
    assert bins.changed(store.conn, 2, 10) == [(3, some("a", START + BIN_SECONDS))]
    assert len(bins.changed(store.conn, 0, 2)) == 2


def test_a_day_of_all_machines_is_read_packed_or_not(store: Written) -> None:
    store.store([*day_of("a"), *day_of("b", seed=2), *day_of("a", MONDAY + 1)])
    loose = bins.day_of_all(store.conn, MONDAY)
    pack_all(store)
    store.store([some("b", START, 1.0)])
    packed = bins.day_of_all(store.conn, MONDAY)
    order = {(one.machine, one.start): one for one in loose}
    order["b", START] = some("b", START, 1.0, revision=1)
    assert {(one.machine, one.start): one for one in packed} == order


def test_how_far_bins_are_closed_is_known_packed_or_not(store: Written) -> None:
    assert (bins.closed_until(store.conn), bins.oldest_day(store.conn)) == (0, None)
    store.store(day_of("a"))
    assert bins.closed_until(store.conn) == START + DAY
    pack_all(store)
    assert (bins.closed_until(store.conn), bins.oldest_day(store.conn)) == (START + DAY, MONDAY)
    assert bins.last_packed_day(store.conn) == MONDAY
