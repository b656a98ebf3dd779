"""The same samples under two calibrations."""

from gateway.core.compared import MOST, compare
from gateway.core.events import Status
from gateway.core.occupancy import Rule
from gateway.core.trail import Point
from sensors.calibration import Calibration, Limit

RULE = Rule(busy_after=0, free_after=30, stale_after=300, repeats_every=10)
FREE, OCCUPIED, UNKNOWN = Status.FREE, Status.OCCUPIED, Status.UNKNOWN


def above(watts: float) -> Calibration:
    return Calibration({"power_w": Limit(0.0, watts)})


def hour(*busy: range, watts: float = 100.0) -> list[Point]:
    """A point each 10 s: idle at 5 W, but for these seconds."""
    return [
        Point(float(at), None, {"power_w": watts if any(at in part for part in busy) else 5.0})
        for at in range(0, 3600, 10)
    ]


def test_the_same_is_no_difference() -> None:
    found = compare(hour(range(600, 1200)), RULE, above(50), above(50))
    assert (found.differences, found.more) == ((), 0)
    assert found.now.sessions == 1
    assert 590 <= found.now.occupied <= 640


def test_a_threshold_that_is_too_high_loses_the_session_and_that_is_told() -> None:
    found = compare(hour(range(600, 1200)), RULE, above(50), above(200))
    assert [(one.at, one.now, one.then) for one in found.differences] == [
        (600, OCCUPIED, FREE),
        (1200, FREE, FREE),
    ]
    assert (found.now.sessions, found.then.sessions) == (1, 0)


def test_without_a_calibration_its_own_word_counts() -> None:
    points = [Point(at, at >= 1800, {"power_w": 5.0}) for at in map(float, range(0, 3600, 10))]
    found = compare(points, RULE, None, above(50))
    assert (found.now.sessions, found.then.sessions) == (1, 0)


def test_a_gap_is_unknown_to_both() -> None:
    points = [point for point in hour() if not 1000 <= point.at < 3000]
    found = compare(points, RULE, above(50), above(60))
    assert found.differences == ()
    assert found.now.observed < 2000


def test_nothing_remembered_is_nothing_said() -> None:
    found = compare([], RULE, None, above(50))
    assert (found.now.observed, found.then.observed, found.differences) == (0, 0, ())


def test_no_more_than_200_differences_are_told_one_by_one() -> None:
    quick = Rule(0, 0, 300, 10)
    flapping = [range(at, at + 10) for at in range(0, 3600, 20)]
    found = compare(hour(*flapping), quick, above(50), above(200))
    assert len(found.differences) == MOST
    assert found.more > 0


def test_points_that_lie_farther_apart_than_stale_after_are_no_silence() -> None:
    points = [Point(at * 160.0, None, {"power_w": 5.0}) for at in range(500)]
    found = compare(points, RULE, None, above(50))
    assert (found.then.observed, found.then.sessions) == (499 * 160.0, 0)


def test_what_speaks_on_change_means_it_until_the_end_of_the_time() -> None:
    on_change = Rule(busy_after=0, free_after=30, stale_after=300, repeats_every=None)
    points = [Point(0.0, None, {"power_w": 5.0}), Point(100.0, None, {"power_w": 90.0})]
    found = compare(points, on_change, None, above(50), (0.0, 10_000.0))
    assert (found.then.occupied, found.then.sessions) == (9_900, 1)


def test_a_sensor_that_died_is_not_known_from_then_on() -> None:
    found = compare(hour(), RULE, None, above(50), (0.0, 10_000.0))
    assert found.then.observed == 3590 + 300


def test_what_began_before_the_time_counts_within_it_alone() -> None:
    found = compare(hour(range(600, 1200)), RULE, above(50), above(200), (1000.0, 3590.0))
    assert (found.now.occupied, found.now.sessions, found.then.sessions) == (200, 1, 0)
    assert [one.at for one in found.differences] == [1000, 1200]
