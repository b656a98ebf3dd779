"""A start: what an earlier process said, continued or admitted as unknown."""

from dataclasses import dataclass, field, replace

import pytest

from gateway.core.bins import Bins
from gateway.core.events import Cause, Change, Event, Status
from gateway.core.machine import Machine
from gateway.core.occupancy import Held, Rule, Word
from gateway.inbox import Delivery
from gateway.pipeline.judge import Hearing, Judge
from gateway.pipeline.restart import rebuild, resume
from gateway.store.history import Past
from gateway.store.marks import Alive, Standing
from sensors.sample import Sample
from tests.unit.knowing import (
    CONTACT,
    FREE,
    LATE,
    OBSERVED,
    OCCUPIED,
    PORT_DOWN,
    RADAR,
    RESTORED,
    SILENT,
    START,
    UNKNOWN,
)

WALL = 1_800_000_000.0  # a quarter hour begins here
HELD = Held(
    Word(active=False, at=980, seq=7), 980, 980, offline=False, tells_availability=False, seq=7
)


@dataclass
class FakeClock:
    """Monotonic `now`; wall time is WALL ahead of it."""

    now: float = 1000.0
    offset: float = WALL
    synchronised: bool = True
    assumed: bool = False

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now + self.offset


@dataclass
class Start:
    """A start at 1000, of a process that was alive at 990 and said `was` of machine m."""

    was: Status = OCCUPIED
    cause: Cause = OBSERVED
    rule: Rule = CONTACT
    held: Held | None = None
    alive: float | None = 990
    same_boot: bool = True
    since: float = 500
    clock: FakeClock = field(default_factory=FakeClock)
    spoke: bool = True
    """Whether its sensor had ever said anything: then it holds at least what is shown."""

    def past(self) -> Past:
        standing = Standing(self.was, self.cause, WALL + self.since, WALL + self.since, self.since)
        alive = None if self.alive is None else Alive("boot", self.alive, WALL + self.alive)
        return Past(
            alive=alive,
            standings={} if alive is None else {"m": standing},
            tail=[],
            before_tail={} if alive is None else {"m": standing},
            held={"s": self.held} if self.held and self.same_boot else {},
            seqs={"s": self.held.seq} if self.held and self.held.seq else {},
            next_bin=None,
            same_boot=self.same_boot,
        )

    def __post_init__(self) -> None:
        if self.held is None and self.spoke and self.was.observed:
            word = Word(active=self.was is OCCUPIED, at=self.since)
            self.held = Held(word, self.since, self.since, False, False)
        self.machine = Machine("m", {"s": self.rule})
        detector = self.machine.detectors["s"]
        repeats = self.rule.repeats_every is not None
        self.hearing = Hearing("s", self.machine, detector, repeats)
        self.changes = resume(
            self.past(), {"m": self.machine}, {"s": self.hearing}, {"m": 300}, self.clock
        )

    @property
    def told(self) -> list[tuple[Status, Cause, float]]:
        return [(c.status, c.cause, c.at) for c in self.changes]

    def tick(self, now: float) -> list[tuple[Status, Cause, float]]:
        return [(c.status, c.cause, c.at) for c in self.machine.tick(now)]

    def hear(self, now: float, *, active: bool, seq: int, dup: bool = False) -> list[Change]:
        """Take a message through the judge."""
        judge = Judge({"m": self.machine}, {"s": self.hearing}, self.clock, lambda *_: None)
        self.clock.now = now
        delivery = Delivery((("s", Sample(active, seq=seq)),), now, late=dup, dup=dup)
        return judge.take([delivery]).changes


@pytest.mark.parametrize("was", [OCCUPIED, FREE])
@pytest.mark.parametrize("rule", [CONTACT, RADAR])
def test_in_the_same_boot_a_young_status_returns_as_restored_with_its_old_last_change(
    was: Status, rule: Rule
) -> None:
    start = Start(was, rule=rule)
    assert start.told == [(was, RESTORED, 500)]
    assert not start.changes[0].live


def test_a_note_of_299_s_is_young_and_one_of_300_s_is_not() -> None:
    assert Start(alive=701).told == [(OCCUPIED, RESTORED, 500)]
    assert Start(alive=700).told == [(UNKNOWN, START, 700)]


def test_a_sensor_that_never_spoke_has_no_part_in_what_was_shown() -> None:
    assert Start(FREE, spoke=False).told == [(UNKNOWN, START, 1000)]


def test_what_was_restored_already_is_restored_again() -> None:
    assert Start(cause=RESTORED).told == [(OCCUPIED, RESTORED, 500)]


def test_in_another_boot_all_is_unknown_as_of_the_note() -> None:
    start = Start(same_boot=False, alive=-20, clock=FakeClock(now=30))
    assert start.told == [(UNKNOWN, START, -20)]


def test_in_another_boot_a_note_of_the_future_is_as_of_now() -> None:
    start = Start(same_boot=False, alive=50, clock=FakeClock(now=30))
    assert start.told == [(UNKNOWN, START, 30)]


@pytest.mark.parametrize("cause", [START, SILENT, PORT_DOWN])
def test_unknown_stays_unknown_without_a_new_event(cause: Cause) -> None:
    start = Start(UNKNOWN, cause)
    assert start.told == []
    assert (start.machine.verdict.status, start.machine.verdict.at) == (UNKNOWN, 500)


def test_a_machine_that_is_new_begins_with_an_event() -> None:
    assert Start(alive=None).told == [(UNKNOWN, START, 1000)]


def test_a_word_under_way_frees_the_machine_at_the_right_time() -> None:
    start = Start(held=HELD)
    assert start.tick(1069.9) == []
    (change,) = start.machine.tick(1070)
    assert (change.status, change.cause, change.at) == (FREE, OBSERVED, 980)
    assert (change.live, change.sensor_seq) == (True, 7)


def test_a_late_word_under_way_stays_late_over_a_restart() -> None:
    late = replace(HELD, word=Word(active=False, at=980, live=False))
    assert Start(held=late).tick(1070) == [(FREE, LATE, 980)]


def test_a_leaning_that_ripened_during_the_stop_settles_at_the_start() -> None:
    start = Start(alive=900, held=replace(HELD, word=Word(active=False, at=850), heard_at=850))
    assert start.tick(1000) == [(FREE, OBSERVED, 850)]


def test_after_a_long_stop_no_leaning_goes_on() -> None:
    start = Start(alive=600, held=replace(HELD, word=Word(active=False, at=590), heard_at=590))
    assert start.told == [(UNKNOWN, START, 600)]
    assert start.tick(5000) == []


@pytest.mark.parametrize("cause", [START, SILENT, PORT_DOWN])
def test_what_was_heard_before_the_machine_became_unknown_brings_nothing_back(cause: Cause) -> None:
    old = replace(HELD, word=Word(active=False, at=100), said_at=100, heard_at=100)
    assert Start(UNKNOWN, cause, held=old).tick(5000) == []


def test_a_leaning_out_of_unknown_goes_on() -> None:
    assert Start(UNKNOWN, START, held=HELD).tick(1070) == [(FREE, OBSERVED, 980)]


def test_a_restored_repeating_sensor_is_silent_as_of_the_note() -> None:
    start = Start(rule=RADAR)
    assert start.tick(1289.9) == []
    assert start.tick(1290) == [(UNKNOWN, SILENT, 1290)]


def test_of_a_repeating_sensor_no_leaning_goes_on() -> None:
    assert Start(rule=RADAR, held=HELD).tick(1200) == []


def test_a_live_word_confirms_what_was_restored() -> None:
    start = Start()
    (change,) = start.hear(1001, active=True, seq=8)
    assert (change.status, change.cause, change.at) == (OCCUPIED, OBSERVED, 500)


def test_a_restart_in_between_changes_nothing_about_an_edge() -> None:
    start = Start()
    start.hear(1001, active=False, seq=8)
    (edge,) = start.machine.tick(1091)
    assert (edge.status, edge.at, edge.live) == (FREE, 1001, True)


def test_a_sensor_that_was_offline_is_offline_after_a_restart() -> None:
    gone = Held(None, 480, 500, offline=True, tells_availability=True)
    start = Start(UNKNOWN, Cause.SENSOR_OFFLINE, held=gone)
    assert start.machine.hear("s", Word(active=False, at=1001, live=False), 1001) == []
    assert start.tick(5000) == []


@pytest.mark.parametrize("same_boot", [True, False])
def test_a_sensor_s_number_survives_and_drops_dup_at_or_below_it(same_boot: bool) -> None:
    start = Start(held=HELD, same_boot=same_boot)
    start.hear(1001, active=True, seq=7, dup=True)
    assert start.hearing.remarks["repeated"] == 1
    start.hear(1002, active=True, seq=8, dup=True)
    assert start.hearing.remarks["repeated"] == 1
    assert start.hearing.detector.newest_seq == 8


def test_a_lower_number_that_is_no_dup_means_that_the_sensor_restarted() -> None:
    start = Start(held=HELD)
    start.hear(1001, active=True, seq=1)
    assert start.hearing.remarks["repeated"] == 0
    assert start.hearing.detector.newest_seq == 1


AGAIN = Event(2, "e", "m", OCCUPIED, RESTORED, WALL + 500, WALL + 500, False, None)


# --- bins after a start -----------------------------------------------------------------------


def closed(past: Past, clock: FakeClock, changes: list[Change], until: float) -> list[float]:
    """Observed seconds of every bin from WALL on that is closed at `until` (monotonic)."""
    bins = Bins({"m": 300}, 60, clock.now, int(WALL))
    rebuild(past, bins)
    for change in changes:
        bins.take(change)
    return [b.observed for b in bins.close(until, clock.offset)]


def test_a_short_stop_is_not_observed() -> None:
    start = Start(since=100)
    assert closed(start.past(), start.clock, start.changes, 1860) == [800, 900 - 100 + 90]


def test_an_earlier_stop_in_the_same_bin_stays_unobserved() -> None:
    start = Start(since=100)
    past = replace(start.past(), ends=(300.0,), tail=[(AGAIN, 500.0)])
    assert closed(past, start.clock, start.changes, 1860)[0] == 800 - (500 - 300)


def test_downtime_bins_are_written_with_nothing_observed() -> None:
    start = Start(since=100, alive=990, clock=FakeClock(now=9000))
    assert closed(start.past(), start.clock, start.changes, 3660) == [800, 90, 0, 0]


def test_downtime_bins_of_another_boot_are_written_with_nothing_observed() -> None:
    clock = FakeClock(now=10, offset=WALL + 3590)
    start = Start(same_boot=False, since=100, clock=clock)
    assert closed(start.past(), clock, start.changes, 70) == [800, 90, 0, 0]


def test_a_boot_whose_clock_stood_still_finds_its_downtime_once_time_is_known() -> None:
    clock = FakeClock(now=10, offset=WALL + 990, synchronised=False)  # no battery: as at the stop
    start = Start(same_boot=False, since=100, clock=clock)
    clock.offset = WALL + 3590
    bins = Bins({"m": 300}, 60, clock.now, int(WALL))
    rebuild(start.past(), bins)
    for change in start.changes:
        bins.take(change)
    assert [b.observed for b in bins.close(70, clock.offset)] == [800, 90, 0, 0]


def test_a_boot_whose_time_never_came_enters_no_bin() -> None:
    clock = FakeClock(now=10, offset=WALL + 3590)
    start = Start(same_boot=False, since=100, clock=clock)
    past = start.past()
    assert past.alive is not None
    undated = replace(past, alive=Alive("boot", 990, WALL + 990, synchronised=False))
    assert closed(undated, clock, start.changes, 70) == [0, 0, 0, 0]


def test_of_a_boot_whose_clock_ran_ahead_nothing_is_known_since_it_was_right() -> None:
    clock = FakeClock(now=10, offset=WALL + 7190)  # the power was off for two hours nearly
    start = Start(same_boot=False, since=100, clock=clock)
    freed = Event(5, "e", "m", FREE, OBSERVED, WALL + 690, WALL + 600, live=True, sensor_seq=None)
    ahead = Alive("boot", 990, WALL + 86_400)
    past = replace(start.past(), tail=[(freed, 600.0)], alive=ahead)
    assert closed(past, clock, start.changes, 70) == [500, *[0.0] * 7]


def test_events_since_the_oldest_open_bin_are_laid_again() -> None:
    start = Start(since=100)
    freed = Event(5, "e", "m", FREE, OBSERVED, WALL + 690, WALL + 600, live=True, sensor_seq=None)
    past = replace(start.past(), tail=[(freed, 600.0)])
    bins = Bins({"m": 300}, 60, 1000, int(WALL))
    rebuild(past, bins)
    (done,) = bins.close(960, WALL)
    assert (done.occupied, done.observed, done.sessions) == (500, 800, 1)


def test_a_return_laid_again_begins_when_it_was_decided() -> None:
    start = Start(since=100)
    blind = Event(
        5, "e", "m", UNKNOWN, PORT_DOWN, WALL + 300, WALL + 300, live=False, sensor_seq=None
    )
    again = Event(
        6, "e", "m", OCCUPIED, RESTORED, WALL + 400, WALL + 100, live=False, sensor_seq=None
    )
    past = replace(start.past(), tail=[(blind, 300.0), (again, 100.0)])
    bins = Bins({"m": 300}, 60, 1000, int(WALL))
    rebuild(past, bins)
    (done,) = bins.close(960, WALL)
    assert (done.occupied, done.observed, done.sessions) == (700, 700, 1)


# --- out of service ---------------------------------------------------------------------------


def test_out_of_service_outlives_a_restart_without_a_new_event() -> None:
    start = Start(Status.OUT_OF_SERVICE, Cause.STAFF)
    assert start.told == []
    assert start.machine.out_of_service
    assert start.machine.verdict.at == 500


def test_back_in_service_after_a_restart_it_is_as_its_sensor_says() -> None:
    start = Start(Status.OUT_OF_SERVICE, Cause.STAFF)
    start.hear(1001, active=True, seq=1)
    start.tick(1100)
    back = start.machine.service(1100, out=False)
    assert [(c.status, c.at, c.live) for c in back] == [(OCCUPIED, 1100, False)]


def test_what_is_not_configured_any_more_is_unknown_so_that_nothing_of_it_is_restored() -> None:
    start = Start()
    changes = resume(start.past(), {}, {}, {}, start.clock)
    assert [(c.machine, c.status, c.at) for c in changes] == [("m", UNKNOWN, 990)]
