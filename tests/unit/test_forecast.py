"""The forecast learns a branch's habits, says how sure it is, and never guesses what it cannot."""

import random
from zoneinfo import ZoneInfo

import pytest

from gateway.core.events import Status
from gateway.core.forecast import Forecast
from gateway.core.forecast_state import restore, saved
from gateway.core.usage import WEEK, Durations, lasting, until

FREE, OCCUPIED = Status.FREE, Status.OCCUPIED
MONDAY = 1_700_438_400.0  # 2023-11-20, midnight UTC
HOUR, DAY = 3600.0, 86_400.0


def learned(weeks: int = 6, session: float = 1200.0) -> Forecast:
    """A machine that is used each evening from 18 to 20, free for 5 minutes in between."""
    forecast = Forecast(ZoneInfo("UTC"))
    forecast.learn("bench", FREE, MONDAY)
    for day in range(7 * weeks):
        at = MONDAY + day * DAY + 18 * HOUR
        while at < MONDAY + day * DAY + 20 * HOUR:
            forecast.learn("bench", OCCUPIED, at)
            forecast.learn("bench", FREE, at + session)
            at += session + 300
    return forecast


END = MONDAY + 6 * WEEK


def free(forecast: Forecast, at: float, horizon: float = 1800.0) -> float:
    told = forecast.predict("bench", at, horizon)
    assert told is not None
    return told.probability_free


def test_in_the_morning_it_is_likelier_free_than_in_the_evening() -> None:
    forecast = learned()
    assert free(forecast, END + 9 * HOUR) > 0.9 > free(forecast, END + 18.1 * HOUR)


def test_a_session_ends_when_such_sessions_end() -> None:
    forecast = learned()
    forecast.learn("bench", OCCUPIED, END + 18 * HOUR)
    told = forecast.predict("bench", END + 18 * HOUR + 600)
    assert told is not None
    assert told.expected_free_at is not None
    assert told.interval is not None
    assert told.interval[0] < told.expected_free_at < told.interval[1]
    assert abs(told.expected_free_at - (END + 18 * HOUR + 1200)) < 240


def test_while_free_it_tells_no_time() -> None:
    told = learned().predict("bench", END + 9 * HOUR)
    assert told is not None
    assert (told.expected_free_at, told.interval) == (None, None)


@pytest.mark.parametrize("status", [Status.UNKNOWN, Status.OUT_OF_SERVICE])
def test_of_what_is_not_known_now_nothing_is_foretold(status: Status) -> None:
    forecast = learned()
    forecast.learn("bench", status, END)
    assert forecast.predict("bench", END + 1) is None
    assert forecast.predict("nobody", END) is None


def test_unknown_time_is_neither_free_nor_occupied() -> None:
    forecast = learned()
    before = forecast.usual("bench", END, END + 9 * HOUR)
    forecast.learn("bench", Status.UNKNOWN, END)
    forecast.learn("bench", FREE, END + DAY - 1)
    assert forecast.usual("bench", END + DAY, END + 9 * HOUR) == pytest.approx(before, abs=0.01)


def test_it_says_how_much_it_knows() -> None:
    forecast = Forecast(ZoneInfo("UTC"))
    forecast.learn("bench", FREE, MONDAY)
    told = forecast.predict("bench", MONDAY + 60)
    assert told is not None
    assert told.basis == "machines like this one"
    told = learned().predict("bench", END)
    assert told is not None
    assert told.basis == "6 weeks of this machine"


def test_when_the_branch_is_closed_nothing_is_foretold_and_nothing_learned() -> None:
    forecast = Forecast(ZoneInfo("UTC"), is_open=lambda wall: wall < MONDAY + HOUR)
    forecast.learn("bench", FREE, MONDAY)
    assert forecast.predict("bench", MONDAY + 0.9 * HOUR) is None
    assert forecast.predict("bench", MONDAY + 0.4 * HOUR) is not None


def evenings(forecast: Forecast, first: float, days: int) -> None:
    """Half of the use: one session an hour from 18 to 20."""
    for day in range(days):
        for hour in (18, 19):
            forecast.learn("bench", OCCUPIED, first + day * DAY + hour * HOUR)
            forecast.learn("bench", FREE, first + day * DAY + hour * HOUR + 1200)


def test_half_the_use_is_believed_within_two_weeks() -> None:
    changed, always = learned(6), Forecast(ZoneInfo("UTC"))
    always.learn("bench", FREE, MONDAY)
    evenings(always, MONDAY, 56)
    evenings(changed, END, 14)
    at = END + 2 * WEEK + 18.5 * HOUR
    assert free(changed, at) == pytest.approx(free(always, at), abs=0.1)
    assert free(changed, at) > free(learned(8), at)


def test_of_several_one_is_likelier_free_than_of_one() -> None:
    forecast = learned()
    for name in ("a", "b"):
        forecast.learn(name, OCCUPIED, END)
    one, any_ = forecast.predict("a", END + 60), forecast.predict_any(["a", "b"], END + 60)
    assert one is not None
    assert any_ is not None
    assert any_.probability_free > one.probability_free


def test_what_was_learned_survives_a_restart() -> None:
    forecast, again = learned(), Forecast(ZoneInfo("UTC"))
    restore(again, saved(forecast))
    for hour in (9, 17.8, 19):
        at = END + hour * HOUR
        assert free(again, at) == pytest.approx(free(forecast, at), abs=1e-3)


def test_a_damaged_state_is_refused() -> None:
    rows = saved(learned(1))
    with pytest.raises(ValueError, match="numbers"):
        restore(Forecast(ZoneInfo("UTC")), [*rows[:1], type(rows[1])("bench", rows[1].state[:-4])])


@pytest.mark.parametrize("size", [0, 1, 10, 43, 45, 101])
def test_a_state_of_any_length_is_refused_and_breaks_nothing(size: int) -> None:
    rows = saved(learned(1))
    with pytest.raises(ValueError, match="bytes"):
        restore(Forecast(ZoneInfo("UTC")), [type(rows[1])("bench", rows[1].state[:size])])


def test_years_of_weights_stay_finite() -> None:
    forecast = Forecast(ZoneInfo("UTC"))
    for week in range(52 * 20):
        forecast.learn("bench", OCCUPIED, MONDAY + week * WEEK)
        forecast.learn("bench", FREE, MONDAY + week * WEEK + 1200)
    assert 0 < free(forecast, MONDAY + 52 * 20 * WEEK) < 1


def test_a_hundred_machines_take_little_room() -> None:
    forecast, chance = Forecast(ZoneInfo("UTC")), random.Random(1)
    for number in range(100):
        at = MONDAY
        for _ in range(20):
            forecast.learn(f"m{number}", OCCUPIED, at)
            forecast.learn(f"m{number}", FREE, at + chance.uniform(60, 3600))
            at += 7200
    assert sum(len(row.state) for row in saved(forecast)) < 400_000


def test_durations_last_as_they_lasted() -> None:
    durations = Durations()
    for minutes in range(1, 61):
        durations.add(minutes * 60.0, 1.0)
    assert lasting(durations.counts, 0.0, 1800.0) == pytest.approx(0.5, abs=0.06)
    assert lasting(durations.counts, 1800.0, 900.0) == pytest.approx(0.5, abs=0.1)
    assert until(durations.counts, 0.0, 0.5) == pytest.approx(1800.0, rel=0.1)


def test_a_change_that_nobody_can_date_is_not_learned() -> None:
    forecast = Forecast(ZoneInfo("UTC"))
    forecast.learn("bike", Status.OCCUPIED, MONDAY)
    forecast.lose("bike")
    forecast.learn("bike", Status.OCCUPIED, MONDAY + 50 * HOUR)
    forecast.learn("bike", Status.FREE, MONDAY + 51 * HOUR)
    assert forecast.pasts["bike"].seconds == pytest.approx(HOUR)


def test_a_machine_goes_on_where_the_one_it_replaces_stood() -> None:
    forecast = learned()
    week = forecast.pasts["bench"].week
    forecast.inherit("new", "bench")
    assert forecast.predict("new", END) is None  # what it is now, it must say itself
    forecast.learn("new", FREE, END)
    assert [*forecast.pasts] == ["new"]
    assert forecast.pasts["new"].week is week


def test_a_machine_that_is_no_more_is_forgotten() -> None:
    forecast = learned()
    forecast.keep_only(["other"])
    assert not forecast.pasts
