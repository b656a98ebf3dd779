"""What is remembered of a sensor's levels: thinned, bounded, a day at most."""

import sys

from gateway.core.trail import DAY, EACH, MOST_BYTES, Trails


def test_a_point_each_ten_seconds_is_kept() -> None:
    trails = Trails()
    for tenth in range(1000):
        trails.add("radar", True, {"move_g0": tenth}, tenth / 10)
    points = list(trails.of("radar"))
    assert [point.at for point in points] == [n * EACH for n in range(10)]
    assert (points[3].levels, points[3].active) == ({"move_g0": 300}, True)


def test_what_says_no_level_is_not_kept() -> None:
    trails = Trails()
    trails.add("contact", True, {}, 1.0)
    assert list(trails.of("contact")) == []


def test_what_is_older_than_a_day_goes() -> None:
    trails = Trails()
    for minute in range(3 * 1440):
        trails.add("plug", None, {"power_w": 1.0}, minute * 60.0)
    points = list(trails.of("plug"))
    assert points[-1].at - points[0].at <= DAY + EACH
    assert len(points) >= 1440


def test_sixty_radars_stay_within_the_memory_and_still_cover_a_day() -> None:
    trails = Trails(MOST_BYTES // 10)
    levels = {f"move_g{gate}": 1.0 for gate in range(18)}
    for step in range(0, int(DAY), 20):
        for radar in range(6):
            trails.add(f"r{radar}", False, levels, float(step))
    lines = trails._lines.values()
    size = sum(sys.getsizeof(part) for one in lines for part in (one.times, one.words, one.values))
    assert size <= 1.3 * MOST_BYTES / 10
    points = list(trails.of("r0"))
    assert points[-1].at - points[0].at >= DAY - 4 * trails.step("r0")
    assert trails.step("r0") <= 320


def test_other_levels_begin_a_new_trail() -> None:
    trails = Trails()
    trails.add("plug", None, {"power_w": 1.0}, 0.0)
    trails.add("plug", None, {"distance_m": 1.0}, 60.0)
    assert [dict(point.levels) for point in trails.of("plug")] == [{"distance_m": 1.0}]
    trails.keep_only({})
    assert list(trails.of("plug")) == []
