"""What a preview says to a technician."""

import pytest

from gateway.cli.foreseen import foreseen


def outline(minutes: float, sessions: int, observed: float = 3600.0) -> dict[str, float]:
    return {
        "occupiedSeconds": minutes * 60,
        "observedSeconds": observed,
        "sessions": sessions,
    }


def preview(hours: float, **more: object) -> dict[str, object]:
    usual = {"since": 0.0, "until": hours * 3600, "step": 10.0, "coverage": hours / 24}
    return {**usual, "now": outline(212, 31), "then": outline(187, 1), **more}


def test_a_whole_day_is_told_in_three_lines() -> None:
    assert list(foreseen(preview(23.9))) == [
        "The last 23.9 h:",
        "as it is         in use 212 min, sessions: 31",
        "under this       in use 187 min, sessions: 1",
    ]


@pytest.mark.parametrize(("hours", "told"), [(1.5, "90 min"), (7, "7.0 h")])
def test_less_than_a_day_is_told_to_be_all_that_is_remembered(hours: float, told: str) -> None:
    assert next(foreseen(preview(hours))) == f"The last {told}, all that is remembered:"


def test_what_cannot_be_known_is_no_zero() -> None:
    assert "as it is         unknown" in foreseen(preview(24, now=outline(0, 0, 0.0)))
    (line,) = foreseen(preview(24, since=None, until=None))
    assert "no levels are remembered yet" in line


def test_gaps_are_told_and_the_first_minutes_are_none() -> None:
    assert list(foreseen(preview(24, coverage=0.25)))[-1] == "known            6.0 h of it"
    assert len(list(foreseen(preview(0.1, coverage=0.001)))) == 3


def test_a_thinned_day_is_told() -> None:
    assert list(foreseen(preview(24, step=80.0)))[-1] == "remembered       ten seconds of each 80 s"
