"""Two kinds of sensor: what silence means, what offline means, and the way out of unknown."""

from dataclasses import replace

import pytest

from gateway.core.events import Status
from gateway.core.occupancy import HOLD, Rule
from tests.unit.knowing import (
    CONTACT,
    FREE,
    LATE,
    OBSERVED,
    OCCUPIED,
    OFFLINE,
    QUICK,
    QUICK_RADAR,
    RADAR,
    SILENT,
    START,
    UNKNOWN,
    Story,
)

HOUR = 3600.0


def test_the_first_unknown_is_an_event() -> None:
    first = Story(CONTACT).changes
    assert [(c.status, c.cause, c.at, c.live) for c in first] == [(UNKNOWN, START, 0, False)]


# --- out of unknown ---------------------------------------------------------------------------


def test_out_of_unknown_a_word_counts_after_busy_after_from_that_word() -> None:
    story = Story(CONTACT).on(100).tick(104.9)
    assert story.status is UNKNOWN
    assert story.tick(105).last == (OCCUPIED, OBSERVED, 100)


def test_out_of_unknown_a_word_counts_after_free_after_from_that_word() -> None:
    story = Story(CONTACT).off(100).tick(189.9)
    assert story.status is UNKNOWN
    assert story.tick(190).last == (FREE, OBSERVED, 100)


@pytest.mark.parametrize("rule", [QUICK, QUICK_RADAR])
def test_without_patience_a_word_counts_at_once(rule: Rule) -> None:
    story = Story(rule).on(7).off(8).on(8)
    assert story.told == [(OCCUPIED, OBSERVED, 7), (FREE, OBSERVED, 8), (OCCUPIED, OBSERVED, 8)]


def test_flapping_settles_nothing() -> None:
    story = Story(CONTACT)
    for now in range(0, 400, 8):
        story.on(now).off(now + 4)
    assert story.told == []
    assert story.tick(396 + 90).told == [(FREE, OBSERVED, 396)]


def test_a_rest_between_sets_frees_no_machine() -> None:
    story = Story(CONTACT).on(0).off(60).on(149).off(200).on(289.5).tick(400)
    assert story.told == [(OCCUPIED, OBSERVED, 0)]


def test_words_that_repeat_what_was_said_prolong_no_leaning() -> None:
    story = Story(CONTACT).off(0).off(30).off(89)
    assert story.tick(90).last == (FREE, OBSERVED, 0)


# --- a sensor that repeats --------------------------------------------------------------------


def test_silence_over_three_periods_freezes_a_trend() -> None:
    story = Story(RADAR).every_second(0, 9, active=True).every_second(10, 50, active=False)
    story.every_second(60, 109, active=False)  # 40 s before and 49 s after the silence
    assert story.told == [(OCCUPIED, OBSERVED, 0)]
    assert story.off(110).last == (FREE, OBSERVED, 20)  # the 10 s of silence do not count


def test_a_trend_frozen_for_longer_than_it_lasted_is_not_dated_into_the_silence() -> None:
    story = Story(RADAR).every_second(0, 9, active=True).every_second(10, 20, active=False)
    story.every_second(60, 139, active=False)  # 10 s before and 79 s after the silence
    assert story.told == [(OCCUPIED, OBSERVED, 0)]
    assert story.off(140).last == (FREE, OBSERVED, 60)


def test_three_periods_of_silence_are_not_over_three_periods() -> None:
    story = Story(RADAR).every_second(0, 9, active=True).every_second(10, 97, active=False)
    assert story.tick(99.9).status is OCCUPIED
    assert story.tick(100).last == (FREE, OBSERVED, 10)


def test_silence_settles_nothing() -> None:
    story = Story(RADAR).every_second(0, 9, active=True).every_second(10, 96, active=False)
    assert story.tick(395.9).status is OCCUPIED
    assert story.tick(396).last == (UNKNOWN, SILENT, 396)


def test_silence_settles_nothing_out_of_unknown_either() -> None:
    assert Story(RADAR).on(0).tick(1000).told == []


def test_silence_settles_nothing_though_free_after_is_longer_than_stale_after() -> None:
    slow = replace(RADAR, free_after=350, repeats_every=150)
    assert Story(slow).off(0).tick(2000).told == []


@pytest.mark.parametrize("said", [OCCUPIED, FREE])
def test_a_repeating_sensor_is_unknown_after_stale_after(said: Status) -> None:
    story = Story(RADAR).every_second(0, 100, active=said is OCCUPIED)
    known = story.last
    assert story.tick(399.9).last == known
    assert story.tick(400).last == (UNKNOWN, SILENT, 400)


def test_a_trend_begins_anew_after_a_stale_silence() -> None:
    story = Story(RADAR).every_second(0, 50, active=False).off(350)
    story.every_second(351, 439, active=False)
    assert story.told == []
    assert story.off(440).last == (FREE, OBSERVED, 350)


def test_a_silent_sensor_s_next_words_count_after_their_own_patience() -> None:
    story = Story(RADAR).every_second(0, 9, active=True).tick(400)
    story.every_second(500, 504, active=True)
    assert story.status is UNKNOWN
    assert story.on(505).last == (OCCUPIED, OBSERVED, 500)


# --- a sensor that speaks on change -----------------------------------------------------------


def test_the_last_word_of_an_on_change_sensor_holds_until_it_says_offline() -> None:
    story = Story(CONTACT).online(0).on(0).tick(30 * 24 * HOUR)
    assert story.last == (OCCUPIED, OBSERVED, 0)
    assert story.offline(31 * 24 * HOUR).last == (UNKNOWN, OFFLINE, 31 * 24 * HOUR)


def test_without_availability_the_last_word_holds_for_24_opening_hours() -> None:
    story = Story(CONTACT, hold=lambda at: at + 3 * 24 * HOUR).on(0).on(HOUR)
    assert story.tick(73 * HOUR - 1).status is OCCUPIED
    assert story.tick(73 * HOUR).last == (UNKNOWN, SILENT, 73 * HOUR)


def test_without_opening_hours_24_opening_hours_are_a_day() -> None:
    story = Story(CONTACT).on(100)
    assert story.tick(100 + HOLD - 1).status is OCCUPIED
    assert story.tick(200 + HOLD).last == (UNKNOWN, SILENT, 100 + HOLD)


def test_a_leaning_lasts_over_the_silence_of_an_on_change_sensor() -> None:
    assert Story(CONTACT).on(0).off(50).tick(5000).last == (FREE, OBSERVED, 50)


# --- availability -----------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [QUICK, QUICK_RADAR])
def test_offline_is_unknown_at_once(rule: Rule) -> None:
    story = Story(rule).on(0).offline(6)
    assert story.last == (UNKNOWN, OFFLINE, 6)


def test_online_alone_brings_no_status_back() -> None:
    story = Story(CONTACT).on(0).tick(5).offline(10).online(20).tick(5000)
    assert story.last == (UNKNOWN, OFFLINE, 10)


def test_a_live_word_brings_a_status_back_though_online_was_never_said() -> None:
    story = Story(CONTACT).on(0).tick(5).offline(10).off(20).tick(110)
    assert story.last == (FREE, OBSERVED, 20)


def test_a_leaning_ends_with_offline() -> None:
    story = Story(CONTACT).on(0).tick(5).off(10).offline(50).online(60).tick(5000)
    assert story.told == [(OCCUPIED, OBSERVED, 0), (UNKNOWN, OFFLINE, 50)]


def test_a_leaning_that_ripened_before_offline_is_told_first() -> None:
    story = Story(CONTACT).on(0).off(10).offline(100)
    assert story.told[1:] == [(FREE, OBSERVED, 10), (UNKNOWN, OFFLINE, 100)]


def test_offline_twice_is_one_change() -> None:
    assert len(Story(CONTACT).on(0).tick(5).offline(10).offline(11).told) == 2


def test_offline_of_an_unknown_machine_alters_the_cause_alone_and_keeps_the_old_last_change() -> (
    None
):
    assert Story(CONTACT).offline(50).told == [(UNKNOWN, OFFLINE, 0)]


# --- late words -------------------------------------------------------------------------------


def test_a_late_word_becomes_the_word_an_on_change_sensor_holds_at_its_own_timestamp() -> None:
    story = Story(CONTACT).on(0).tick(5).off(1000, at=400, live=False)
    assert story.told[1:] == [(FREE, LATE, 400)]
    assert not story.changes[-1].live
    assert story.changes[-1].decided == 1000


def test_a_late_word_that_was_said_just_now_waits_like_any_other() -> None:
    story = Story(CONTACT).on(0).tick(5).off(1000, live=False).tick(1089)
    assert story.status is OCCUPIED
    assert story.tick(1090).last == (FREE, LATE, 1000)


def test_a_late_word_older_than_what_is_held_says_nothing() -> None:
    story = Story(QUICK).on(100).off(110, at=99, live=False).tick(1000)
    assert story.told == [(OCCUPIED, OBSERVED, 100)]


def test_a_live_word_that_confirms_a_late_status_alters_the_cause_alone() -> None:
    story = Story(QUICK).on(10, live=False).on(50)
    assert story.told == [(OCCUPIED, LATE, 10), (OCCUPIED, OBSERVED, 10)]


def test_a_late_word_confirms_nothing() -> None:
    story = Story(QUICK).on(10, live=False).on(50, live=False)
    assert story.told == [(OCCUPIED, LATE, 10)]


def test_a_retained_word_after_offline_brings_no_status_back() -> None:
    story = Story(QUICK).on(0).offline(10).off(20, live=False).tick(1000)
    assert story.last == (UNKNOWN, OFFLINE, 10)


def test_offline_counts_even_when_what_was_held_came_late() -> None:
    story = Story(QUICK).off(20, live=False).offline(20)
    assert story.told == [(FREE, LATE, 20), (UNKNOWN, OFFLINE, 20)]


def test_a_queued_word_after_online_counts_as_late() -> None:
    story = Story(QUICK).on(0).offline(10).online(900).off(900, at=700, live=False)
    assert story.last == (FREE, LATE, 700)


def test_a_live_word_is_never_dated_before_the_one_it_follows() -> None:
    story = Story(QUICK).on(100).off(110, at=70)  # the sensor's clock was put right between them
    assert story.told == [(OCCUPIED, OBSERVED, 100), (FREE, OBSERVED, 100)]


def test_a_word_stamped_slightly_in_the_future_waits_from_that_moment() -> None:
    story = Story(CONTACT).on(100, at=100.5).tick(105.4)
    assert story.status is UNKNOWN
    assert story.tick(105.5).last == (OCCUPIED, OBSERVED, 100.5)
