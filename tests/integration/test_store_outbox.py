"""The outbox on disk: rows replaced by newer revisions, sent in order, merged before dropped."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.core.digests import DAY, HOUR, Row, Width
from gateway.core.events import Cursor
from gateway.store import outbox, proofs, schema
from gateway.store.outbox import Key

DAY_0 = 20_000 * DAY
NEWEST = DAY_0 + 30 * DAY


@pytest.fixture
def conn(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(schema.open_to_write(tmp_path / "ledger.db", schema.ledger)) as conn:
        yield conn


def row(start: int, machine: str = "a", revision: int = 0, seconds: Width = 900) -> Row:
    return Row(machine, start, revision, 100, 9000, 1, seconds)


def quarters(first: int, count: int, machine: str = "a") -> list[Row]:
    return [row(first + n * 900, machine) for n in range(count)]


def waiting(conn: sqlite3.Connection) -> list[Row]:
    return [one.row for one in outbox.take(conn, None, 1_000_000)]


def test_rows_come_out_as_they_went_in_oldest_first(conn: sqlite3.Connection) -> None:
    late, early = row(DAY_0 + 900), row(DAY_0, "b")
    assert outbox.put(conn, [late, early]) == 2
    assert waiting(conn) == [early, late]


def test_a_higher_revision_takes_the_place_of_a_lower_one(conn: sqlite3.Connection) -> None:
    outbox.put(conn, [row(DAY_0)])
    assert outbox.put(conn, [row(DAY_0, revision=2), row(DAY_0 + 900)]) == 1
    assert outbox.put(conn, [row(DAY_0, revision=1)]) == 0
    assert waiting(conn) == [row(DAY_0, revision=2), row(DAY_0 + 900)]


def test_what_was_corrected_meanwhile_outlives_the_acknowledgement(
    conn: sqlite3.Connection,
) -> None:
    outbox.put(conn, quarters(DAY_0, 2))
    sent = outbox.take(conn, None, 10)
    outbox.put(conn, [row(DAY_0, revision=1)])
    assert outbox.remove(conn, sent) == 1
    assert waiting(conn) == [row(DAY_0, revision=1)]
    assert outbox.noted(conn) == {"acknowledged": 1}


def test_a_read_goes_on_behind_a_place(conn: sqlite3.Connection) -> None:
    outbox.put(conn, quarters(DAY_0, 5))
    first = outbox.take(conn, None, 2)
    assert [one.row for one in outbox.take(conn, first[-1].key, 2)] == quarters(DAY_0, 4)[2:]
    assert outbox.take(conn, Key(outbox.FINE, NEWEST, 0), 2) == []


def test_merged_rows_are_sent_before_fine_ones(conn: sqlite3.Connection) -> None:
    outbox.put(conn, [row(DAY_0), row(DAY_0 + HOUR, seconds=3600), row(DAY_0, seconds=86_400)])
    assert [one.seconds for one in waiting(conn)] == [86_400, 3600, 900]
    assert outbox.oldest(conn) == DAY_0
    assert outbox.size(conn) == 3


def test_room_is_made_of_the_oldest_day_first_in_hours_then_in_days(
    conn: sqlite3.Connection,
) -> None:
    outbox.put(conn, quarters(DAY_0, 96) + quarters(DAY_0 + DAY, 96))
    assert outbox.make_room(conn, NEWEST, 7) == (96, 24, 0)
    assert waiting(conn)[0] == Row("a", DAY_0, 7, 400, 36_000, 4, 3600)
    assert outbox.make_room(conn, NEWEST, 8) == (96, 24, 0)
    assert outbox.make_room(conn, NEWEST, 9) == (24, 1, 0)
    assert waiting(conn)[0] == Row("a", DAY_0, 9, 9600, 864_000, 96, 86_400)
    assert outbox.make_room(conn, NEWEST, 9) == (24, 1, 0)
    assert outbox.make_room(conn, NEWEST, 9) == (0, 0, 1)
    assert outbox.noted(conn) == {"merged": 240, "dropped": 1}


def test_the_last_two_days_are_not_merged(conn: sqlite3.Connection) -> None:
    outbox.put(conn, quarters(NEWEST - DAY, 97))
    assert outbox.make_room(conn, NEWEST, 1) == (0, 0, 96)


def test_what_a_clock_that_leapt_has_put_ahead_goes_before_all_that_was_seen(
    conn: sqlite3.Connection,
) -> None:
    outbox.put(conn, quarters(DAY_0, 96) + quarters(NEWEST + 900, 200))
    while (made := outbox.make_room(conn, NEWEST, 1)).merged == 0:
        assert made.dropped > 0
    assert waiting(conn)[-1].start <= NEWEST


def test_what_was_merged_and_comes_again_does_not_count_twice(conn: sqlite3.Connection) -> None:
    outbox.put(conn, quarters(DAY_0, 96))
    outbox.make_room(conn, NEWEST, 1)
    outbox.put(conn, quarters(DAY_0, 96))
    outbox.make_room(conn, NEWEST, 2)
    assert waiting(conn)[0] == Row("a", DAY_0, 2, 400, 36_000, 4, 3600)


def test_dropped_hours_are_known_in_quarters(conn: sqlite3.Connection) -> None:
    outbox.put(conn, [*quarters(DAY_0, 3), row(DAY_0, "b", seconds=3600)])
    assert outbox.hours_before(conn, NEWEST) == {DAY_0: 7}
    assert outbox.drop(conn, NEWEST) == 4
    assert waiting(conn) == []


def test_a_row_takes_the_room_that_is_reckoned_with(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    machines = [f"machine-{number:056d}" for number in range(100)]
    with closing(schema.open_to_write(path, schema.ledger)) as conn:
        conn.execute("VACUUM")
        before = path.stat().st_size
        conn.execute("BEGIN")
        for slot in range(300):
            start = DAY_0 + slot * 900
            outbox.put(conn, [Row(name, start, 1, 4770, 9000, 2) for name in machines])
        conn.execute("COMMIT")
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        each = (path.stat().st_size - before) / 30_000
    assert outbox.ROW_BYTES * 0.8 < each <= outbox.ROW_BYTES * 1.1


def test_the_place_in_the_history_is_kept(conn: sqlite3.Connection) -> None:
    assert outbox.cursor(conn) is None
    outbox.advance(conn, Cursor("e", 7))
    assert outbox.cursor(conn) == Cursor("e", 7)


def test_a_day_waits_as_long_as_one_of_its_fine_rows_does(conn: sqlite3.Connection) -> None:
    outbox.put(conn, [row(DAY_0 + DAY - 900), row(DAY_0, seconds=3600)])
    assert [outbox.waits(conn, DAY_0 // DAY + n) for n in (-1, 0, 1)] == [False, True, False]


def test_a_digest_that_was_overtaken_stays_due(conn: sqlite3.Connection) -> None:
    proofs.stain(conn, [1])
    proofs.stain(conn, [1])
    proofs.told(conn, 1, b"digest", 1)
    assert proofs.days(conn) == {1: 1}
    assert proofs.read(conn, 1).told == b"digest"


def test_hours_that_are_asked_for_add_up(conn: sqlite3.Connection) -> None:
    proofs.ask(conn, 1, [3])
    proofs.ask(conn, 1, [4, 3])
    assert [proof.notes.asked for proof in proofs.asked(conn)] == [(3, 4)]
    proofs.answer(conn, 1, proofs.Notes(), 100.0)
    assert proofs.asked(conn) == []
    assert proofs.read(conn, 1).answered == 100.0


def test_what_is_lost_is_noted_by_hour(conn: sqlite3.Connection) -> None:
    proofs.lose(conn, {DAY_0: 4, DAY_0 + 5 * HOUR: 8}, "gone")
    lost = proofs.read(conn, DAY_0 // DAY).notes.lost
    assert lost == (proofs.Lost(0, 4, "gone"), proofs.Lost(5, 8, "gone"))
    assert proofs.days(conn) == {DAY_0 // DAY: 1}
