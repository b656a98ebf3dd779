"""Our own branch as the API reads it: what is now, and exactly what was missed."""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest

from config.sections import Branch as BranchSection
from config.sections import Category, Config, Machine, Position
from gateway.bridge import Readers
from gateway.core.bins import Bins
from gateway.core.events import Cause, Cursor, Event, Status
from gateway.core.opening import Opening
from gateway.readmodel import Replay
from gateway.store import log, schema
from gateway.store.branch import MOST_REPLAYED, Branch
from tests.stored import OFFSET, OTHER_BOOT, Written, alive, dated, opened

MACHINES = tuple(f"m{number}" for number in range(5))


class StandingClock:
    """It is what it is told."""

    offset = OFFSET
    synchronised = True
    assumed = False
    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now + self.offset


def config() -> Config:
    machines = [Machine(id=name, name=name.upper(), category="legs") for name in MACHINES]
    bench = Machine(
        id="bench",
        name="Bench",
        category="arms",
        position=Position(x=1.5, y=2.0),
        metadata={"maker": "a"},
    )
    return Config(
        branch=BranchSection(id="gym", name="Gym", timezone="Asia/Hong_Kong", latitude=22.3),
        categories={"legs": Category(name="Legs"), "arms": Category(name="Arms")},
        machines=(*machines, bench),
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Written]:
    with opened(tmp_path / "history.db") as written:
        yield written


@pytest.fixture
async def branch(store: Written) -> AsyncIterator[Branch]:
    readers = Readers(partial(schema.open_to_read, store.file.path))
    yield made(store, readers)
    readers.stop()


def made(store: Written, readers: Readers) -> Branch:
    made = config()
    clock = StandingClock()
    bins = Bins(dict.fromkeys((*MACHINES, "bench"), 300.0), 150.0, 0.0, None)
    opening = Opening(None, (), made.branch.timezone)
    past = store.file.past
    return Branch(made, past.standings, store.file.cursor, bins, clock, opening, readers.run)


def record(store: Written, branch: Branch, count: int, at_once: int = 5000) -> list[Event]:
    """Events that are committed and published."""
    events: list[Event] = []
    for first in range(0, count, at_once):
        numbers = range(first, min(count, first + at_once))
        changes = [dated(MACHINES[n % 5], at=float(n), seq=n) for n in numbers]
        events += store.record(*changes)
    branch.apply(events)
    return events


# --- what is now ---------------------------------------------------------------------------


async def test_a_machine_never_heard_of_is_unknown_since_the_start(branch: Branch) -> None:
    view = branch.machine("gym", "m0")
    assert (view.status, view.cause) == (Status.UNKNOWN, Cause.START)


async def test_an_event_is_what_is_now_once_it_is_applied(store: Written, branch: Branch) -> None:
    (event,) = store.record(dated("m1", at=77.0))
    assert branch.machine("gym", "m1").status is Status.UNKNOWN
    branch.apply([event])
    view = branch.machine("gym", "m1")
    assert (view.status, view.last_change) == (Status.OCCUPIED, OFFSET + 77)
    assert branch.snapshot().cursor == Cursor(event.epoch, event.seq)


async def test_a_start_shows_what_was_stored(store: Written) -> None:
    store.record(dated("m1", at=77.0), dated("bench", Status.FREE), alive=alive(100))
    with opened(store.file.path) as again:
        readers = Readers(partial(schema.open_to_read, store.file.path))
        branch = made(again, readers)
        assert branch.machine("gym", "m1").status is Status.OCCUPIED
        assert branch.machine("gym", "bench").status is Status.FREE
        assert branch.snapshot().cursor.seq == 2
        readers.stop()


async def test_a_branch_counts_each_status_by_category(store: Written, branch: Branch) -> None:
    branch.apply(store.record(dated("m0"), dated("m1"), dated("m2", Status.FREE)))
    found = branch.branch("gym")
    legs, arms = found.categories
    assert (legs.counts[Status.OCCUPIED], legs.counts[Status.FREE]) == (2, 1)
    assert legs.counts[Status.UNKNOWN] == 2
    assert sum(legs.counts.values()) + sum(arms.counts.values()) == 6
    assert (found.open, found.source, found.latitude) == (True, "local", 22.3)
    assert branch.branches() == (found,)


async def test_a_category_shows_its_machines_as_configured(branch: Branch) -> None:
    assert tuple(view.machine for view in branch.category("gym", "legs")) == MACHINES
    (bench,) = branch.category("gym", "arms")
    assert (bench.name, bench.position, bench.metadata) == ("Bench", (1.5, 2.0), {"maker": "a"})


async def test_what_is_not_there_is_a_key_error(branch: Branch) -> None:
    for ask in (
        lambda: branch.branch("other"),
        lambda: branch.category("gym", "nothing"),
        lambda: branch.category("other", "legs"),
        lambda: branch.machine("gym", "nothing"),
        lambda: branch.machine("other", "m0"),
    ):
        with pytest.raises(KeyError):
            ask()


async def test_events_of_a_removed_machine_are_not_shown(store: Written, branch: Branch) -> None:
    branch.apply(store.record(dated("gone")))
    assert "gone" not in {view.machine for view in branch.snapshot().machines}
    assert branch.snapshot().cursor.seq == 1
    with pytest.raises(KeyError):
        branch.machine("gym", "gone")


async def test_when_time_becomes_known_what_is_shown_moves_along(
    store: Written, branch: Branch
) -> None:
    branch.apply(store.record(dated("m0", at=100.0, offset=OFFSET - 500, synchronised=False)))
    branch.redate(500.0)
    store.do(lambda conn: store.file.redate(OFFSET, conn))
    view, (event,) = branch.machine("gym", "m0"), store.events()
    assert (view.timestamp, view.last_change) == (event.timestamp, event.last_change)
    assert branch.snapshot().cursor.seq == 1


# --- what was missed -----------------------------------------------------------------------


async def test_5000_missed_of_100000_events_are_replayed_exactly(
    store: Written, branch: Branch
) -> None:
    events = record(store, branch, 100_000)
    replay = await branch.since(Cursor(events[0].epoch, 95_000))
    assert replay.reset is None
    assert list(replay.events) == events[95_000:]
    assert replay.cursor == Cursor(events[0].epoch, 100_000)


@pytest.mark.parametrize("missed", [0, 1, 2, 99, 100])
async def test_a_replay_begins_right_after_the_cursor(
    store: Written, branch: Branch, missed: int
) -> None:
    events = record(store, branch, 100)
    replay = await branch.since(Cursor(events[0].epoch, 100 - missed))
    assert list(replay.events) == events[100 - missed :]
    assert replay.cursor == branch.snapshot().cursor


async def test_a_replay_ends_at_the_newest_published_event(store: Written, branch: Branch) -> None:
    events = record(store, branch, 10)
    store.record(dated("m0", Status.FREE))  # committed, not published yet
    replay = await branch.since(Cursor(events[0].epoch, 8))
    assert list(replay.events) == events[8:]
    assert replay.cursor.seq == 10


async def test_the_cursor_of_an_empty_log_is_good(store: Written, branch: Branch) -> None:
    cursor = branch.snapshot().cursor
    assert await branch.since(cursor) == Replay([], cursor)
    events = record(store, branch, 3)
    assert list((await branch.since(cursor)).events) == events


async def test_a_cursor_of_another_epoch_is_reset(store: Written) -> None:
    old = store.record(dated("m0"), alive=alive(1))[0]
    with opened(store.file.path, OTHER_BOOT) as again:
        readers = Readers(partial(schema.open_to_read, store.file.path))
        branch = made(again, readers)
        replay = await branch.since(Cursor(old.epoch, old.seq))
        assert (replay.reset, list(replay.events)) == ("another_epoch", [])
        assert replay.cursor == branch.snapshot().cursor
        readers.stop()


@pytest.mark.parametrize("ahead", [1, 10**18, 2**63, 10**19])
async def test_an_id_that_was_never_issued_is_reset(
    store: Written, branch: Branch, ahead: int
) -> None:
    epoch = record(store, branch, 3)[0].epoch
    assert (await branch.since(Cursor(epoch, 3 + ahead))).reset == "unknown_id"


async def test_what_was_purged_is_reset(store: Written, branch: Branch) -> None:
    events = record(store, branch, 600)
    store.do(lambda conn: log.purge(conn, float("inf")))
    epoch = events[0].epoch
    assert (await branch.since(Cursor(epoch, 499))).reset == "too_old"
    assert list((await branch.since(Cursor(epoch, 500))).events) == events[500:]


async def test_more_than_a_snapshot_costs_is_reset(store: Written, branch: Branch) -> None:
    events = record(store, branch, MOST_REPLAYED + 1)
    epoch = events[0].epoch
    assert (await branch.since(Cursor(epoch, 0))).reset == "too_old"
    assert len((await branch.since(Cursor(epoch, 1))).events) == MOST_REPLAYED


async def test_a_replay_reads_the_missed_events_only(store: Written, branch: Branch) -> None:
    record(store, branch, 20_000)
    plan = store.conn.execute(
        f"EXPLAIN QUERY PLAN {log.SELECT} WHERE seq > 5 AND seq <= 9 ORDER BY seq LIMIT 10"
    ).fetchall()
    first, *others = [row[3] for row in plan]
    assert first == "SEARCH events USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"
    assert all("USING INTEGER PRIMARY KEY (rowid=?)" in step for step in others)
