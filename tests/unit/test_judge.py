"""From the inbox to changes: late or live, dated, counted, held."""

from dataclasses import dataclass, field

import pytest

from gateway.core.events import Change, Status
from gateway.core.machine import Machine
from gateway.core.occupancy import Rule
from gateway.inbox import Delivery, PortBack, PortLost
from gateway.pipeline.judge import Batch, Hearing, Judge
from sensors.calibration import Calibration, Limit, Verdicts
from sensors.sample import Availability, Sample, Saying
from tests.unit.knowing import (
    FREE,
    LATE,
    OBSERVED,
    OCCUPIED,
    OFFLINE,
    PORT_DOWN,
    QUICK,
    QUICK_RADAR,
    RESTORED,
    UNKNOWN,
)

WALL = 1_800_000_000.0


@dataclass
class Bench:
    """One machine with one sensor behind a judge."""

    rule: Rule = QUICK
    synchronised: bool = True
    now: float = 0.0
    offset: float = WALL
    assumed: bool = False
    seen: list[tuple[str, Sample, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.machine = Machine("m", {"s": self.rule})
        self.machine.start(0)
        repeats = self.rule.repeats_every is not None
        self.hearing = Hearing("s", self.machine, self.machine.detectors["s"], repeats)
        self.judge = Judge(
            {"m": self.machine}, {"s": self.hearing}, self, lambda *seen: self.seen.append(seen)
        )

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now + self.offset

    def deliver(self, now: float, *sayings: Saying, late: bool = False, dup: bool = False) -> Batch:
        self.now = now
        return self.judge.take([Delivery(tuple(("s", s) for s in sayings), now, late, dup)])


def told(batch: Batch) -> list[tuple[Status, str, float]]:
    return [(c.status, c.cause, c.at) for c in batch.changes]


def test_a_sample_becomes_a_change() -> None:
    batch = Bench().deliver(5, Sample(active=True, seq=3))
    assert batch.changes == [Change("m", OCCUPIED, OBSERVED, 5, 5, live=True, sensor_seq=3)]


def test_time_passes_for_every_machine_whatever_is_heard() -> None:
    bench = Bench(Rule(5, 90, 300, None))
    bench.deliver(0, Sample(active=True))
    bench.now = 5
    assert told(bench.judge.take([])) == [(OCCUPIED, OBSERVED, 0)]


def test_what_says_nothing_about_presence_changes_nothing() -> None:
    bench = Bench()
    assert bench.deliver(5, Sample(active=None, battery=97)).changes == []
    assert (bench.hearing.last_heard, len(bench.seen)) == (5, 1)


# --- late is not live -----------------------------------------------------------------------------


def test_a_late_word_of_an_on_change_sensor_becomes_the_word_it_holds() -> None:
    (change,) = Bench().deliver(5, Sample(active=True), late=True).changes
    assert (change.status, change.cause, change.at, change.live) == (OCCUPIED, LATE, 5, False)


def test_a_late_word_of_a_repeating_sensor_is_counted_and_dropped() -> None:
    bench = Bench(QUICK_RADAR)
    assert bench.deliver(5, Sample(active=True), late=True).changes == []
    assert bench.hearing.remarks["late"] == 1


def test_a_word_whose_own_timestamp_is_more_than_60_s_old_is_late() -> None:
    (change,) = Bench().deliver(500, Sample(active=True, timestamp=WALL + 439)).changes
    assert (change.cause, change.at, change.live) == (LATE, 439, False)


def test_a_clock_that_leaps_an_hour_ahead_lets_no_word_rewrite_the_last_hour() -> None:
    bench = Bench()
    bench.deliver(5, Sample(active=False))
    bench.offset += 3600
    bench.judge.stepped(3600)
    (change,) = bench.deliver(7200, Sample(active=True, timestamp=WALL + 7200)).changes
    assert (change.cause, change.at, change.live) == (LATE, 7200, False)
    bench.offset -= 3600
    bench.judge.stepped(-3600)
    (change,) = bench.deliver(7300, Sample(active=False, timestamp=WALL + 7300)).changes
    assert (change.cause, change.at, change.live) == (OBSERVED, 7300, True)


def test_a_timestamp_within_60_s_dates_a_live_word() -> None:
    (change,) = Bench().deliver(500, Sample(active=True, timestamp=WALL + 440)).changes
    assert (change.cause, change.at, change.live) == (OBSERVED, 440, True)


def test_while_our_clock_is_not_synchronised_no_timestamp_counts() -> None:
    bench = Bench(synchronised=False)
    (change,) = bench.deliver(500, Sample(active=True, timestamp=17.0)).changes
    assert (change.cause, change.at, bench.hearing.clock_offset) == (OBSERVED, 500, None)


def test_a_timestamp_that_is_off_is_remarked_and_its_distance_known() -> None:
    bench = Bench()
    bench.deliver(500, Sample(active=True, timestamp=17.0))
    bench.deliver(501, Sample(active=True, timestamp=WALL + 601))
    assert dict(bench.hearing.remarks) == {
        "timestamp_older_than_a_day": 1,
        "timestamp_in_the_future": 1,
    }
    assert bench.hearing.clock_offset == -100


def test_offline_counts_even_when_late() -> None:
    bench = Bench()
    bench.deliver(0, Sample(active=True))
    assert told(bench.deliver(9, Availability(online=False), late=True)) == [(UNKNOWN, OFFLINE, 9)]


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seq", [4, 5])
def test_a_dup_at_or_below_the_last_number_is_dropped(seq: int) -> None:
    bench = Bench()
    bench.deliver(0, Sample(active=True, seq=5))
    assert bench.deliver(9, Sample(active=False, seq=seq), late=True, dup=True).changes == []
    assert bench.hearing.remarks["repeated"] == 1


@pytest.mark.parametrize("seq", [6, None])
def test_a_dup_above_the_last_number_or_without_one_is_late(seq: int | None) -> None:
    bench = Bench()
    bench.deliver(0, Sample(active=True, seq=5))
    batch = bench.deliver(9, Sample(active=False, seq=seq), late=True, dup=True)
    assert told(batch) == [(FREE, LATE, 9)]


@pytest.mark.parametrize("seq", [5, 1])
def test_a_number_drops_nothing_that_is_no_dup(seq: int) -> None:
    bench = Bench()
    bench.deliver(0, Sample(active=True, seq=5))
    assert told(bench.deliver(9, Sample(active=False, seq=seq))) == [(FREE, OBSERVED, 9)]
    assert bench.hearing.detector.newest_seq == seq


# --- what is stored before it is acknowledged -----------------------------------------------------


def test_the_word_of_an_on_change_sensor_is_held_with_since_when_it_leans() -> None:
    bench = Bench(Rule(5, 90, 300, None))
    bench.deliver(0, Sample(active=True, seq=1))
    held = bench.deliver(10, Sample(active=False, seq=2)).held["s"]
    assert held.word is not None
    assert (held.word.active, held.word.at, held.seq) == (False, 10, 2)


def test_of_a_repeating_sensor_nothing_is_held() -> None:
    assert Bench(QUICK_RADAR).deliver(0, Sample(active=True)).held == {}


def test_offline_is_held() -> None:
    bench = Bench()
    bench.deliver(0, Sample(active=True))
    held = bench.deliver(9, Availability(online=False)).held["s"]
    assert (held.word, held.offline, held.tells_availability) == (None, True, True)


def test_a_receipt_is_kept_until_the_commit_though_nothing_changed() -> None:
    receipts: list[str] = []
    delivery = Delivery((), 5, receipt=lambda: receipts.append("sent"))
    batch = Bench().judge.take([delivery])
    assert receipts == []
    assert len(batch.receipts) == 1


def test_gathered_batches_keep_the_order_and_the_newest_word() -> None:
    bench, all_of_it = Bench(), Batch()
    all_of_it.add(bench.deliver(0, Sample(active=True, seq=1)))
    all_of_it.add(bench.deliver(9, Sample(active=False, seq=2)))
    assert [c.status for c in all_of_it.changes] == [OCCUPIED, FREE]
    assert all_of_it.held["s"].seq == 2


# --- ports ----------------------------------------------------------------------------------------


def test_a_lost_port_makes_its_machines_unknown_and_back_restores_them() -> None:
    bench = Bench()
    bench.deliver(0, Sample(active=True))
    bench.now = 30
    everyone = frozenset({"s", "not-ours"})
    lost = bench.judge.take([PortLost("mqtt", everyone, 10)])
    assert told(lost) == [(UNKNOWN, PORT_DOWN, 20)]
    back = bench.judge.take([PortBack("mqtt", everyone, 30)])
    assert told(back) == [(OCCUPIED, RESTORED, 0)]


def test_items_are_judged_in_their_order() -> None:
    bench = Bench()
    bench.now = 9
    words = [Delivery((("s", Sample(active=a)),), at) for a, at in ((True, 7), (False, 8))]
    assert [c.status for c in bench.judge.take(words).changes] == [OCCUPIED, FREE]


def test_without_its_bridge_a_sensor_is_unknown_and_with_it_nothing_is_known() -> None:
    bench = Bench()
    bench.deliver(10, Sample(active=True))
    gone = bench.deliver(11, Availability(online=False, bridge=True))
    assert told(gone) == [(UNKNOWN, OFFLINE, 11)]
    assert told(bench.deliver(12, Availability(online=True, bridge=True))) == []
    assert not bench.machine.detectors["s"].held.tells_availability
    assert told(bench.deliver(13, Sample(active=True))) == [(OCCUPIED, OBSERVED, 13)]


def test_a_calibrated_sensor_is_judged_by_its_levels_and_not_by_its_own_word() -> None:
    bench = Bench()
    bench.hearing.verdicts = Verdicts(Calibration({"power_w": Limit(0.0, 50.0)}))
    used = bench.deliver(10, Sample(None, levels={"power_w": 80.0}))
    assert told(used) == [(OCCUPIED, OBSERVED, 10)]
    assert bench.hearing.score == 1.6
    idle = bench.deliver(11, Sample(active=True, levels={"power_w": 1.0}))
    assert told(idle) == [(FREE, OBSERVED, 11)]
