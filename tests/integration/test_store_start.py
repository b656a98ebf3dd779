"""What a start finds: standings and the events after them are as good as the whole log."""

import random
from pathlib import Path

import pytest

from gateway.core.events import Event, Status
from gateway.core.occupancy import Held, Word
from gateway.store import marks
from gateway.store.marks import Alive, Standing, Standings
from tests.stored import BOOT, OFFSET, OTHER_BOOT, Written, alive, dated, opened

STATUSES = (Status.FREE, Status.OCCUPIED, Status.UNKNOWN)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def standing(event: Event, offset: float = OFFSET) -> Standing:
    since = event.last_change
    return Standing(event.status, event.cause, event.timestamp, since, since - offset)


def newest(events: list[Event]) -> dict[str, Standing]:
    """Every machine's status by the full log."""
    return {event.machine: standing(event) for event in events}


def write_standings(store: Written, *, boot: str = BOOT, next_bin: int = 900) -> Standings:
    """As of now."""
    made = Standings(store.file.cursor.seq, boot, newest(store.events()), next_bin)
    store.store([], made)
    return made


def record_some(store: Written, count: int, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(count):
        machine, status = f"m{chance.randrange(20)}", chance.choice(STATUSES)
        store.record(dated(machine, status, float(number)))


def test_a_new_file_has_no_past(path: Path) -> None:
    with opened(path) as store:
        past = store.file.past
        assert (past.alive, past.next_bin, past.same_boot) == (None, None, False)
        assert (past.standings, past.before_tail, past.tail) == ({}, {}, [])
        assert (past.held, past.seqs) == ({}, {})


@pytest.mark.parametrize("snapshot_after", [0, 1, 150, 300])
def test_standings_and_the_events_after_them_are_the_statuses_of_the_full_log(
    path: Path, snapshot_after: int
) -> None:
    with opened(path) as store:
        record_some(store, snapshot_after, seed=1)
        before = write_standings(store)
        record_some(store, 300 - snapshot_after, seed=2)
        store.record(alive=alive(500))
        expected = newest(store.events())
    with opened(path) as store:
        past = store.file.past
        assert past.standings == expected
        assert past.before_tail == before.machines
        assert [event for event, _ in past.tail] == store.events()[snapshot_after:]


def test_without_standings_the_whole_log_is_the_tail(path: Path) -> None:
    with opened(path) as store:
        record_some(store, 50, seed=3)
        expected = newest(store.events())
    with opened(path) as store:
        assert store.file.past.standings == expected
        assert len(store.file.past.tail) == 50


def test_the_tail_tells_since_when_in_monotonic_seconds(path: Path) -> None:
    with opened(path) as store:
        store.record(dated("a", at=123.5), alive=alive(130))
    with opened(path) as store:
        ((_, at),) = store.file.past.tail
        assert at == store.file.past.standings["a"].at == 123.5


def test_monotonic_times_of_an_earlier_boot_are_carried_over_by_the_wall_clock(path: Path) -> None:
    with opened(path) as store:
        store.record(dated("a", at=50_000.0), alive=alive(50_005, clean=True))
        write_standings(store)
        store.record(dated("b", at=50_010.0), alive=alive(50_015, clean=True))
    later = OFFSET + 50_100.0  # this boot's monotonic zero
    with opened(path, OTHER_BOOT) as store:
        store.record(dated("c", at=20.0, offset=later), alive=Alive(OTHER_BOOT, 25.0, later + 25))
    with opened(path, OTHER_BOOT) as store:
        past = store.file.past
        assert past.same_boot
        assert {name: s.at for name, s in past.standings.items()} == {"a": -100, "b": -90, "c": 20}
        assert [at for _, at in past.tail] == [-90.0, 20.0]
        assert past.before_tail["a"].at == -100.0


def test_another_boot_is_told_from_the_same(path: Path) -> None:
    with opened(path) as store:
        store.record(alive=alive(100))
    with opened(path) as store:
        assert store.file.past.same_boot
    with opened(path, OTHER_BOOT) as store:
        assert not store.file.past.same_boot


def test_an_event_is_as_good_a_sign_of_life_as_a_note(path: Path) -> None:
    with opened(path) as store:
        store.record(alive=alive(100))
        store.record(dated("a", at=130.0))
    with opened(path) as store:
        assert store.file.past.alive == alive(135)


def test_a_note_after_the_newest_event_is_the_last_sign(path: Path) -> None:
    with opened(path) as store:
        store.record(dated("a", at=130.0))
        store.record(alive=alive(195, clean=True))
    with opened(path) as store:
        assert store.file.past.alive == alive(195, clean=True)


def test_the_oldest_bin_that_is_not_stored_is_remembered(path: Path) -> None:
    with opened(path) as store:
        write_standings(store, next_bin=1_764_548_100)
    with opened(path) as store:
        assert store.file.past.next_bin == 1_764_548_100


def held(at: float, *, active: bool = True, seq: int | None = None) -> Held:
    word = Word(active, at, live=True, seq=seq)
    return Held(word, at, at, offline=False, tells_availability=False, seq=seq)


@pytest.mark.parametrize("count", [1, 19, 20, 21, 45])
def test_what_sensors_said_last_is_kept_with_since_when_they_lean(path: Path, count: int) -> None:
    words = {f"s{n:02d}": held(float(n), seq=n) for n in range(count)}
    with opened(path) as store:
        store.record(held=words | {"s00": held(-1.0)})
        store.record(held=words)
    with opened(path) as store:
        assert store.file.past.held == words


def test_words_of_another_boot_mean_nothing_but_their_numbers_do(path: Path) -> None:
    with opened(path) as store:
        store.record(held={"s": held(100.0, seq=41), "t": held(100.0)}, alive=alive(100))
    with opened(path, OTHER_BOOT) as store:
        assert store.file.past.held == {}
        assert store.file.past.seqs == {"s": 41}


def test_a_word_is_in_the_transaction_of_its_batch(path: Path) -> None:
    with opened(path) as store:
        store.conn.execute("BEGIN IMMEDIATE")
        store.file.record([dated("a")], {"s": held(1.0)}, alive(1), store.conn)
        store.conn.execute("ROLLBACK")
    with opened(path) as store:
        assert (store.file.past.held, store.file.past.alive) == ({}, None)


def test_one_mark_of_a_kind_is_kept(path: Path) -> None:
    with opened(path) as store:
        for at in (1.0, 2.0, 3.0):
            store.record(alive=alive(at))
        assert marks.read(store.conn, Alive) == alive(3.0)
        assert store.one("SELECT count(*) FROM marks") == 1


def test_redate_corrects_the_standings_of_this_boot_too(path: Path) -> None:
    with opened(path) as store:
        (event,) = store.record(dated("a", at=100.0, offset=7.0, synchronised=False))
        store.store([], Standings(1, BOOT, {"a": standing(event, offset=7.0)}, None))
        store.do(lambda conn: store.file.redate(OFFSET, conn))
    with opened(path) as store:
        found = store.file.past.standings["a"]
        assert (found.timestamp, found.last_change, found.at) == (OFFSET + 105, OFFSET + 100, 100)


def test_redate_leaves_the_standings_of_another_boot(path: Path) -> None:
    with opened(path) as store:
        store.record(dated("a", at=100.0), alive=alive(105, clean=True))
        before = write_standings(store).machines["a"]
    with opened(path, OTHER_BOOT) as store:
        store.do(lambda conn: store.file.redate(5.0, conn))
    with opened(path, OTHER_BOOT) as store:
        found = store.file.past.standings["a"]
        assert (found.timestamp, found.last_change) == (before.timestamp, before.last_change)
