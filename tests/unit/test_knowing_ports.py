"""A lost port: what its machines are while it is gone, and once it is back."""

import pytest

from gateway.core.events import Status
from gateway.core.occupancy import Rule
from tests.unit.knowing import (
    CONTACT,
    FREE,
    LATE,
    OBSERVED,
    OCCUPIED,
    OFFLINE,
    PORT_DOWN,
    QUICK,
    QUICK_RADAR,
    RADAR,
    RESTORED,
    START,
    UNKNOWN,
    Story,
)


def occupied() -> Story:
    """A machine with an on-change sensor, occupied since 0."""
    return Story(CONTACT).on(0).tick(5)


def test_a_port_that_is_gone_for_less_than_10_s_is_no_news() -> None:
    story = occupied().lost(100).tick(109.9).back(109.9).tick(5000)
    assert story.told == [(OCCUPIED, OBSERVED, 0)]


def test_a_lost_port_makes_its_machines_unknown_after_10_s() -> None:
    assert occupied().lost(100).tick(110).told[1:] == [(UNKNOWN, PORT_DOWN, 110)]


def test_a_port_lost_twice_was_lost_the_first_time() -> None:
    assert occupied().lost(100).lost(105).tick(110).last == (UNKNOWN, PORT_DOWN, 110)


def test_back_without_a_loss_says_nothing() -> None:
    assert occupied().back(100).told == [(OCCUPIED, OBSERVED, 0)]


@pytest.mark.parametrize("back", [110, 250, 400])
def test_back_within_stale_after_on_change_words_return_as_restored(back: float) -> None:
    story = occupied().lost(100).back(back)
    assert story.told[1:] == [(UNKNOWN, PORT_DOWN, 110), (OCCUPIED, RESTORED, 0)]


def test_after_stale_after_no_old_word_returns() -> None:
    story = occupied().lost(100).back(400.5).tick(5000)
    assert story.last == (UNKNOWN, PORT_DOWN, 110)


def test_after_stale_after_only_a_new_word_counts() -> None:
    story = occupied().lost(100).back(1000).on(1100).tick(1104)
    assert story.status is UNKNOWN
    assert story.tick(1105).last == (OCCUPIED, OBSERVED, 1100)


@pytest.mark.parametrize("said", ["on", "off"])
def test_after_stale_after_a_retained_or_queued_word_counts_as_late(said: str) -> None:
    story = occupied().lost(100).tick(110)
    getattr(story, said)(1000, live=False)
    story.back(1000.1)
    assert story.tick(1004).status is UNKNOWN
    status = OCCUPIED if said == "on" else FREE
    assert story.tick(1090).last == (status, LATE, 1000)
    assert not story.changes[-1].live


def test_a_queued_word_that_says_the_same_counts_at_its_own_timestamp() -> None:
    story = occupied().lost(100).on(1000, at=700, live=False).back(1000.1)
    assert story.last == (OCCUPIED, LATE, 700)


def test_a_word_queued_during_a_short_loss_frees_the_restored_machine_as_late() -> None:
    story = occupied().lost(100).off(130, at=120, live=False).back(131).tick(1000)
    assert story.told[-1] == (FREE, LATE, 120)
    assert story.told[1:-1] in ([], [(UNKNOWN, PORT_DOWN, 110), (OCCUPIED, RESTORED, 0)])


def test_a_late_on_between_lost_and_back_keeps_what_is_restored() -> None:
    story = occupied().lost(100).on(130, live=False).back(131).tick(5000)
    assert story.last == (OCCUPIED, RESTORED, 0)


def test_a_retained_repetition_does_not_make_a_live_leaning_late() -> None:
    story = occupied().off(50).lost(60).off(61, live=False).back(62).tick(140)
    assert story.last == (FREE, OBSERVED, 50)
    assert story.changes[-1].live


def test_a_leaning_that_ripens_during_a_short_loss_settles_when_the_port_is_back() -> None:
    story = occupied().off(20).lost(105).tick(112)
    assert story.told == [(OCCUPIED, OBSERVED, 0)]
    assert story.back(113).told[1:] == [(FREE, OBSERVED, 20)]


def test_a_leaning_that_ripens_while_the_port_is_down_settles_after_the_return() -> None:
    story = occupied().off(50).lost(60).back(200)
    assert story.told[1:] == [
        (UNKNOWN, PORT_DOWN, 70),
        (OCCUPIED, RESTORED, 0),
        (FREE, OBSERVED, 50),
    ]


def test_a_leaning_goes_on_over_a_loss() -> None:
    story = occupied().off(50).lost(60).back(80).tick(139)
    assert story.last == (OCCUPIED, RESTORED, 0)
    assert story.tick(140).last == (FREE, OBSERVED, 50)


def test_a_live_word_confirms_what_was_restored() -> None:
    story = occupied().lost(100).back(200).on(201)
    assert story.last == (OCCUPIED, OBSERVED, 0)


def test_what_was_unknown_is_unknown_for_its_old_cause_when_the_port_is_back() -> None:
    story = Story(CONTACT).lost(100).back(200)
    assert story.told == [(UNKNOWN, PORT_DOWN, 0), (UNKNOWN, START, 0)]


def test_a_sensor_that_was_offline_is_offline_when_the_port_is_back() -> None:
    story = occupied().offline(50).lost(100).back(200).tick(5000)
    assert story.last == (UNKNOWN, OFFLINE, 50)


def test_offline_heard_while_the_port_is_down_is_told_once_and_restores_nothing() -> None:
    story = occupied().lost(100).tick(110).offline(150).tick(160).back(160).tick(5000)
    assert story.told[1:] == [(UNKNOWN, PORT_DOWN, 110), (UNKNOWN, OFFLINE, 110)]


@pytest.mark.parametrize("rule", [RADAR, QUICK_RADAR])
@pytest.mark.parametrize("said", [OCCUPIED, FREE])
def test_of_a_repeating_sensor_nothing_returns_with_its_port(rule: Rule, said: Status) -> None:
    story = Story(rule).every_second(0, 100, active=said is OCCUPIED)
    story.lost(100).back(130).tick(131)
    assert story.last == (UNKNOWN, PORT_DOWN, 110)


def test_of_a_repeating_sensor_new_words_count_after_their_patience() -> None:
    story = Story(RADAR).every_second(0, 100, active=False).lost(100).back(130)
    story.every_second(131, 220, active=False)
    assert story.status is UNKNOWN
    assert story.off(221).last == (FREE, OBSERVED, 131)


def test_a_queue_tells_every_change_that_lasted_until_the_next_word() -> None:
    story = Story(QUICK).on(0).lost(100)
    for second, word in enumerate(("off", "on", "off")):
        getattr(story, word)(101, at=100.2 + second / 10, live=False)
    assert [status for status, *_ in story.back(101).told] == [OCCUPIED, FREE, OCCUPIED, FREE]


def test_the_queue_of_a_long_loss_begins_anew() -> None:
    story = Story(QUICK).on(0).lost(100).tick(110)
    story.on(900, at=500, live=False).off(900, at=600, live=False).back(900)
    assert story.last == (FREE, LATE, 600)
    assert all(cause is LATE for _, cause, at in story.told if at > 110)


def test_a_port_that_flaps_before_it_is_back_stays_lost() -> None:
    story = occupied().lost(100).lost(130).lost(160)
    assert story.tick(170).told[1:] == [(UNKNOWN, PORT_DOWN, 110)]
    assert story.back(180).last == (OCCUPIED, RESTORED, 0)
