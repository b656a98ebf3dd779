"""What the forecast has learned outlives any clock, and it follows one that is put right."""

from zoneinfo import ZoneInfo

import pytest

from gateway.core.events import Status
from gateway.core.forecast import Forecast
from gateway.core.forecast_state import restore, saved
from tests.unit.test_forecast import DAY, END, HOUR, free, learned

FREE, OCCUPIED = Status.FREE, Status.OCCUPIED
CENTURY = 36_525 * DAY


def tell(forecast: Forecast, at: float, status: Status) -> None:
    forecast.follow(at)
    forecast.learn("bench", status, at)


@pytest.mark.parametrize("years", [1, 30, 110])
def test_a_clock_that_leaps_by_years_and_is_put_back_makes_it_forget_nothing(years: int) -> None:
    wrong, right = learned(), learned()
    leapt = END + 8 * HOUR + years * CENTURY / 100
    for minute, status in enumerate((OCCUPIED, FREE)):
        tell(wrong, leapt + 60 * minute, status)
    free(wrong, leapt + 2 * HOUR)  # somebody looks
    tell(wrong, END + 9 * HOUR, OCCUPIED)
    tell(wrong, END + 9.5 * HOUR, FREE)
    for forecast in (wrong, right):
        tell(forecast, END + 18 * HOUR, OCCUPIED)
    assert free(wrong, END + 18.1 * HOUR) == pytest.approx(free(right, END + 18.1 * HOUR), abs=0.05)


def test_after_a_clock_is_put_back_it_knows_what_is_now() -> None:
    forecast = learned()
    tell(forecast, END + 17 * HOUR, OCCUPIED)
    tell(forecast, END + 9.1 * HOUR, FREE)
    told = forecast.predict("bench", END + 9.2 * HOUR)
    assert told is not None
    assert told.expected_free_at is None


def test_a_start_with_the_right_clock_goes_on_from_what_a_wrong_one_saved() -> None:
    before, after = learned(), Forecast(ZoneInfo("UTC"))
    tell(before, END + CENTURY, OCCUPIED)
    restore(after, saved(before))
    tell(after, END + 9 * HOUR, FREE)
    assert free(after, END + 9.1 * HOUR) > 0.8 > free(after, END + 18.1 * HOUR)
