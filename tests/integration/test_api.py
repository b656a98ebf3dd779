"""REST as SPEC's examples show it, over real sockets."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.core.events import Status
from gateway.core.forecast import Prediction
from tests.integration.memory_model import GYM, NOW
from tests.integration.served import Served, serving


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    async with serving(hosts=("gym.local",)) as served:
        yield served


async def test_branches_have_coordinates_and_counts(api: Served) -> None:
    api.publish("leg-press-01", Status.OCCUPIED)
    reply = await api.json("/branches")
    (branch,) = reply["branches"]
    assert reply["asOf"] == NOW
    assert branch.pop("categories")[0] == {
        "category": "legs",
        "name": "Legs",
        "total": 2,
        "free": 0,
        "occupied": 1,
        "unknown": 1,
        "outOfService": 0,
    }
    assert branch == {
        "gymId": GYM,
        "name": "Central",
        "latitude": 22.2819,
        "longitude": 114.1582,
        "timezone": "Asia/Hong_Kong",
        "open": True,
        "source": "local",
        "asOf": NOW,
    }


async def test_branches_come_with_their_distance_from_a_place(api: Served) -> None:
    (branch,) = (await api.json("/branches?near=22.28,114.16"))["branches"]
    assert branch["distanceKm"] < 1


@pytest.mark.parametrize(
    "place", ["here", "22.28", "90.1,0", "0,180.01", "1e1,1", "1,2,3", "01,1", ""]
)
async def test_a_place_that_is_none_is_refused(api: Served, place: str) -> None:
    told = await api.json(f"/branches?near={place}", 422)
    assert told["errors"][0]["pointer"] == "/near"


async def test_a_branch_reads_as_in_the_list(api: Served) -> None:
    (branch,) = (await api.json("/branches"))["branches"]
    assert await api.json(f"/branches/{GYM}") == branch


async def test_a_category_lists_its_machines(api: Served) -> None:
    reply = await api.json(f"/branches/{GYM}/categories/legs/machines")
    assert (reply["gymId"], reply["category"], reply["asOf"]) == (GYM, "legs", NOW)
    assert [machine["machineId"] for machine in reply["machines"]] == [
        "leg-press-01",
        "leg-press-02",
    ]
    assert reply["machines"][0] == {
        "machineId": "leg-press-01",
        "gymId": GYM,
        "name": "Leg press 01",
        "category": "legs",
        "status": "unknown",
        "cause": "start",
        "timestamp": NOW,
        "lastChange": NOW - 40,
        "position": None,
        "metadata": {"maker": "Technogym"},
        "alertEligible": True,
        "alertIneligibleReason": None,
        "likelyFreeIn30m": None,
        "expectedFreeAt": None,
    }


async def test_a_machine_reads_the_same_by_its_short_and_its_full_path(api: Served) -> None:
    short = await api.json("/machines/leg-press-01")
    assert short["machineId"] == "leg-press-01"
    assert short["asOf"] == NOW
    assert await api.json(f"/branches/{GYM}/machines/leg-press-01") == short


async def test_history_has_bins_and_the_usual_week(api: Served) -> None:
    reply = await api.json("/machines/leg-press-01/history?hours=24")
    assert (reply["machineId"], reply["gymId"]) == ("leg-press-01", GYM)
    assert reply["to"] - reply["from"] == 86400
    assert reply["from"] % 900 == 0
    assert (reply["binSeconds"], reply["timezone"]) == (900, "Asia/Hong_Kong")
    assert reply["bins"][0] == {
        "start": reply["from"],
        "occupancyRatio": 0.53,
        "occupiedSeconds": 477,
        "observedSeconds": 900,
        "sessions": 2,
    }
    patterns = reply["patterns"]
    assert (len(patterns["weekday"]), len(patterns["weekday"][0])) == (7, 96)
    assert (patterns["busiest"], patterns["quietest"]) == (["18:00"], ["14:15"])


async def test_24_hours_are_96_bins_and_only_the_last_one_is_open(api: Served) -> None:
    bins = (await api.json("/machines/leg-press-01/history"))["bins"]
    assert len(bins) == 96
    assert [done.get("open", False) for done in bins] == [False] * 95 + [True]


async def test_history_takes_from_and_to(api: Served) -> None:
    reply = await api.json(
        f"/branches/{GYM}/machines/bench-01/history?from=1634482800&to=1634486400"
    )
    assert (reply["from"], reply["to"], len(reply["bins"])) == (1634482800, 1634486400, 4)


async def test_history_comes_as_csv_too(api: Served) -> None:
    reply = await api.get("/machines/bench-01/history?format=csv&hours=1")
    assert reply.headers["Content-Type"].startswith("text/csv")
    lines = (await reply.text()).splitlines()
    assert lines[0] == "start,occupancyRatio,occupiedSeconds,observedSeconds,sessions,open"
    assert lines[1].endswith(",0.53,477,900,2,false")
    assert lines[-1].endswith(",true")


@pytest.mark.parametrize(
    "path", ["/branches", f"/branches/{GYM}", "/machines/bench-01", "/machines/bench-01/history"]
)
async def test_replies_say_that_the_clock_is_not_right(api: Served, path: str) -> None:
    api.model.clock_is_right = False
    assert (await api.json(path))["clock"] == "unsynchronised"


async def test_who_has_the_newest_gets_304(api: Served) -> None:
    first = await api.get("/branches")
    assert first.headers["Cache-Control"] == "no-cache"
    assert not first.headers["ETag"].startswith("W/")
    again = await api.get("/branches", If_None_Match=first.headers["ETag"])
    assert (again.status, await again.read()) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]


async def test_an_event_makes_what_was_ready_old(api: Served) -> None:
    first = await api.get("/machines/bench-01")
    api.publish("bench-01", Status.OCCUPIED)
    again = await api.get("/machines/bench-01", If_None_Match=first.headers["ETag"])
    assert again.status == 200
    assert (await again.json())["status"] == "occupied"


async def test_what_is_ready_is_not_read_again(api: Served) -> None:
    await api.get("/branches")
    reads = api.model.reads
    await asyncio.gather(*(api.get("/branches") for _ in range(5)))
    assert api.model.reads == reads


async def test_a_correction_of_the_clock_drops_history_too(api: Served) -> None:
    api.model.clock_is_right = False
    await api.json("/machines/bench-01/history")
    api.model.clock_is_right = True
    api.server.reset_streams("clock")
    assert "clock" not in await api.json("/machines/bench-01/history")


async def test_the_page_and_its_files_have_their_types(api: Served) -> None:
    page = await api.get("/")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    script = await api.get("/web/phone/app.js")
    assert script.headers["Content-Type"] == "text/javascript; charset=utf-8"
    again = await api.get("/web/phone/app.js", If_None_Match=script.headers["ETag"])
    assert again.status == 304


async def test_the_page_needs_no_inline_code_and_no_other_site(api: Served) -> None:
    text = await (await api.get("/")).text()
    assert "http://" not in text
    assert "https://" not in text
    assert "style=" not in text
    assert " on" + "click" not in text
    modules = text.count('<script type="module" src="/web/')
    words = text.count('<script type="application/json" id="words">')  # no code: data
    assert text.count("<script") == modules + words


async def test_a_machine_has_a_code_that_leads_to_its_page(api: Served) -> None:
    reply = await api.get("/machines/leg-press-01/qr.svg")
    assert (reply.status, reply.content_type) == (200, "image/svg+xml")
    assert (await reply.read()).startswith(b"<svg ")
    again = await api.get("/machines/leg-press-01/qr.svg", If_None_Match=reply.headers["ETag"])
    assert again.status == 304
    assert (await api.get("/machines/nowhere/qr.svg")).status == 404


async def test_a_prediction_in_the_history_is_of_the_status_now(api: Served) -> None:
    api.publish("leg-press-01", Status.OCCUPIED)
    api.model.foretold["leg-press-01"] = Prediction(1800.0, 0.25, None, None, "learned")
    path = "/machines/leg-press-01/history"
    assert (await api.json(path))["prediction"]["probabilityFree"] == 0.25
    api.model.foretold["leg-press-01"] = Prediction(1800.0, 0.9, None, None, "learned")
    api.publish("leg-press-01")
    assert (await api.json(path))["prediction"]["probabilityFree"] == 0.9
