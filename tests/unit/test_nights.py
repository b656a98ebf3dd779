"""When a night's work is due, and by which date what is old is deleted."""

from gateway.core.nights import NEVER, Night

NOW, DAY, YEAR = 1_800_000_000.0, 86400.0, 365 * 86400.0


def begun(night: Night, wall: float) -> Night:
    following = night.next(wall)
    assert following is not None
    return following


def test_the_first_night_goes_by_the_clock() -> None:
    assert begun(NEVER, NOW) == Night(NOW, NOW)


def test_a_night_s_work_is_done_once() -> None:
    first = begun(NEVER, NOW)
    assert first.next(NOW + 19 * 3600) is None
    assert first.next(NOW + DAY) is not None


def test_a_clock_that_leaps_by_years_makes_nothing_old_but_of_two_days() -> None:
    leapt = begun(begun(NEVER, NOW), NOW + 3 * YEAR)
    assert leapt.date == NOW + 2 * DAY
    assert begun(leapt, NOW + DAY).date == NOW + DAY  # put back


def test_after_a_long_stop_the_date_catches_up() -> None:
    night, wall = begun(NEVER, NOW), NOW + 30 * DAY
    for _ in range(30):
        night, wall = begun(night, wall), wall + DAY
    assert night.date == night.wall
