"""What is remembered of a sensor's levels: thinned, bounded, a day at most."""

import sys
from array import array
from collections.abc import Iterable, Iterator
from random import Random

import pytest

from gateway.core.compared import compare
from gateway.core.occupancy import Rule
from gateway.core.trail import DAY, EACH, MOST_BYTES, MOST_LEVELS, Point, Trail, Trails
from sensors.calibration import Calibration, Limit


def points(trails: Trails, sensor: str = "plug") -> list[Point]:
    return list(trails.of(sensor).points())


def watts(trails: Trails, *said: tuple[float, float]) -> list[tuple[float, float]]:
    """(second, watts) as said, and as remembered."""
    for at, power in said:
        trails.add("plug", None, {"power_w": power}, at)
    return [(point.at, point.levels["power_w"]) for point in points(trails)]


def test_a_point_each_ten_seconds_is_kept_and_the_newest_word() -> None:
    trails = Trails()
    for tenth in range(1000):
        trails.add("radar", True, {"move_g0": tenth}, tenth / 10)
    found = points(trails, "radar")
    assert [point.at for point in found] == [*(n * EACH for n in range(10)), 99.9]
    assert found[3] == Point(30.0, True, {"move_g0": 280})  # of 220, 240, … 300
    assert found[-1] == Point(99.9, True, {"move_g0": 999})


def test_a_word_before_a_silence_is_kept_however_soon_after_another() -> None:
    said = [(0.0, 2.0), (5.0, 200.0), (600.0, 2.0), (601.0, 150.0), (602.0, 3.0), (900.0, 2.0)]
    assert watts(Trails(), *said) == [said[0], said[1], said[2], said[4], said[5]]


def test_nearer_is_more_telling_and_a_fly_is_not() -> None:
    trails = Trails()
    for at in range(0, 22, 2):
        trails.add("desk", at == 14, {"distance_m": 0.2 if at == 14 else at / 10}, float(at))
    assert points(trails, "desk")[2] == Point(20.0, False, {"distance_m": array("f", [1.2])[0]})


def test_what_says_no_level_is_not_kept() -> None:
    trails = Trails()
    trails.add("contact", True, {}, 1.0)
    assert points(trails, "contact") == []


def test_the_word_alone_counts_where_levels_come_with_presence_only() -> None:
    trails = Trails()
    for at in range(0, 60, 10):
        trails.add("radar", at < 30, {"distance_m": 1.5} if at < 30 else {}, float(at))
    found = points(trails, "radar")
    assert [point.active for point in found] == [True] * 3 + [False] * 3
    assert [dict(point.levels) for point in found[2:4]] == [{"distance_m": 1.5}, {}]


def test_levels_that_come_in_turns_stand_in_one_trail() -> None:
    trails = Trails()
    for at in range(100):
        level = "power_w" if at % 2 else "current_a"
        trails.add("plug", None, {level: float(at)}, float(at))
    found = points(trails)
    assert [point.at for point in found] == [*range(0, 100, 10), 99]
    assert dict(found[1].levels) == {"power_w": 7.0, "current_a": 8.0}


def test_a_radar_that_lost_its_setting_for_a_while_keeps_its_day() -> None:
    trails, gates = Trails(), {f"move_g{gate}": 1.0 for gate in range(9)}
    for at in range(0, 3000, 10):
        basic = {"detection_cm": 80.0}
        trails.add("radar", False, basic if 1000 <= at < 1100 else basic | gates, float(at))
    found = points(trails, "radar")
    assert (len(found), {*found[0].levels}) == (300, {"detection_cm", *gates})
    assert [point.at for point in found if "move_g0" not in point.levels] == [
        *range(1000, 1100, 10)
    ]


def test_what_is_older_than_a_day_goes_but_the_word_that_it_began_with() -> None:
    trails = Trails()
    watts(trails, *((minute * 60.0, 1.0) for minute in range(3 * 1440)))
    found = points(trails)
    assert DAY <= found[-1].at - found[0].at <= DAY + 60
    assert watts(trails, (6 * DAY, 5.0)) == [(4319 * 60.0, 1.0), (6 * DAY, 5.0)]


def day(trails: Trails, count: int, levels: Iterable[str]) -> None:
    """A day of so many sensors, each speaks every ten seconds."""
    said = dict.fromkeys(levels, 1.0)
    for step in range(0, int(DAY), 10):
        for number in range(count):
            trails.add(f"s{number}", False, said, float(step))


GATES = [f"move_g{gate}" for gate in range(25)]


@pytest.mark.parametrize(
    ("count", "levels", "step"), [(5, ["power_w"], 10), (2, GATES, 40), (6, GATES, 80)]
)
def test_the_steps_are_those_that_are_told(count: int, levels: list[str], step: float) -> None:
    trails = Trails(MOST_BYTES // 10)  # a tenth of the sensors in a tenth of the memory
    day(trails, count, levels)
    assert trails.of("s0").step == step
    found = points(trails, "s0")
    assert found[-1].at - found[0].at >= DAY - 2 * step
    kept = [trails.of(f"s{number}") for number in range(count)]
    size = sum(sys.getsizeof(part) for one in kept for part in (one.times, one.words, one.values))
    assert size <= 1.05 * MOST_BYTES / 10


def test_thinned_words_on_change_are_still_those_before_a_silence() -> None:
    trails = Trails(60 * 13)
    for hour in range(24):
        begin = hour * 3600.0
        watts(trails, (begin, 200.0), (begin + 5, 2.0), (begin + 8, 2.0), (begin + 30, 2.0))
    assert trails.of("plug").step > EACH
    assert {point.levels["power_w"] for point in points(trails) if point.at % 3600 == 30} == {2.0}


def test_a_sensor_with_very_many_levels_keeps_the_first_of_them() -> None:
    trails = Trails()
    for at in (0.0, 60.0):
        trails.add("meter", None, {f"level_{n:03}": 1.0 for n in range(100)}, at)
    assert [len(point.levels) for point in points(trails, "meter")] == [MOST_LEVELS] * 2


def test_a_copy_does_not_move_and_who_is_gone_is_forgotten() -> None:
    trails = Trails()
    watts(trails, (0.0, 1.0))
    copy = trails.of("plug")
    watts(trails, (60.0, 1.0))
    assert (len(list(copy.points())), len(points(trails))) == (1, 2)
    trails.keep_only({})
    assert points(trails) == []


@pytest.mark.parametrize(("step", "off"), [(10.0, 0.1), (80.0, 0.2)])
def test_a_day_is_judged_nearly_as_if_every_sample_were_known(step: float, off: float) -> None:
    samples, trail = list(trained(Random(4), 0.5)), Trail(step=step)
    for one in samples:
        trail.add(*one)
    rule, known = Rule(5, 90, 300, 0.5), Calibration({"power_w": Limit(5, 50)}, hold=2)
    whole = compare(samples, rule, None, known, (0, DAY)).then
    thin = compare(list(trail.points()), rule, None, known, (0, DAY)).then
    assert thin.occupied == pytest.approx(whole.occupied, rel=off)
    assert thin.sessions == pytest.approx(whole.sessions, rel=0.2)


def trained(random: Random, share: float) -> Iterator[Point]:
    """Two samples a second; of those in use such a share shows it, and now and then a fly does."""
    used, until, fly = False, 0.0, 0.0
    for half in range(2 * int(DAY)):
        at = half / 2
        if at >= until:
            used = not used
            until = at + (random.uniform(60, 400) if used else random.expovariate(1 / 1500))
        if at > fly + 1:
            fly = at + random.expovariate(1 / 1800)
        seen = (used and random.random() < share) or at > fly
        yield Point(at, None, {"power_w": 80.0 if seen else 5.0})
