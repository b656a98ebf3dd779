"""How a branch stands, step by step; distances; merged rows as quarter hours."""

from typing import Any

import pytest

from gateway.chain import Summary
from gateway.core.digests import Row
from gateway.core.distance import kilometres
from gateway.core.events import Cause, Status
from gateway.core.merged import quarters
from gateway.hub.live import Standing, changes, hear, hush, tell


def summary(seq: int = 1, as_of: float = 100.0, epoch: str = "e", **machines: Any) -> Summary:
    told: dict[str, tuple[str, float | None, str | None]] = {
        name: (status, as_of, "observed") for name, status in machines.items()
    }
    return Summary(
        gym_id="g", epoch=epoch, seq=seq, as_of=as_of, open=True, machines=told, categories=()
    )


def test_what_changed_is_told_and_nothing_else() -> None:
    was = tell(Standing("g"), summary(a="free", b="free"), 100.0)
    told = summary(2, 200.0, b="occupied")
    told.machines["a"] = ("free", 100.0, "observed")
    (only,) = changes(was, tell(was, told, 200.0))
    assert (only.machine, only.now.status, only.now.timestamp) == ("b", Status.OCCUPIED, 200.0)


def test_a_status_of_which_nobody_knows_since_when_has_not_changed() -> None:
    first, second = summary(1, 100.0, a="free"), summary(2, 200.0, a="free")
    for told in (first, second):
        told.machines["a"] = ("free", None, "observed")
    was = tell(Standing("g"), first, 100.0)
    assert not changes(was, tell(was, second, 200.0))


@pytest.mark.parametrize(
    ("seq", "as_of", "epoch"), [(1, 300.0, "e"), (2, 200.0, "e"), (9, 100.0, "f")]
)
def test_an_older_summary_says_nothing(seq: int, as_of: float, epoch: str) -> None:
    was = tell(Standing("g"), summary(2, 200.0, a="free"), 200.0)
    assert tell(was, summary(seq, as_of, epoch, a="occupied"), 400.0) is was


def test_offline_lasts_until_the_branch_tells_how_it_stands() -> None:
    was = hush(tell(Standing("g"), summary(a="free"), 100.0), "offline", 150.0)
    assert was.now("a")[:2] == (Status.UNKNOWN, Cause.SILENT)
    assert hear(was, 160.0).now("a").status is Status.UNKNOWN
    assert tell(was, summary(1, 170.0, a="free"), 170.0).now("a").status is Status.FREE


def test_any_word_ends_silence() -> None:
    was = hush(tell(Standing("g"), summary(a="free"), 100.0), "silent", 150.0)
    assert hear(was, 160.0).now("a").status is Status.FREE


def test_a_cause_that_we_do_not_know_is_an_observation() -> None:
    told = summary(a="free")
    told.machines["a"] = ("free", None, "telepathy")
    assert tell(Standing("g"), told, 1.0).now("a").cause is Cause.OBSERVED


def test_a_merged_hour_is_spread_over_what_no_finer_row_has() -> None:
    hour = Row("a", 0, 0, 18_000, 36_000, 5, 3600)
    fine = Row("a", 900, 0, 9000, 9000, 2)
    found = quarters([hour, fine])
    assert [(one.occupied, one.sessions) for one in found] == [
        (300, 1),
        (900, 2),
        (300, 1),
        (300, 1),
    ]
    assert sum(one.occupied for one in found) == 1800


def test_fine_rows_of_the_whole_span_hide_the_merged_one() -> None:
    fine = [Row("a", start, 0, 10, 9000, 0) for start in range(0, 3600, 900)]
    assert [one.occupied for one in quarters([Row("a", 0, 0, 1, 1, 0, 3600), *fine])] == [1.0] * 4


def test_hong_kong_and_tokyo_are_2880_km_apart() -> None:
    assert kilometres((22.3, 114.2), (35.7, 139.7)) == pytest.approx(2880, rel=0.01)
    assert kilometres((0, 179.9), (0, -179.9)) == pytest.approx(22.2, rel=0.01)
