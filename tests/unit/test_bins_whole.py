"""Bins stay whole whatever the wall clock does and whatever is said; what they keep is bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.bins import MAX_AT_ONCE, MAX_POINTS, REACH, Bin, Bins, Timeline
from gateway.core.events import Status
from tests.unit.binned import GRACE, WALL, branch, numbers
from tests.unit.knowing import FREE, OCCUPIED, UNKNOWN

STATUSES = st.sampled_from(list(Status))


def test_a_step_forward_counts_no_moment_twice() -> None:
    bins = branch()
    bins.apply("m", 0, OCCUPIED)
    bins.close(1050, WALL)  # one bin, then the wall jumps an hour
    stepped = bins.close(2000, WALL + 3600)
    assert sum(b.occupied for b in stepped) == pytest.approx(5400 - 3600 - 900)
    assert [b.start for b in stepped] == [WALL + 900 * n for n in range(1, 6)]
    assert not any(b.sessions for b in stepped)


def test_a_clock_that_is_put_back_writes_again_what_it_had_written_ahead_of_time() -> None:
    bins = branch()
    bins.apply("m", 0, OCCUPIED)
    bins.close(4650, WALL)
    assert bins.close(4700, WALL - 3600) == []
    later = bins.close(4650 + 3600 + 900, WALL - 3600)
    assert [b.start for b in later] == [WALL + 900 * n for n in range(1, 6)]
    assert {b.occupied for b in later} == {900}


def test_a_clock_that_is_put_back_and_slewed_since_writes_each_quarter_hour_again() -> None:
    bins = branch()
    bins.apply("m", 0, OCCUPIED)
    bins.close(4650, WALL)
    slewed = [bins.close(4650 + 900 * n, WALL - 3600 + 0.4 * n) for n in range(1, 5)]
    assert [(b.start - WALL) // 900 for closed in slewed for b in closed] == [1, 2, 3, 4]


def test_a_clock_that_ran_ahead_for_a_minute_costs_nothing() -> None:
    bins = branch()
    bins.apply("m", 0, OCCUPIED)
    stored = {b.start: b for b in bins.close(450, WALL + 86400)}
    stored |= {b.start: b for b in bins.close(510, WALL)}
    stored |= {b.start: b for b in bins.close(1050 + 900, WALL)}
    assert len(stored) > 90
    assert [stored[WALL + 900 * n].occupied for n in range(3)] == [900, 900, 0]


def test_a_clock_that_is_set_back_for_a_minute_takes_no_hour_from_what_was_seen() -> None:
    bins = branch()
    bins.apply("m", 0, OCCUPIED)
    bins.close(9150, WALL)
    assert bins.close(9200, WALL - 7200) == []
    assert bins.close(9260, WALL) == []
    assert [(b.start, b.occupied) for b in bins.close(10_050, WALL)] == [(WALL + 9000, 900)]


def test_a_clock_that_leaps_a_century_writes_400_days_and_keeps_none() -> None:
    bins, written = branch(), 0
    bins.close(1050, WALL)
    while closed := bins.close(1100, WALL + 36525 * 86400):
        assert len(closed) <= MAX_AT_ONCE
        written += len(closed)
    assert written == pytest.approx(400 * 96, abs=2)
    assert len(bins._closed) <= 2


def test_bins_stored_by_a_clock_far_ahead_are_written_again() -> None:
    bins = branch(next_start=WALL + int(REACH) + 3600)
    bins.apply("m", 0, FREE)
    assert bins.close(100, WALL) == []
    assert numbers(bins.close(1050, WALL)) == [(0, 0, 900, 0, 0)]


def test_48_h_of_unsynchronised_bins_wait_in_memory() -> None:
    bins = branch(next_start=None)
    for hour in range(48):
        bins.apply("m", hour * 3600, OCCUPIED)
        bins.apply("m", hour * 3600 + 1800, FREE)
        bins.forget(hour * 3600)
    now = 48 * 3600 + GRACE
    stored = [b for _ in range(3) for b in bins.close(now, WALL)]
    assert len(stored) == 192
    assert sum(b.occupied for b in stored) == 24 * 3600
    assert sum(b.observed for b in stored) == 48 * 3600
    assert all(b.revision == 0 for b in stored)


def test_what_an_earlier_boot_said_is_laid_in_front_once_time_is_known() -> None:
    bins = branch(began=10)
    bins.remember("m", WALL + 100, OCCUPIED)
    bins.remember("m", WALL + 500, UNKNOWN)
    bins.apply("m", 10, FREE)
    assert numbers(bins.close(1060, WALL + 890)) == [
        (0, 400, 400, 1, 0),
        (1, 0, 900, 0, 0),
    ]


# --- bounds and invariants --------------------------------------------------------------------


def test_a_timeline_is_bounded() -> None:
    timeline = Timeline(300)
    for at in range(3 * MAX_POINTS):
        timeline.apply(at, (FREE, OCCUPIED)[at % 2])
    assert timeline.measure(0, 3 * MAX_POINTS)[1] == MAX_POINTS


def test_a_timeline_forgets_what_is_older_but_not_the_status_of_then() -> None:
    timeline = Timeline(300)
    for at, status in ((0, FREE), (10, OCCUPIED), (20, FREE)):
        timeline.apply(at, status)
    timeline.forget(15)
    assert timeline.measure(15, 30) == (5, 15, 0)


@given(
    st.lists(st.tuples(st.integers(0, 9000), STATUSES), max_size=30),
    st.lists(st.integers(1, 2000), min_size=1, max_size=12),
)
def test_the_sum_over_all_bins_is_the_timeline_s_total(
    changes: list[tuple[int, Status]], rounds: list[int]
) -> None:
    bins, timeline, stored = branch(), Timeline(300), dict[int, Bin]()
    now = 0
    for number, pause in enumerate([*rounds, 20_000]):
        for at, status in changes[number :: len(rounds)]:
            bins.apply("m", at, status)
            timeline.apply(at, status)
        now += pause
        stored.update((b.start, b) for b in bins.close(now, WALL))
    end = float(len(stored) * 900)
    occupied, observed, sessions = timeline.measure(0, end)
    assert sum(b.occupied for b in stored.values()) == occupied
    assert sum(b.observed for b in stored.values()) == observed
    assert sum(b.sessions for b in stored.values()) == sessions
    assert all(0 <= b.occupied <= b.observed <= 900 for b in stored.values())


@given(
    st.lists(st.tuples(st.integers(1, 3000), st.integers(-4000, 4000)), min_size=1, max_size=10),
    st.lists(st.tuples(st.integers(0, 9000), STATUSES), max_size=12),
)
def test_whatever_the_wall_clock_does_no_moment_counts_twice_and_every_quarter_hour_has_its_bin(
    rounds: list[tuple[int, int]], changes: list[tuple[int, Status]]
) -> None:
    bins, timeline, stored = branch(), Timeline(300), list[Bin]()
    for at, status in sorted(changes, key=lambda pair: pair[0]):
        bins.apply("m", at, status)
        timeline.apply(at, status)
    now = offset = 0
    for pause, step in rounds:
        now, offset = now + pause, offset + step
        stored += bins.close(now, WALL + offset)
    starts = {b.start for b in stored if b.start >= WALL}
    assert starts == set(range(WALL, max(starts, default=0) + 1, 900))
    assert sum(b.observed for b in stored) <= timeline.measure(-10_000, 100_000)[1]
    assert all(b.observed <= 900 for b in stored)


@given(
    st.lists(st.tuples(st.integers(1, 3000), st.integers(-200_000, 200_000)), max_size=10),
    st.lists(st.tuples(st.integers(0, 40_000), STATUSES), max_size=12),
)
def test_from_the_moment_that_the_clock_is_right_the_history_is_whole(
    rounds: list[tuple[int, int]], changes: list[tuple[int, Status]]
) -> None:
    bins, timeline, stored = branch(), Timeline(300), dict[int, Bin]()
    for at, status in sorted(changes, key=lambda pair: pair[0]):
        bins.apply("m", at, status)
        timeline.apply(at, status)
    now = 0
    for pause, wrong in rounds:
        now += pause
        stored.update((b.start, b) for b in bins.close(now, WALL + wrong))
    for later in range(now, now + 9000, 60):
        stored.update((b.start, b) for b in bins.close(later, WALL))
    for start in range(-(-now // 900) * 900, now + 9000 - 1200, 900):
        one = stored[WALL + start]
        assert (one.occupied, one.observed, one.sessions) == timeline.measure(start, start + 900)


def test_a_start_in_the_same_boot_under_a_clock_that_is_ahead_counts_nothing_again() -> None:
    bins = Bins({"m": 300}, GRACE, 5000, WALL + 4500, counted=4500)
    bins.apply("m", 100, FREE)
    stored = bins.close(5700, WALL + 8 * 3600)
    assert sum(b.observed for b in stored) == 900


def test_a_start_in_the_same_boot_with_the_right_clock_counts_what_one_ahead_did_not() -> None:
    bins = Bins({"m": 300}, GRACE, 5000, WALL + 4500 + 8 * 3600, counted=4500)
    bins.apply("m", 100, FREE)
    assert numbers(bins.close(5550, WALL)) == [(5, 0, 900, 0, 0)]


@pytest.mark.parametrize("wrong", [-7 * 3600, -600, 8 * 3600])
def test_what_was_closed_by_a_guess_is_closed_where_it_belongs_once_time_is_known(
    wrong: int,
) -> None:
    bins = branch(next_start=WALL - 86_400)
    bins.apply("m", 0, OCCUPIED)
    stored = {b.start: b for b in bins.close(7200 + GRACE, WALL + wrong, guessed=True)}
    bins.redate(7200 + GRACE)
    for later in range(3):
        closed = bins.close(7201 + GRACE + later, WALL)
        stored.update((b.start, b) for b in closed)
    seen = {b.start - WALL: b.observed for b in stored.values() if b.observed}
    right = {start: seconds for start, seconds in seen.items() if 0 <= start < 7200}
    assert set(range(900, 7200, 900)) <= right.keys()
    assert sum(right.values()) <= 7200
    assert not any(start > wrong for start in seen if start < 0)


def test_of_what_a_guess_dated_no_more_is_written_again_than_is_remembered() -> None:
    bins, stored = branch(), dict[int, Bin]()
    bins.apply("m", 0, FREE)
    month = 30 * 86_400
    for now in range(0, month, 3600):
        bins.forget(now)
        stored.update((b.start, b) for b in bins.close(now, WALL - 3600, guessed=True))
    bins.redate(month)
    again = bins.close(month, WALL)
    assert min(b.start for b in again) >= WALL + month - 3600 - REACH
    stored.update((b.start, b) for b in again)
    for _ in range(3):
        stored.update((b.start, b) for b in bins.close(month, WALL))
    assert sum(b.observed for b in stored.values()) == pytest.approx(month, abs=2 * 900)


def test_a_power_cut_while_the_clock_was_set_back_takes_no_hour_that_is_stored() -> None:
    bins = Bins({"m": 300}, GRACE, 5000, WALL - 7200, reached=WALL + 3600)
    assert [(b.start - WALL) // 900 for b in bins.close(5550, WALL)] == [4, 5]


def test_what_an_earlier_boot_said_has_another_place_once_the_clock_is_put_right() -> None:
    bins = branch(began=1000)
    bins.remember("m", WALL + 100, OCCUPIED)
    bins.remember("m", WALL + 500, UNKNOWN)
    assert bins.close(1001, WALL - 3600) == []
    assert numbers(bins.close(1060, WALL)) == [(0, 400, 400, 1, 0)]
