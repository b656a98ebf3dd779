"""A machine's history: stored bins, the open one, what it replaces, its usual week."""

from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from config.sections import Branch as BranchSection
from config.sections import Category, Config, Machine
from gateway.bridge import Readers
from gateway.core.bins import BIN_SECONDS, Bin, Bins
from gateway.core.events import Status
from gateway.core.opening import Opening
from gateway.store import bins as bin_table
from gateway.store import schema
from gateway.store.branch import Branch
from tests.stored import OFFSET, Written, opened

DAY = bin_table.DAY
MONDAY = int(OFFSET)
NOW = 36_450.0  # monotonic: 10:07:30 on that Monday, UTC
GRACE = 150.0


class Clock:
    offset = OFFSET
    synchronised = True
    assumed = False

    def monotonic(self) -> float:
        return NOW

    def wall(self) -> float:
        return NOW + OFFSET


def config(timezone: str, hours: str | None) -> Config:
    return Config(
        branch=BranchSection(
            id="gym",
            name="Gym",
            timezone=timezone,
            opening_hours={"mon": hours} if hours else None,
        ),
        categories={"legs": Category(name="Legs")},
        machines=(
            Machine(id="a", name="A", category="legs"),
            Machine(id="new", name="New", category="legs", replaces="middle"),
            Machine(id="middle", name="Middle", category="legs", replaces="old"),
        ),
    )


class Rig:
    """A branch on a file; the timelines of its machines began at 10:00."""

    def __init__(self, store: Written, timezone: str = "UTC", hours: str | None = None) -> None:
        self.store = store
        self.clock = Clock()
        self.bins = Bins(dict.fromkeys(("a", "new", "middle"), 300.0), GRACE, 36_000.0, None)
        self.readers = Readers(partial(schema.open_to_read, store.file.path))
        made = config(timezone, hours)
        opening = Opening(made.branch.opening_hours, (), timezone)
        cursor = store.file.cursor
        read = self.readers.run
        self.branch = Branch(made, {}, cursor, self.bins, self.clock, opening, read)

    def pack(self) -> None:
        now = float(MONDAY + 100 * DAY)
        while self.store.do(lambda conn: bin_table.pack(conn, now)):
            pass

    async def read(self, machine: str, start: float, end: float) -> Sequence[Bin]:
        return (await self.branch.history("gym", machine, start, end)).bins


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Written]:
    with opened(tmp_path / "history.db") as written:
        yield written


@pytest.fixture
async def rig(store: Written) -> AsyncIterator[Rig]:
    made = Rig(store)
    yield made
    made.readers.stop()


def day_of(machine: str, start: int, occupied: float = 450.0) -> list[Bin]:
    starts = range(start, start + DAY, BIN_SECONDS)
    return [Bin(machine, at, occupied, 900.0, 1) for at in starts]


async def test_stored_bins_and_the_open_one_are_one_history(rig: Rig) -> None:
    rig.store.store([Bin("a", MONDAY + 35_100, 300.0, 900.0, 1)])
    rig.bins.apply("a", 36_000.0, Status.FREE)
    rig.bins.apply("a", 36_300.0, Status.OCCUPIED)
    stored, running = await rig.read("a", MONDAY, MONDAY + NOW)
    assert (stored.occupied, stored.open) == (300.0, False)
    assert (running.start, running.open) == (MONDAY + 36_000, True)
    assert (running.occupied, running.observed) == (150.0, 450.0)


async def test_a_bin_that_was_closed_while_we_read_is_shown_whole(rig: Rig) -> None:
    whole = Bin("a", MONDAY + 36_000, 600.0, 900.0, 1)
    rig.store.store([whole])
    assert await rig.read("a", MONDAY, MONDAY + DAY) == (whole,)


async def test_the_span_is_widened_to_whole_bins_at_its_start(rig: Rig) -> None:
    rig.store.store(day_of("a", MONDAY - DAY))
    history = await rig.branch.history("gym", "a", MONDAY - 1000.5, MONDAY)
    assert history.start == MONDAY - 1800
    assert [b.start for b in history.bins] == [MONDAY - 1800, MONDAY - 900]


async def test_without_a_known_time_there_is_no_open_bin(rig: Rig) -> None:
    rig.clock.synchronised = False
    assert await rig.read("a", MONDAY, MONDAY + DAY) == ()


@pytest.mark.parametrize("packed", [False, True])
async def test_a_machine_carries_on_the_history_of_those_it_replaces(
    rig: Rig, packed: bool
) -> None:
    for number, machine in enumerate(("old", "middle", "new")):
        rig.store.store(day_of(machine, MONDAY - (10 - number) * DAY, 100.0 * number))
    if packed:
        rig.pack()
    found = await rig.read("new", MONDAY - 20 * DAY, MONDAY)
    assert len(found) == 3 * 96
    assert {b.machine for b in found} == {"new"}
    assert [found[0].occupied, found[96].occupied, found[192].occupied] == [0.0, 100.0, 200.0]


async def test_where_both_were_stored_the_newer_machine_counts(rig: Rig) -> None:
    rig.store.store([Bin("old", MONDAY, 1.0, 900.0, 1), Bin("middle", MONDAY, 2.0, 900.0, 1)])
    assert (await rig.read("middle", MONDAY, MONDAY + 900))[0].occupied == 2.0


async def test_a_removed_machines_history_stays_readable(rig: Rig) -> None:
    rig.store.store([Bin("gone", MONDAY, 1.0, 900.0, 1)])
    assert len(await rig.read("gone", MONDAY, MONDAY + DAY)) == 1


async def test_a_machine_never_heard_of_is_a_key_error(rig: Rig) -> None:
    with pytest.raises(KeyError):
        await rig.read("nothing", MONDAY, MONDAY + DAY)
    with pytest.raises(KeyError):
        await rig.branch.history("other", "a", MONDAY, MONDAY + DAY)


# --- the usual week ------------------------------------------------------------------------


async def week(rig: Rig, machine: str = "a") -> tuple[tuple[float | None, ...], ...]:
    history = await rig.branch.history("gym", machine, MONDAY, MONDAY + 900)
    return history.patterns.weekday


@pytest.mark.parametrize("packed", [False, True])
async def test_the_week_is_occupied_over_observed_time(rig: Rig, packed: bool) -> None:
    rig.store.store(day_of("a", MONDAY - 7 * DAY, 900.0) + day_of("a", MONDAY - 14 * DAY, 0.0))
    if packed:
        rig.pack()
    days = await week(rig)
    assert days[0] == (0.5,) * 96
    assert days[1] == (None,) * 96


async def test_the_week_is_of_the_last_8_weeks(rig: Rig) -> None:
    rig.store.store(day_of("a", MONDAY - 57 * DAY) + day_of("a", MONDAY - 49 * DAY, 900.0))
    rig.pack()
    days = await week(rig)
    assert (days[6], days[0]) == ((None,) * 96, (1.0,) * 96)


async def test_the_week_is_in_the_branchs_own_zone(store: Written) -> None:
    rig = Rig(store, "Asia/Hong_Kong")
    rig.store.store(day_of("a", MONDAY - 7 * DAY))
    rig.pack()
    days = await week(rig)
    assert days[0] == (None,) * 32 + (0.5,) * 64  # Monday 00:00 UTC is 08:00 there
    assert days[1] == (0.5,) * 32 + (None,) * 64
    rig.readers.stop()


@pytest.mark.parametrize("packed", [False, True])
async def test_a_day_on_which_the_clocks_change_lands_on_the_right_hours(
    store: Written, packed: bool
) -> None:
    rig = Rig(store, "Europe/London")
    sunday = MONDAY - 36 * DAY  # 26 October: 02:00 becomes 01:00, at 01:00 UTC
    rig.store.store([Bin("a", sunday + 2 * 3600, 900.0, 900.0, 1)])
    if packed:
        rig.pack()
    assert (await week(rig))[6][8] == 1.0  # 02:00 in winter time
    rig.readers.stop()


async def test_the_week_of_those_it_replaces_counts(rig: Rig) -> None:
    rig.store.store(day_of("old", MONDAY - 7 * DAY, 900.0))
    assert (await week(rig, "new"))[0] == (1.0,) * 96


async def test_busiest_and_quietest_are_of_today_and_of_opening_hours(store: Written) -> None:
    rig = Rig(store, "UTC", "06:00-23:00")
    bins = day_of("a", MONDAY - 7 * DAY, 300.0)
    for slot, occupied in ((4, 900.0), (72, 800.0), (57, 10.0), (8, 0.0)):
        bins[slot] = Bin("a", bins[slot].start, occupied, 900.0, 1)
    rig.store.store(bins)
    found = (await rig.branch.history("gym", "a", MONDAY, MONDAY + 900)).patterns
    assert (found.busiest[0], found.quietest[0]) == ("18:00", "14:15")
    rig.readers.stop()


async def test_what_a_clock_that_was_put_back_had_written_ahead_hides_nothing(rig: Rig) -> None:
    rig.bins.apply("a", 36_000.0, Status.FREE)
    rig.bins.close(rig.clock.monotonic(), rig.clock.offset)
    ahead = rig.bins.close(rig.clock.monotonic(), rig.clock.offset + DAY)
    rig.store.store([done for done in ahead if done.machine == "a"])
    rig.bins.close(rig.clock.monotonic(), rig.clock.offset)
    (running,) = await rig.read("a", MONDAY + 36_000, MONDAY + DAY)
    assert (running.open, running.observed) == (True, 450.0)
