"""Timestamps in payloads: when a word was said, and whether it still counts as live."""

import pytest

from gateway.core.stamp import stamp

OFFSET = 1_800_000_000.0
ARRIVED = 5000.0
NOW = ARRIVED + OFFSET
DAY = 86_400


@pytest.mark.parametrize("age", [0, 1, 59.5, 60])
def test_within_60_s_of_ours_it_dates_a_live_word(age: float) -> None:
    stamped = stamp(NOW - age, ARRIVED, OFFSET, late=False)
    assert (stamped.at, stamped.late, stamped.remark) == (ARRIVED - age, False, None)


@pytest.mark.parametrize("ahead", [0.5, 60])
def test_a_word_slightly_in_the_future_was_said_just_now(ahead: float) -> None:
    stamped = stamp(NOW + ahead, ARRIVED, OFFSET, late=False)
    assert (stamped.at, stamped.late, stamped.age) == (ARRIVED, False, -ahead)


@pytest.mark.parametrize("age", [60.5, 3600, DAY])
def test_a_word_more_than_60_s_old_is_late_at_its_own_timestamp(age: float) -> None:
    stamped = stamp(NOW - age, ARRIVED, OFFSET, late=False)
    assert (stamped.at, stamped.late, stamped.remark) == (ARRIVED - age, True, "timestamp_old")


def test_a_word_more_than_a_day_old_is_late_at_its_arrival() -> None:
    stamped = stamp(NOW - DAY - 1, ARRIVED, OFFSET, late=False)
    assert (stamped.at, stamped.late) == (ARRIVED, True)
    assert stamped.remark == "timestamp_older_than_a_day"


def test_a_timestamp_of_1970_dates_nothing() -> None:
    stamped = stamp(17.0, ARRIVED, OFFSET, late=False)
    assert (stamped.at, stamped.late) == (ARRIVED, True)


def test_a_timestamp_of_tomorrow_dates_nothing() -> None:
    stamped = stamp(NOW + DAY, ARRIVED, OFFSET, late=False)
    assert (stamped.at, stamped.late, stamped.remark) == (ARRIVED, False, "timestamp_in_the_future")


def test_without_a_timestamp_a_word_was_said_when_it_arrived() -> None:
    stamped = stamp(None, ARRIVED, OFFSET, late=False)
    assert (stamped.at, stamped.late, stamped.age) == (ARRIVED, False, None)


@pytest.mark.parametrize("timestamp", [NOW, NOW - 3600, 17.0, NOW + DAY])
def test_while_our_clock_is_not_synchronised_none_counts(timestamp: float) -> None:
    stamped = stamp(timestamp, ARRIVED, None, late=False)
    assert (stamped.at, stamped.late, stamped.age) == (ARRIVED, False, None)


@pytest.mark.parametrize("timestamp", [None, NOW - 1, NOW - 3600, NOW + 1, NOW + DAY])
def test_what_is_late_stays_late_whatever_its_timestamp(timestamp: float | None) -> None:
    assert stamp(timestamp, ARRIVED, OFFSET, late=True).late


def test_what_is_late_has_its_own_timestamp() -> None:
    assert stamp(NOW - 20, ARRIVED, OFFSET, late=True).at == ARRIVED - 20


def test_nothing_was_said_after_it_arrived() -> None:
    assert all(stamp(NOW + s, ARRIVED, OFFSET, late=False).at <= ARRIVED for s in range(-99, 99))


@pytest.mark.parametrize(("age", "at"), [(3600, 100.0), (3650, 100.0), (5000, -4900.0), (5, 95.0)])
def test_after_a_leap_of_our_clock_what_is_as_old_as_the_leap_dates_nothing_back(
    age: float, at: float
) -> None:
    stamped = stamp(OFFSET + 100 - age, 100, OFFSET, late=False, leapt=3600)
    assert (stamped.at, stamped.late) == (at, age > 60)
