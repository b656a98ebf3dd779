"""Bins: closed by the clock, corrected by late words, whole whatever the wall clock does."""

import pytest

from gateway.core.bins import MAX_AT_ONCE, REACH, Bin, Bins, bin_of
from gateway.core.events import Cause, Change, Status
from tests.unit.binned import GRACE, WALL, branch, numbers
from tests.unit.knowing import FREE, OBSERVED, OCCUPIED, PORT_DOWN, RESTORED, UNKNOWN


def change(at: float, status: Status, cause: Cause = OBSERVED, decided: float = 0) -> Change:
    return Change("m", status, cause, at, max(at, decided))


# --- what a bin counts ------------------------------------------------------------------------


def test_a_bin_counts_occupied_and_observed_seconds_and_starts_of_occupation() -> None:
    bins = branch()
    for at, status in ((100, FREE), (200, OCCUPIED), (300, FREE), (400, OCCUPIED), (500, UNKNOWN)):
        bins.apply("m", at, status)
    assert numbers(bins.close(1050, WALL)) == [(0, 200, 400, 2, 0)]


def test_the_ratio_is_over_observed_time_and_null_without_any() -> None:
    assert Bin("m", 0, 50, 200, 1).ratio == 0.25
    assert Bin("m", 0, 0, 0, 0).ratio is None


def test_only_free_and_occupied_count_as_observed() -> None:
    bins = branch()
    bins.apply("m", 0, Status.OUT_OF_SERVICE)
    assert numbers(bins.close(1050, WALL)) == [(0, 0, 0, 0, 0)]


def test_an_occupation_over_the_end_of_a_bin_starts_in_the_first_one_only() -> None:
    bins = branch()
    bins.apply("m", 800, OCCUPIED)
    assert numbers(bins.close(1950, WALL)) == [(0, 100, 100, 1, 0), (1, 900, 900, 0, 0)]


def test_an_occupation_that_begins_exactly_with_a_bin_is_counted_there() -> None:
    bins = branch()
    bins.apply("m", 0, FREE)
    bins.apply("m", 900, OCCUPIED)
    assert numbers(bins.close(1950, WALL)) == [(0, 0, 900, 0, 0), (1, 900, 900, 1, 0)]


@pytest.mark.parametrize(("gap", "sessions"), [(300, 1), (300.5, 2)])
def test_unknown_up_to_stale_after_inside_one_does_not_start_another(
    gap: float, sessions: int
) -> None:
    bins = branch()
    for at, status in ((0, FREE), (100, OCCUPIED), (200, UNKNOWN), (200 + gap, OCCUPIED)):
        bins.apply("m", at, status)
    ((_, _, observed, counted, _),) = numbers(bins.close(1050, WALL))
    assert (observed, counted) == (900 - gap, sessions)


def test_unknown_between_free_and_occupied_starts_one() -> None:
    bins = branch()
    for at, status in ((0, FREE), (100, UNKNOWN), (200, OCCUPIED)):
        bins.apply("m", at, status)
    assert bins.close(1050, WALL)[0].sessions == 1


def test_what_returns_as_restored_was_not_observed_meanwhile() -> None:
    bins = branch()
    bins.take(change(0, OCCUPIED))
    bins.take(change(300, UNKNOWN, PORT_DOWN))
    bins.take(change(0, OCCUPIED, RESTORED, decided=400))
    bins.take(change(0, OCCUPIED, OBSERVED, decided=410))  # a word confirms it
    assert numbers(bins.close(1050, WALL)) == [(0, 800, 800, 1, 0)]


# --- closed by the clock ----------------------------------------------------------------------


def test_a_bin_is_closed_by_the_clock_free_after_and_60_s_after_its_end() -> None:
    bins = branch()
    assert bins.close(1049.9, WALL) == []
    assert numbers(bins.close(1050, WALL)) == [(0, 0, 0, 0, 0)]
    assert bins.close(1050, WALL) == []
    assert bins.next_start == WALL + 900


def test_every_configured_machine_gets_every_bin() -> None:
    bins = Bins({"a": 300, "b": 300}, GRACE, 0, WALL)
    assert [(b.machine, b.start) for b in bins.close(1950, WALL)] == [
        ("a", WALL),
        ("b", WALL),
        ("a", WALL + 900),
        ("b", WALL + 900),
    ]


def test_the_first_bin_of_all_is_that_in_which_the_gateway_began() -> None:
    assert numbers(branch(began=1000, next_start=None).close(1950, WALL)) == [(1, 0, 0, 0, 0)]


def test_at_most_96_bins_are_closed_at_once() -> None:
    bins = branch()
    now = 100 * 900 + GRACE
    assert [len(bins.close(now, WALL)) for _ in range(3)] == [MAX_AT_ONCE, 4, 0]


def test_a_machine_that_is_not_configured_any_more_gets_no_bin() -> None:
    bins = branch()
    bins.apply("gone", 0, OCCUPIED)
    assert [b.machine for b in bins.close(1050, WALL)] == ["m"]


# --- corrections ------------------------------------------------------------------------------


def test_a_later_correction_is_a_higher_revision() -> None:
    bins = branch()
    bins.apply("m", 0, OCCUPIED)
    bins.close(1050, WALL)
    bins.apply("m", 600, FREE)
    assert numbers(bins.close(1060, WALL)) == [(0, 600, 900, 1, 1)]
    bins.apply("m", 500, UNKNOWN)
    assert numbers(bins.close(1070, WALL)) == [(0, 500, 500, 1, 2)]


def test_a_correction_reaches_every_bin_it_alters_and_no_other() -> None:
    bins = branch()
    bins.apply("m", 0, OCCUPIED)
    bins.close(2850, WALL)
    bins.apply("m", 1000, FREE)
    assert numbers(bins.close(2860, WALL)) == [(1, 100, 900, 0, 1), (2, 0, 900, 0, 1)]


def test_a_change_at_the_very_end_of_a_closed_bin_corrects_nothing() -> None:
    bins = branch()
    bins.apply("m", 0, OCCUPIED)
    bins.close(1050, WALL)
    bins.apply("m", 900, FREE)
    assert bins.close(1060, WALL) == []


def test_a_change_of_cause_alone_corrects_nothing() -> None:
    bins = branch()
    bins.take(change(0, OCCUPIED))
    bins.close(1050, WALL)
    bins.take(change(0, OCCUPIED, decided=1055))
    assert bins.close(1060, WALL) == []


def test_what_ended_more_than_a_day_ago_is_corrected_no_more() -> None:
    bins = branch()
    bins.apply("m", 0, OCCUPIED)
    bins.close(1050, WALL)
    bins.forget(901 + REACH / 2)
    bins.apply("m", 600, FREE)
    assert all(b.start > WALL for b in bins.close(1060 + REACH / 2, WALL))


def test_after_a_year_off_what_is_closed_is_not_all_kept() -> None:
    year = 365 * 86400
    bins = Bins({"m": 300}, GRACE, 0, WALL)
    while bins.close(0, WALL + year):
        assert len(bins._closed) <= MAX_AT_ONCE
    assert bins.next_start == bin_of(WALL + year - 900 - GRACE) + 900


# --- the open bin -----------------------------------------------------------------------------


def test_the_open_bin_is_as_of_now() -> None:
    bins = branch()
    bins.apply("m", 100, OCCUPIED)
    (now,) = bins.open("m", 450, WALL)
    assert (now.occupied, now.observed, now.sessions, now.open) == (350, 350, 1, True)


def test_a_bin_that_ended_but_waits_for_its_close_is_read_and_not_open() -> None:
    bins = branch()
    bins.apply("m", 0, FREE)
    waiting, now = bins.open("m", 1000, WALL)
    assert (waiting.observed, waiting.open) == (900, False)
    assert (now.observed, now.open) == (100, True)


def test_at_the_very_begin_of_a_quarter_hour_its_bin_is_open_and_empty() -> None:
    bins = branch()
    bins.apply("m", 0, FREE)
    bins.close(1050, WALL)
    assert [(b.start - WALL, b.observed, b.open) for b in bins.open("m", 1800, WALL)] == [
        (900, 900, False),
        (1800, 0, True),
    ]


def test_at_most_96_open_bins_are_read() -> None:
    assert len(branch().open("m", 200 * 900, WALL)) == MAX_AT_ONCE


# --- another configuration --------------------------------------------------------------------


def test_what_was_seen_of_a_machine_that_is_removed_is_closed_and_then_nothing() -> None:
    bins = branch()
    bins.apply("m", 0, FREE)
    bins.follow({"new": 300.0}, GRACE)
    bins.apply("m", 450, UNKNOWN)
    closed = bins.close(2000 + GRACE, WALL)
    assert [(b.machine, b.observed) for b in closed if b.machine == "m"] == [("m", 450)]


def test_a_machine_that_is_added_has_bins_from_then_on_and_no_correction_of_older_ones() -> None:
    bins = branch()
    bins.close(1050, WALL)
    bins.follow({"m": 300.0, "new": 300.0}, GRACE)
    bins.apply("new", 850, FREE)
    closed = bins.close(1950, WALL)
    assert [(b.machine, b.observed) for b in closed] == [("m", 0), ("new", 900)]
