"""What a request for history may say."""

import pytest
from aiohttp.test_utils import make_mocked_request

from gateway.api.history import span
from gateway.api.query import Query
from gateway.core.errors import InvalidError

NOW = 1634567890.0


def asked(query: str) -> tuple[float, float, str]:
    request = make_mocked_request("GET", f"/machines/m/history?{query}")
    return span(Query(request, ("hours", "from", "to", "format")), NOW)


def test_by_default_it_is_a_day_up_to_the_end_of_the_running_bin() -> None:
    assert asked("") == (1634568300 - 86400, 1634568300, "json")


def test_at_a_quarter_hour_the_running_bin_is_the_one_that_begins() -> None:
    request = make_mocked_request("GET", "/machines/m/history?hours=1")
    start, end, _ = span(Query(request, ("hours",)), 1634568300.0)
    assert (start, end) == (1634568300 - 2700, 1634568300 + 900)


def test_from_alone_goes_up_to_now() -> None:
    assert asked("from=1634482800") == (1634482800, 1634568300, "json")


def test_to_alone_is_the_day_before_it() -> None:
    assert asked("to=1634482800&format=csv") == (1634482800 - 86400, 1634482800, "csv")


def test_31_days_are_the_most() -> None:
    assert asked("hours=744")[0] == 1634568300 - 31 * 86400
    with pytest.raises(InvalidError, match="31 days"):
        asked("from=1600000000&to=1634482800")


def test_every_fault_is_named() -> None:
    with pytest.raises(InvalidError) as refused:
        asked("hours=x&from=y&to=z&format=q&color=red")
    pointers = [fault.pointer for fault in refused.value.faults]
    assert set(pointers) == {"/hours", "/from", "/to", "/format", "/color"}


def test_a_pointer_is_escaped() -> None:
    with pytest.raises(InvalidError) as refused:
        asked("a/b~c=1")
    assert refused.value.faults[0].pointer == "/a~1b~0c"
