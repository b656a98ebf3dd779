"""Quiet hours are those of the branch's own clock, whatever the day."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.core.quiet_hours import QuietHours, minutes_of, quiet_hours, text_of

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).timestamp()


def test_over_midnight_both_sides_are_quiet() -> None:
    night = quiet_hours(22, "07:00")
    assert night.cover(at("2026-06-01T23:00"), BERLIN)
    assert night.cover(at("2026-06-02T06:59"), BERLIN)
    assert not night.cover(at("2026-06-02T07:00"), BERLIN)
    assert not night.cover(at("2026-06-02T21:59"), BERLIN)


def test_an_end_at_the_start_is_no_quiet_at_all() -> None:
    assert not any(quiet_hours(8, 8).cover(at(f"2026-06-01T{h:02}:00"), BERLIN) for h in range(24))


@pytest.mark.parametrize(("start", "end"), [(0, 24), ("00:00", "24:00")])
def test_from_0_to_24_is_the_whole_day(start: int | str, end: int | str) -> None:
    always = quiet_hours(start, end, ["mon"])
    assert all(always.cover(at(f"2026-06-01T{hour:02}:59"), BERLIN) for hour in range(24))
    assert not always.cover(at("2026-06-02T00:00"), BERLIN)
    assert text_of(always.end) == "24:00"


def test_until_24_is_until_midnight() -> None:
    evening = quiet_hours(20, 24)
    assert evening.cover(at("2026-06-01T23:59"), BERLIN)
    assert not evening.cover(at("2026-06-02T00:00"), BERLIN)


def test_a_night_belongs_to_the_day_it_begins_on() -> None:
    friday_night = quiet_hours(22, 7, ["fri"])
    assert friday_night.cover(at("2026-06-06T03:00"), BERLIN)  # Saturday
    assert not friday_night.cover(at("2026-06-05T03:00"), BERLIN)
    assert not friday_night.cover(at("2026-06-06T22:30"), BERLIN)


@pytest.mark.parametrize("fold", [0, 1])
def test_the_hour_that_comes_twice_is_quiet_both_times(fold: int) -> None:
    assert quiet_hours("02:00", "03:00").cover(at("2026-10-25T02:30", fold), BERLIN)


def test_the_hour_that_does_not_come_makes_nothing_quiet() -> None:
    before, after = at("2026-03-29T01:59"), at("2026-03-29T03:00")
    assert after - before == 60
    assert not quiet_hours("02:00", "03:00").cover(before, BERLIN)
    assert not quiet_hours("02:00", "03:00").cover(after, BERLIN)


@pytest.mark.parametrize("time", [25, -1, "25:00", "24:01", "7", "22.30", "22:60", "", "٢٢:00"])
def test_what_is_no_time_of_day_is_refused(time: int | str) -> None:
    with pytest.raises(ValueError, match="no time of day"):
        minutes_of(time)


def test_times_are_shown_as_they_are_written() -> None:
    assert text_of(QuietHours(minutes_of("22:05"), 7 * 60).start) == "22:05"
    assert text_of(minutes_of(7)) == "07:00"
