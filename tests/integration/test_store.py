"""The log on disk: numbers, epochs, what is kept."""

from functools import partial
from pathlib import Path

import pytest

from gateway.core.events import Cursor, Status
from gateway.store import log
from tests.stored import BOOT, OFFSET, OTHER_BOOT, alive, dated, opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "history.db"


def test_events_are_numbered_one_after_the_other(path: Path) -> None:
    with opened(path) as store:
        first = store.record(dated("a"), dated("b"))
        second = store.record(dated("a", Status.FREE, 200.0))
        assert [event.seq for event in first + second] == [1, 2, 3]
        assert store.file.cursor == Cursor(first[0].epoch, 3)


def test_an_event_is_read_as_it_was_recorded(path: Path) -> None:
    with opened(path) as store:
        (event,) = store.record(dated("a", Status.OCCUPIED, 100.25, seq=17))
        assert store.events() == [event]
        assert (event.machine, event.status, event.live) == ("a", Status.OCCUPIED, True)
        assert (event.timestamp, event.last_change) == (OFFSET + 105.25, OFFSET + 100.25)
        assert event.sensor_seq == 17


@pytest.mark.parametrize("count", [1, 49, 50, 51, 149, 200])
def test_a_batch_of_any_size_is_stored_in_order(path: Path, count: int) -> None:
    with opened(path) as store:
        events = store.record(*(dated(f"m{n % 7}", at=float(n)) for n in range(count)))
        assert store.events() == events
        assert [event.seq for event in events] == list(range(1, count + 1))


def test_a_start_continues_the_numbers(path: Path) -> None:
    with opened(path) as store:
        store.record(dated("a"), dated("b"), alive=alive(100))
        epoch = store.file.cursor.epoch
    with opened(path) as store:
        assert store.file.cursor == Cursor(epoch, 2)
        assert store.record(dated("a", Status.FREE))[0].seq == 3


def test_every_event_keeps_boot_monotonic_time_and_whether_time_was_known(path: Path) -> None:
    with opened(path) as store:
        store.record(dated("a", at=100.0), dated("b", at=101.0, synchronised=False))
        rows = store.conn.execute(
            "SELECT boots.boot, monotonic, synchronised FROM events"
            " JOIN boots ON boots.number = events.boot ORDER BY seq"
        ).fetchall()
        assert rows == [(BOOT, 105.0, 1), (BOOT, 106.0, 0)]


def test_what_was_undone_leaves_neither_a_gap_nor_a_machine_without_a_name(path: Path) -> None:
    with opened(path) as store:
        store.conn.execute("BEGIN IMMEDIATE")
        store.file.record([dated("new")], {}, None, store.conn)
        store.conn.execute("ROLLBACK")
        store.record(dated("new"))
        assert [(event.seq, event.machine) for event in store.events()] == [(1, "new")]


def test_no_transaction_is_left_open(path: Path) -> None:
    with opened(path) as store:
        assert not store.conn.in_transaction
        store.record(dated("a"), alive=alive(1))
        assert not store.conn.in_transaction


def test_a_log_without_other_indexes_is_what_spares_the_card(path: Path) -> None:
    with opened(path) as store:
        indexes = "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND tbl_name = 'events'"
        assert store.one(indexes) == 0
        assert store.one("SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_sequence'") == 0


# --- epochs --------------------------------------------------------------------------------


def test_a_new_file_has_an_epoch_of_its_own(path: Path, tmp_path: Path) -> None:
    with opened(path) as one, opened(tmp_path / "other.db") as other:
        assert one.file.cursor.epoch != other.file.cursor.epoch
        assert one.file.cursor.seq == 0
        assert one.one("SELECT reason FROM epochs") == "created"


def test_a_kill_in_the_same_boot_keeps_the_epoch(path: Path) -> None:
    with opened(path) as store:
        before = store.file.cursor
        store.record(alive=alive(100))
    with opened(path) as store:
        assert store.file.cursor == before


def test_a_clean_stop_keeps_the_epoch_over_a_boot(path: Path) -> None:
    with opened(path) as store:
        store.record(dated("a"), alive=alive(100, clean=True))
        before = store.file.cursor
    with opened(path, OTHER_BOOT) as store:
        assert store.file.cursor == before


def test_an_unclean_stop_of_the_machine_begins_an_epoch_and_keeps_the_last_number_of_the_old(
    path: Path,
) -> None:
    with opened(path) as store:
        store.record(dated("a"), dated("b"), alive=alive(100))
        old = store.file.cursor
    with opened(path, OTHER_BOOT) as store:
        assert store.file.cursor.epoch != old.epoch
        assert log.surviving(store.conn, old.epoch) == 2
        assert log.surviving(store.conn, store.file.cursor.epoch) is None
        assert store.record(dated("a", Status.FREE))[0].seq == 3


def test_each_event_keeps_the_epoch_it_was_issued_in(path: Path) -> None:
    with opened(path) as store:
        (old,) = store.record(dated("a"), alive=alive(100))
    with opened(path, OTHER_BOOT) as store:
        (new,) = store.record(dated("a", Status.FREE))
        assert [event.epoch for event in store.events()] == [old.epoch, new.epoch]
        assert old.epoch != new.epoch


def test_a_power_cut_right_after_a_start_that_followed_a_clean_stop_is_unclean(path: Path) -> None:
    with opened(path) as store:
        store.record(alive=alive(100, clean=True))
        epoch = store.file.cursor.epoch
    with opened(path, OTHER_BOOT):
        pass  # its events were shown, then the power went before they were synced
    with opened(path, "boot-c") as store:
        assert store.file.cursor.epoch != epoch


def test_a_power_cut_before_the_first_note_is_unclean(path: Path) -> None:
    with opened(path) as store:
        epoch = store.file.cursor.epoch
    with opened(path, OTHER_BOOT) as store:
        assert store.file.cursor.epoch != epoch


# --- what is kept --------------------------------------------------------------------------


def test_purge_deletes_the_old_in_small_batches(path: Path) -> None:
    with opened(path) as store:
        store.record(*(dated("a", at=float(n)) for n in range(1200)))
        purged = [store.do(lambda conn: log.purge(conn, OFFSET + 1005.0)) for _ in range(4)]
        assert purged == [500, 500, 0, 0]
        assert log.oldest(store.conn) == 1001


def test_purge_never_deletes_the_newest_event(path: Path) -> None:
    with opened(path) as store:
        store.record(*(dated("a", at=float(n)) for n in range(10)))
        while store.do(lambda conn: log.purge(conn, float("inf"))):
            pass
        assert [event.seq for event in store.events()] == [10]
    with opened(path) as store:
        assert store.record(dated("a"))[0].seq == 11


def test_events_that_a_clock_dated_years_ahead_do_not_stand_before_the_purge(path: Path) -> None:
    years = 3000 * 86_400.0
    with opened(path) as store:
        store.record(*(dated("a", at=years + n) for n in range(1200)))
        store.record(*(dated("a", at=float(n)) for n in range(10)))
        purge = partial(log.purge, before=OFFSET + 10, now=OFFSET + 100)
        while store.do(purge):
            pass
        assert log.oldest(store.conn) == 1206


def test_what_a_clock_dated_years_ahead_is_kept_as_long_as_what_came_after_it(path: Path) -> None:
    with opened(path) as store:
        store.record(dated("a", at=3000 * 86_400.0), dated("a", at=10.0), dated("a", at=20.0))
        assert store.do(partial(log.purge, before=OFFSET + 10, now=OFFSET + 100)) == 0


# --- time becomes known --------------------------------------------------------------------


def test_redate_gives_unsynchronised_events_their_true_times(path: Path) -> None:
    with opened(path) as store:
        store.record(dated("a", at=100.0, offset=5.0, synchronised=False))
        assert store.do(lambda conn: store.file.redate(OFFSET, conn)) == 1
        (event,) = store.events()
        assert (event.timestamp, event.last_change) == (OFFSET + 105, OFFSET + 100)
        assert store.do(lambda conn: store.file.redate(OFFSET, conn)) == 0


def test_redate_renames_no_event_and_touches_neither_other_boots_nor_what_was_known(
    path: Path,
) -> None:
    with opened(path) as store:
        lost = store.record(dated("a", offset=7.0, synchronised=False), alive=alive(9, clean=True))
    with opened(path, OTHER_BOOT) as store:
        known = store.record(dated("a", Status.FREE))
        (wrong,) = store.record(dated("a", at=300.0, offset=7.0, synchronised=False))
        store.do(lambda conn: store.file.redate(OFFSET, conn))
        *others, right = store.events()
        assert others == lost + known
        assert (right.epoch, right.seq) == (wrong.epoch, wrong.seq)
        assert right.last_change == OFFSET + 300


def test_redate_reads_this_boots_events_only(path: Path) -> None:
    with opened(path) as store:
        store.record(*(dated("a", at=float(n)) for n in range(50_000)), alive=alive(9, clean=True))
    with opened(path, OTHER_BOOT) as store:
        store.record(dated("a", offset=7.0, synchronised=False))
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        store.conn.set_progress_handler(count, 100)  # called every 100 instructions
        store.do(lambda conn: store.file.redate(OFFSET, conn))
        assert steps < 10
