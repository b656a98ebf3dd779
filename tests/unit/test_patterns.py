"""The usual week of a machine."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.patterns import HOURS_NAMED, SLOTS, Ratio, Week, busiest, mean


def always(_slot: int) -> bool:
    return True


def a_day(**ratios: float) -> list[Ratio]:
    """`h18=0.9`: at 18:00 it was so; elsewhere nothing was observed."""
    day: list[Ratio] = [None] * SLOTS
    for name, ratio in ratios.items():
        day[int(name[1:]) * 4] = ratio
    return day


def test_a_ratio_is_over_all_the_time_observed_in_its_slot() -> None:
    week = Week()
    week.add(2, 40, 900, 900)
    week.add(2, 40, 0, 300)
    assert week.ratios()[2][40] == 0.75


def test_a_slot_never_observed_has_no_ratio() -> None:
    ratios = Week().ratios()
    assert [len(day) for day in ratios] == [SLOTS] * 7
    assert all(ratio is None for day in ratios for ratio in day)


@given(
    st.integers(0, 6),
    st.integers(0, SLOTS - 1),
    st.lists(st.integers(0, 900), min_size=SLOTS, max_size=SLOTS),
)
def test_a_day_added_at_once_is_96_quarter_hours_in_a_row(
    weekday: int, slot: int, occupied: list[int]
) -> None:
    at_once, one_by_one = Week(), Week()
    at_once.add_day(weekday, slot, occupied, [900] * SLOTS)
    for number, busy in enumerate(occupied, slot):
        one_by_one.add((weekday + number // SLOTS) % 7, number % SLOTS, busy, 900)
    assert at_once.ratios() == one_by_one.ratios()


def test_a_day_that_begins_on_sunday_ends_on_monday() -> None:
    week = Week()
    week.add_day(6, 95, [900.0] + [0.0] * 95, [900.0] * SLOTS)
    assert (week.ratios()[6][95], week.ratios()[0][0]) == (1, 0)


def test_the_busiest_and_the_quietest_moments_are_named_best_first() -> None:
    day = a_day(h6=0.1, h9=0.5, h12=0.2, h18=0.9, h20=0.7)
    assert busiest(day, always) == (("18:00", "20:00", "09:00"), ("06:00", "12:00", "09:00"))


def test_of_equal_moments_the_earlier_comes_first() -> None:
    day = a_day(h6=0.5, h9=0.5, h12=0.5, h18=0.5)
    assert busiest(day, always) == (("06:00", "09:00", "12:00"),) * 2


def test_a_closed_gym_is_not_quiet() -> None:
    day = a_day(h3=0.0, h6=0.1, h9=0.5)
    assert busiest(day, lambda slot: slot >= 24) == (("09:00", "06:00"), ("06:00", "09:00"))


def test_what_was_not_observed_is_neither_busy_nor_quiet() -> None:
    assert busiest([None] * SLOTS, always) == ((), ())


def test_few_moments_are_named() -> None:
    busy, quiet = busiest([slot % 12 / 12 for slot in range(SLOTS)], always)
    assert len(busy) == len(quiet) == HOURS_NAMED
    assert (busy[0], quiet[0]) == ("02:45", "00:00")


def test_the_hours_around_a_peak_are_no_peaks_of_their_own() -> None:
    slopes = [1 - abs(slot - 72) / SLOTS for slot in range(SLOTS)]
    assert busiest(slopes, always) == (("18:00",), ("00:00",))


def test_a_night_on_which_nothing_happens_is_one_quiet_time() -> None:
    day = [0.0 if slot < 24 or slot >= 92 else 0.5 for slot in range(SLOTS)]
    assert busiest(day, always)[1][0] == "00:00"
    assert not {"00:15", "02:00", "05:45", "23:45"} & set(busiest(day, always)[1])


def test_a_branchs_week_is_the_mean_of_those_that_were_observed() -> None:
    weeks = [[a_day(h18=0.9)] * 7, [a_day(h18=0.3, h9=0.5)] * 7, [a_day()] * 7]
    week = mean(weeks)
    assert (week[3][18 * 4], week[3][9 * 4], week[3][0]) == (0.6, 0.5, None)
