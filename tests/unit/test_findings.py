"""Over hours a sensor shows what somebody should look at."""

from collections.abc import Callable

import pytest

from gateway.core.events import Status
from gateway.core.findings import HOUR, MOST_CHANGES, NEVER, Finding, Past, findings

FREE, OCCUPIED = Status.FREE, Status.OCCUPIED


def always(_at: float) -> bool:
    return True


def found(
    past: Past,
    now: float,
    battery: float | None = None,
    is_open: Callable[[float], bool] = always,
) -> list[Finding]:
    return findings(past, battery, now, is_open, lambda at, seconds: at + seconds)


@pytest.mark.parametrize(("battery", "weak"), [(None, False), (16, False), (15, True), (0, True)])
def test_a_weak_battery_is_told(battery: float | None, *, weak: bool) -> None:
    assert (Finding.BATTERY_WEAK in found(Past(0), 1, battery)) is weak


def test_sixty_changes_in_an_hour_are_flapping_and_over_two_are_not() -> None:
    for pause, flaps in ((50.0, True), (120.0, False)):
        past = Past(0)
        for turn in range(MOST_CHANGES):
            past.look((FREE, OCCUPIED)[turn % 2], turn * pause)
        assert (Finding.FLAPPING in found(past, MOST_CHANGES * pause)) is flaps


def test_occupied_through_a_closed_hour_is_stuck() -> None:
    past, closing = Past(0), 10 * HOUR
    past.look(OCCUPIED, 9 * HOUR)
    closed: Callable[[float], bool] = lambda at: at < closing  # noqa: E731  one expression
    assert found(past, closing + 1800, is_open=closed) == []
    assert found(past, closing + HOUR, is_open=closed) == [Finding.STUCK_OCCUPIED]
    past.look(FREE, closing + HOUR)
    assert found(past, closing + HOUR, is_open=closed) == []


def test_free_through_forty_opening_hours_is_never_occupied() -> None:
    past = Past(0)
    past.look(FREE, 1)
    assert found(past, NEVER - 1) == []
    assert found(past, NEVER) == [Finding.NEVER_OCCUPIED]
    past.look(OCCUPIED, NEVER)
    past.look(FREE, NEVER + 60)
    assert found(past, NEVER + 60) == []


def test_what_is_unknown_is_no_finding_of_its_own() -> None:
    past = Past(0)
    past.look(Status.UNKNOWN, 1)
    assert found(past, 10 * NEVER) == []
