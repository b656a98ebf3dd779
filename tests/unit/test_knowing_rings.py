"""What may ring: an edge from occupied to free whose freeing word was live when heard."""

from tests.unit.knowing import (
    CONTACT,
    FREE,
    LATE,
    OBSERVED,
    OCCUPIED,
    QUICK,
    RADAR,
    RESTORED,
    UNKNOWN,
    Story,
)


def test_an_edge_whose_freeing_word_was_live_is_live() -> None:
    edge = Story(CONTACT).on(0).off(50, seq=7).tick(140).changes[-1]
    assert (edge.status, edge.live, edge.sensor_seq) == (FREE, True, 7)
    assert (edge.at, edge.decided) == (50, 140)


def test_an_edge_whose_freeing_word_was_late_is_not_live() -> None:
    edge = Story(QUICK).on(0).off(50, live=False).changes[-1]
    assert (edge.status, edge.cause, edge.live) == (FREE, LATE, False)


def test_the_occupied_side_may_be_late() -> None:
    story = Story(QUICK).on(0, live=False).off(50)
    assert [(c.status, c.live) for c in story.changes[1:]] == [(OCCUPIED, False), (FREE, True)]


def test_the_occupied_side_may_be_restored() -> None:
    story = Story(QUICK).on(0).lost(10).back(30).off(50)
    assert story.told[-2:] == [(OCCUPIED, RESTORED, 0), (FREE, OBSERVED, 50)]
    assert [c.live for c in story.changes[-2:]] == [False, True]


def test_a_leaning_that_began_late_stays_late_though_live_words_repeat_it() -> None:
    edge = Story(CONTACT).on(0).tick(5).off(50, live=False).off(60).tick(140).changes[-1]
    assert (edge.status, edge.cause, edge.live) == (FREE, LATE, False)


def test_a_change_of_cause_alone_is_never_live() -> None:
    story = Story(QUICK).off(0).lost(10).back(30).off(50)
    assert story.told[-1] == (FREE, OBSERVED, 0)
    assert not story.changes[-1].live


def test_a_change_of_cause_alone_keeps_the_old_last_change() -> None:
    story = Story(QUICK).off(0).lost(10).back(30).off(50)
    assert [at for status, _, at in story.told if status is FREE] == [0, 0, 0]


def test_out_of_unknown_there_is_no_edge_from_occupied_to_free() -> None:
    story = (
        Story(RADAR).every_second(0, 9, active=True).tick(400).every_second(500, 590, active=False)
    )
    assert [c.status for c in story.changes[-2:]] == [UNKNOWN, FREE]
