"""Recordings and previews over the API."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sensors.sample import Sample
from tests.integration.served import Served, serving

SENSOR = "/sensors/leg-press-01"


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


async def technician(api: Served) -> dict[str, str]:
    return {"Authorization": f"Bearer {await api.key('technician')}"}


async def test_what_is_said_meanwhile_is_exported_as_lines(api: Served) -> None:
    who = await technician(api)
    reply = await api.call("POST", f"{SENSOR}/recordings", {"seconds": 30}, **who)
    begun: Any = await reply.json()
    assert (reply.status, begun["complete"], begun["samples"]) == (201, False, 0)
    api.recordings.add("leg-press-01", Sample(None, 80.0, "W", {"power_w": 80.0}), time.monotonic())
    listed = await (await api.call("GET", f"{SENSOR}/recordings", **who)).json()
    assert [one["samples"] for one in listed["recordings"]] == [1]
    reply = await api.call("GET", f"{SENSOR}/recordings/{begun['recordingId']}", **who)
    assert reply.content_type == "application/x-ndjson"
    line = json.loads(await reply.text())
    assert line["levels"] == {"power_w": 80.0}
    assert abs(line["at"] - time.time()) < 5


async def test_a_second_recording_of_it_is_a_conflict(api: Served) -> None:
    who = await technician(api)
    for status in (201, 409):
        reply = await api.call("POST", f"{SENSOR}/recordings", {"seconds": 30}, **who)
        assert reply.status == status
    assert "being recorded already" in (await reply.json())["detail"]


@pytest.mark.parametrize("body", [{"seconds": 0}, {"seconds": 3601}, {"second": 1}, []])
async def test_a_bad_length_is_refused(api: Served, body: object) -> None:
    reply = await api.call("POST", f"{SENSOR}/recordings", body, **await technician(api))
    assert reply.status == 422


@pytest.mark.parametrize("path", ["/sensors/nobody/recordings", f"{SENSOR}/recordings/r{'0' * 16}"])
async def test_what_is_not_there_is_404(api: Served, path: str) -> None:
    assert (await api.call("GET", path, **await technician(api))).status == 404


async def test_a_preview_tells_what_the_day_would_have_been_and_changes_nothing(
    api: Served,
) -> None:
    who, now = await technician(api), time.monotonic()
    for seconds in range(0, 3600, 10):
        watts = 100.0 if 600 <= seconds < 1200 else 5.0
        api.trails.add("leg-press-01", None, {"power_w": watts}, now - 3600 + seconds)
    body = {"limits": {"power_w": {"floor": 0.0, "limit": 50.0}}}
    reply = await api.call("POST", f"{SENSOR}/calibration/preview", body, **who)
    told = await reply.json()
    assert (told["now"]["sessions"], told["then"]["sessions"]) == (0, 1)
    assert 590 <= told["then"]["occupiedSeconds"] <= 700
    assert abs(told["until"] - time.time()) < 30
    assert told["differences"][0]["then"] == "free"
    assert api.hearings["leg-press-01"].version is None
    assert 0.04 < told["coverage"] <= 3600 / 86400 + 0.001
    assert told["now"]["observedSeconds"] == 0  # watts alone say nothing


async def test_a_preview_of_a_whole_day_does_not_hold_up_the_others(api: Served) -> None:
    who, now = await technician(api), time.monotonic()
    gates = {f"move_g{gate}": 5.0 for gate in range(9)}
    for seconds in range(0, 86_400, 10):
        api.trails.add("leg-press-01", None, gates, now - 86_400 + seconds)
    body = {"limits": {name: {"floor": 5.0, "limit": 50.0} for name in gates}}
    asked = asyncio.create_task(api.call("POST", f"{SENSOR}/calibration/preview", body, **who))
    turns = 0
    while not asked.done():
        await asyncio.sleep(0.001)
        turns += 1
    told = await (await asked).json()
    assert (told["points"], told["step"]) == (8640, 10)
    assert told["coverage"] > 0.99
    assert turns > 10  # of the loop: in the loop itself it would be two


async def test_a_preview_without_memory_says_so(api: Served) -> None:
    who = await technician(api)
    reply = await api.call("POST", f"{SENSOR}/calibration/preview", {"limits": None}, **who)
    told = await reply.json()
    assert (told["since"], told["points"], told["differences"]) == (None, 0, [])


async def test_thresholds_outside_the_scale_are_refused_in_a_preview_too(api: Served) -> None:
    who = await technician(api)
    body = {"limits": {"power_w": {"floor": 5.0, "limit": 5.0}}}
    reply = await api.call("POST", f"{SENSOR}/calibration/preview", body, **who)
    assert reply.status == 422
    reply = await api.call("POST", "/sensors/nobody/calibration/preview", body, **who)
    assert reply.status == 404


def recorded(api: Served, watts: float, count: int = 30) -> str:
    """The id of a complete recording."""
    now = time.monotonic()
    recording = api.recordings.begin("leg-press-01", 1)
    recording.began, recording.until = now - count, now - 1
    for second in range(count - 1):
        level = {"power_w": watts + second % 3}
        recording.lines.append(json.dumps({"at": second, "levels": level}).encode() + b"\n")
    return recording.id


async def test_thresholds_are_found_in_two_recordings(api: Served) -> None:
    who = await technician(api)
    body = {"empty": recorded(api, 2.0), "busy": recorded(api, 80.0)}
    reply = await api.call("POST", f"{SENSOR}/calibration/fit", body, **who)
    told = await reply.json()
    assert 4 < told["calibration"]["limits"]["power_w"]["limit"] < 80
    assert told["statistics"]["confidence"] == "fair"
    assert api.hearings["leg-press-01"].version is None


async def test_what_looks_alike_is_a_conflict_that_says_what_to_do(api: Served) -> None:
    who = await technician(api)
    body = {"empty": recorded(api, 2.0), "busy": recorded(api, 2.0)}
    reply = await api.call("POST", f"{SENSOR}/calibration/fit", body, **who)
    assert reply.status == 409
    assert "look alike" in (await reply.json())["detail"]


async def test_a_recording_that_is_gone_is_named(api: Served) -> None:
    who = await technician(api)
    reply = await api.call("POST", f"{SENSOR}/calibration/fit", {"empty": f"r{'0' * 16}"}, **who)
    assert reply.status == 422
    assert (await reply.json())["errors"][0]["pointer"] == "/empty"
