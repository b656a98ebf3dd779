"""The pipeline's writing side: standings wait for their bins, and a start goes on from there."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.bridge import File, Writer
from gateway.core.bins import BIN_SECONDS, Bins
from gateway.core.events import Cause, Status
from gateway.core.machine import Machine
from gateway.core.occupancy import Rule, Verdict
from gateway.pipeline.recorder import HISTORY, Recorder
from gateway.store.history import HistoryFile
from gateway.store.marks import Standings
from tests.stored import BOOT, OFFSET, dated, opened

START = int(OFFSET)


class Clock:
    offset = OFFSET
    synchronised = True
    assumed = False
    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now + self.offset


class Rig:
    """A recorder of one machine, on a real file."""

    def __init__(self, path: Path, grace: float) -> None:
        self.path = path
        self.clock = Clock()
        self.file = HistoryFile(path, BOOT)
        self.machine = Machine("a", {"a": Rule(5.0, 90.0, 300.0, None)})
        self.bins = Bins({"a": 300.0}, grace, 0.0, START)
        self.writer = Writer({HISTORY: File(self.file.conn, path)}, 60.0)
        machines = {"a": self.machine}
        self.recorder = Recorder(self.writer, self.file, machines, self.clock, BOOT)
        self.writer.start()

    async def go_on(self, until: float) -> None:
        """Let time pass as the pipeline does, half a minute at a time."""
        while self.clock.now < until:
            self.clock.now += 30.0
            if self.clock.now % BIN_SECONDS == 0:
                self.recorder.snapshot(START + int(self.clock.now))
            await self.recorder.store_bins(self.bins)

    async def turn(self, status: Status, at: float) -> None:
        self.machine.restore(Verdict(status, Cause.OBSERVED, at, at + 5), at)
        self.bins.apply("a", at, status)
        await self.recorder.record([dated("a", status, at)], {}, alive=False)

    def next_bin(self) -> int | None:
        """Where a start would go on."""
        with opened(self.path) as store:
            return store.file.past.next_bin


@pytest.fixture(params=[150.0, 2000.0])
async def rig(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    """With bins that are closed within a quarter hour, and some that take longer."""
    made = Rig(tmp_path / "history.db", request.param)
    yield made
    made.writer.stop()


async def test_standings_are_stored_with_the_last_bin_before_them(rig: Rig) -> None:
    await rig.turn(Status.OCCUPIED, 100.0)
    await rig.go_on(until=3600.0)
    with opened(rig.path) as store:
        past = store.file.past
        assert past.next_bin is not None
        (stored,) = store.conn.execute("SELECT max(start) FROM bins WHERE start < ?", [2**40])
        assert past.next_bin <= stored[0] + BIN_SECONDS
        assert past.before_tail["a"].status is Status.OCCUPIED
        assert past.tail == []


async def test_what_came_after_the_standings_is_the_tail(rig: Rig) -> None:
    await rig.go_on(until=3600.0)
    await rig.turn(Status.OCCUPIED, 3580.0)
    with opened(rig.path) as store:
        past = store.file.past
        assert [at for _, at in past.tail] == [3580.0]
        assert past.before_tail["a"].status is Status.UNKNOWN
        assert past.standings["a"].status is Status.OCCUPIED


async def test_standings_whose_quarter_the_clock_jumped_over_are_dropped(rig: Rig) -> None:
    rig.clock.now = 9990.0
    rig.recorder.snapshot(START + 900)
    await rig.recorder.store_bins(rig.bins)  # closes that quarter and more in one go
    assert rig.next_bin() is None
    await rig.go_on(until=10_800.0 + 2 * BIN_SECONDS + 2100)
    assert rig.next_bin() in {START + 10_800 + slot * BIN_SECONDS for slot in range(5)}


async def test_while_time_is_unknown_standings_are_stored_at_once_and_no_bins(rig: Rig) -> None:
    rig.clock.synchronised = False
    await rig.turn(Status.OCCUPIED, 100.0)
    await rig.go_on(until=900.0)
    with opened(rig.path) as store:
        assert store.file.past.before_tail["a"].status is Status.OCCUPIED
        assert store.one("SELECT count(*) FROM bins") == 0


async def test_standings_dated_by_a_clock_that_was_wrong_are_not_stored(rig: Rig) -> None:
    rig.recorder.snapshot(START)
    await rig.recorder.redate()
    await rig.recorder.store_bins(rig.bins)
    with opened(rig.path) as store:
        assert store.one("SELECT count(*) FROM marks WHERE name = ?", Standings.__name__) == 0


async def test_an_orderly_end_says_so(rig: Rig) -> None:
    await rig.recorder.stop()
    with opened(rig.path) as store:
        assert store.file.past.alive is not None
        assert store.file.past.alive.clean


async def test_standings_of_a_clock_that_ran_ahead_give_way_when_it_is_put_back(rig: Rig) -> None:
    day = 86400
    await rig.go_on(until=3900.0)
    rig.clock.offset += day
    rig.recorder.snapshot(START + day + 3900)
    rig.clock.offset -= day
    await rig.go_on(until=9000.0)
    reached = rig.next_bin()
    assert reached is not None
    assert 3600 < reached - START < 9000


async def test_a_kill_while_the_clock_is_ahead_loses_nothing(rig: Rig) -> None:
    await rig.go_on(until=7200.0)
    with opened(rig.path) as store:
        counted, right = store.file.past.counted, store.file.past.next_bin
    assert counted is not None
    assert right == START + counted
    rig.clock.offset += 8 * 3600
    await rig.recorder.store_bins(rig.bins)
    with opened(rig.path) as store:
        assert store.file.past.counted == counted
        assert store.file.past.tail == []


async def test_once_the_clock_is_put_back_a_start_goes_on_from_there(rig: Rig) -> None:
    hours = 8 * 3600
    rig.clock.offset += hours
    while rig.clock.now < 7200.0:
        rig.clock.now += 30.0
        if rig.clock.now % BIN_SECONDS == 0:
            rig.recorder.snapshot(START + int(rig.clock.now) + hours)
        await rig.recorder.store_bins(rig.bins)
    ahead = rig.next_bin()
    assert ahead is not None
    rig.clock.offset -= hours
    await rig.recorder.store_bins(rig.bins)
    assert rig.next_bin() == ahead - hours
