"""Opening hours in the branch's own zone."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from config.sections import DAYS, Day
from gateway.core.opening import MAX_DAYS, Opening

HOUR = 3600.0
DAY = 24 * HOUR
HK = "Asia/Hong_Kong"
BERLIN = "Europe/Berlin"
EVERY_DAY: dict[Day, str] = dict.fromkeys(DAYS, "06:00-23:00")


def at(text: str, zone: str = HK, fold: int = 0) -> float:
    """Epoch seconds of a local time."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def opening(
    hours: Mapping[Day, str] | None, *, zone: str = HK, holidays: tuple[str, ...] = ()
) -> Opening:
    return Opening(hours, holidays, zone)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-23 05:59:59", False),
        ("2026-11-23 06:00", True),
        ("2026-11-23 22:59:59", True),
        ("2026-11-23 23:00", False),
    ],
)
def test_it_is_open_from_the_first_moment_to_before_the_last(moment: str, is_open: bool) -> None:
    assert opening(EVERY_DAY).is_open(at(moment)) is is_open


def test_a_missing_day_is_closed() -> None:
    assert not opening({"mon": "06:00-23:00"}).is_open(at("2026-11-24 12:00"))


def test_no_table_is_always_open() -> None:
    always = opening(None)
    assert always.is_open(at("2026-11-24 03:00"))
    assert always.after_open_seconds(1000, DAY) == 1000 + DAY


def test_over_midnight_it_is_open_on_the_next_day_s_morning() -> None:
    friday = opening({"fri": "06:00-01:00"})
    assert friday.is_open(at("2026-11-28 00:59"))
    assert not friday.is_open(at("2026-11-28 01:00"))
    assert not friday.is_open(at("2026-11-27 00:30"))


@pytest.mark.parametrize("text", ["00:00-24:00", "00:00-00:00"])
def test_a_whole_day_may_be_open(text: str) -> None:
    day = opening({"mon": text})
    assert day.is_open(at("2026-11-23 00:00"))
    assert day.is_open(at("2026-11-23 23:59"))
    assert not day.is_open(at("2026-11-24 00:00"))


def test_on_a_holiday_it_is_closed() -> None:
    christmas = opening(EVERY_DAY, holidays=("2026-12-25",))
    assert not christmas.is_open(at("2026-12-25 12:00"))
    assert christmas.is_open(at("2026-12-24 12:00"))
    assert christmas.is_open(at("2026-12-26 12:00"))


def test_the_evening_before_a_holiday_lasts_over_midnight() -> None:
    late = opening(dict.fromkeys(DAYS, "06:00-01:00"), holidays=("2026-12-25",))
    assert late.is_open(at("2026-12-25 00:30"))
    assert not late.is_open(at("2026-12-26 00:30"))


@pytest.mark.parametrize(
    ("day", "hours_open"),
    [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-23", 24)],
)
def test_a_day_that_is_open_as_a_whole_has_23_24_or_25_hours(day: str, hours_open: int) -> None:
    whole = opening(dict.fromkeys(DAYS, "00:00-24:00"), zone=BERLIN, holidays=_neighbours(day))
    begin = at(f"{day} 00:00", BERLIN)
    minutes = sum(whole.is_open(begin + 60 * minute) for minute in range(-120, 28 * 60))
    assert minutes == hours_open * 60


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_local_hours_are_kept_on_days_of_23_and_25_hours(day: str) -> None:
    berlin = opening(EVERY_DAY, zone=BERLIN)
    assert not berlin.is_open(at(f"{day} 05:59", BERLIN))
    assert berlin.is_open(at(f"{day} 06:00", BERLIN))
    assert berlin.is_open(at(f"{day} 22:59", BERLIN))
    assert not berlin.is_open(at(f"{day} 23:00", BERLIN))


# --- 24 opening hours -----------------------------------------------------------------------------


def test_24_opening_hours_pass_while_it_is_open_only() -> None:
    until = opening(EVERY_DAY).after_open_seconds(at("2026-11-23 12:00"), DAY)
    assert until == at("2026-11-24 19:00")  # 11 h on Monday, 13 h on Tuesday


def test_24_opening_hours_over_a_closed_weekend() -> None:
    weekdays: dict[Day, str] = dict.fromkeys(DAYS[:5], "06:00-23:00")
    until = opening(weekdays).after_open_seconds(at("2026-11-27 20:00"), DAY)
    assert until == at("2026-12-01 10:00")  # 3 h on Friday, 17 on Monday, 4 on Tuesday


def test_24_opening_hours_from_the_night_on_begin_with_the_opening() -> None:
    until = opening(EVERY_DAY).after_open_seconds(at("2026-11-23 23:30"), 17 * HOUR)
    assert until == at("2026-11-24 23:00")


def test_24_opening_hours_begin_within_the_night_of_the_day_before() -> None:
    late = opening({"fri": "06:00-02:00", "mon": "06:00-23:00"})
    assert late.after_open_seconds(at("2026-11-28 01:00"), 2 * HOUR) == at("2026-11-30 07:00")


def test_24_opening_hours_over_a_holiday() -> None:
    christmas = opening(EVERY_DAY, holidays=("2026-12-25",))
    until = christmas.after_open_seconds(at("2026-12-24 22:00"), 2 * HOUR)
    assert until == at("2026-12-26 07:00")


def test_24_opening_hours_over_the_hour_that_comes_twice() -> None:
    whole = opening(dict.fromkeys(DAYS, "00:00-24:00"), zone=BERLIN)
    begin = at("2026-10-24 12:00", BERLIN)
    assert whole.after_open_seconds(begin, DAY) == begin + DAY == at("2026-10-25 11:00", BERLIN)


def test_a_branch_that_never_opens_holds_a_word_for_a_bounded_time() -> None:
    assert opening({}).after_open_seconds(0, DAY) == MAX_DAYS * DAY


# --- the day's patterns ---------------------------------------------------------------------------


def test_the_local_day_is_that_of_the_branch() -> None:
    assert opening(None).local_day(at("2026-11-23 00:30")) == 0
    assert opening(None, zone="UTC").local_day(at("2026-11-23 00:30")) == 6


def test_a_quarter_hour_is_open_if_its_begin_is() -> None:
    is_open = opening(EVERY_DAY).quarter_open(at("2026-11-23 12:00"))
    assert [slot for slot in range(96) if is_open(slot)] == list(range(24, 92))


def _neighbours(day: str) -> tuple[str, ...]:
    """The days around it, to be closed."""
    date = datetime.fromisoformat(day).date()
    return tuple(date.fromordinal(date.toordinal() + n).isoformat() for n in (-1, 1))
