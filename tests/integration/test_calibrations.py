"""Calibrations over the API: versions, who and why, and what is refused."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.pipeline.calibrations import Calibrations
from sensors.sample import Sample
from tests.integration.served import Served, Stream, heard, ledger_writer, serving

SENSOR = "/sensors/leg-press-01"
POWER: dict[str, Any] = {"limits": {"power_w": {"floor": 2.5, "limit": 51.5}}, "hold": 5}


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


async def technician(api: Served) -> dict[str, str]:
    return {"Authorization": f"Bearer {await api.key('technician')}"}


async def save(api: Served, who: dict[str, str], body: object, status: int = 200) -> Any:
    reply = await api.call("PUT", f"{SENSOR}/calibration", body, **who)
    assert reply.status == status, await reply.text()
    return await reply.json()


async def test_a_new_calibration_counts_at_once_and_is_kept_with_who_and_why(api: Served) -> None:
    who = await technician(api)
    saved = await save(api, who, POWER | {"why": "after the move"})
    assert (saved["version"], saved["why"]) == (1, "after the move")
    assert saved["who"].startswith("technician:")
    verdicts = api.hearings["leg-press-01"].verdicts
    assert verdicts is not None
    assert verdicts.judge(0.0, {"power_w": 80.0})[0] is True
    shown = await (await api.call("GET", SENSOR, **who)).json()
    assert shown["calibrationVersion"] == 1
    audit = await api.locally("GET", "/admin/audit")
    assert audit["entries"][0]["what"] == "calibrated"


async def test_an_older_version_can_be_restored_and_becomes_the_newest(api: Served) -> None:
    who = await technician(api)
    first = await save(api, who, POWER)
    await save(api, who, {"limits": None})
    assert api.hearings["leg-press-01"].verdicts is None
    reply = await api.call("POST", f"{SENSOR}/calibrations/1/restore", **who)
    restored = await reply.json()
    assert (reply.status, restored["version"], restored["why"]) == (201, 3, "as version 1")
    assert restored["calibration"] == first["calibration"]
    listed = await (await api.call("GET", f"{SENSOR}/calibrations", **who)).json()
    assert [row["version"] for row in listed["versions"]] == [3, 2, 1]


async def test_of_two_technicians_the_second_is_told(api: Served) -> None:
    who = await technician(api)
    await save(api, who, POWER | {"basedOn": 0})
    refused = await save(api, who, POWER | {"basedOn": 0}, 409)
    assert "has calibrated leg-press-01 (version 1)" in refused["detail"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"limits": {}}, "/limits"),
        ({"limits": {"power_w": {"floor": 1, "limit": 1}}}, "/limits/power_w"),
        ({"limits": {"distance_m": {"floor": 2, "limit": 1}}}, "/limits/distance_m"),
        ({"hold": 1e6}, "/hold"),
        ({"release": 0}, "/release"),
        ({"limits": {"power_w": {"floor": "x", "limit": 1}}}, "/limits"),
    ],
)
async def test_a_wrong_calibration_is_named_and_the_old_one_stays(
    api: Served, change: dict[str, Any], pointer: str
) -> None:
    who = await technician(api)
    await save(api, who, POWER)
    api.hearings["leg-press-01"].last = Sample(None, levels={"power_w": 3.0})
    refused = await save(api, who, POWER | change, 422)
    assert [fault["pointer"] for fault in refused["errors"]] == [pointer]
    assert api.hearings["leg-press-01"].version == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/sensors/nowhere"),
        ("PUT", "/sensors/nowhere/calibration"),
        ("GET", "/sensors/nowhere/calibrations"),
        ("POST", f"{SENSOR}/calibrations/9/restore"),
    ],
)
async def test_what_does_not_exist_is_404(api: Served, method: str, path: str) -> None:
    body = POWER if method == "PUT" else None
    assert (await api.call(method, path, body, **await technician(api))).status == 404


async def test_calibrating_is_for_technicians(api: Served) -> None:
    staff = {"Authorization": f"Bearer {await api.key('staff')}"}
    await save(api, staff, POWER, 403)
    assert (await api.call("GET", "/sensors", **staff)).status == 403


async def test_it_counts_again_after_a_start(api: Served) -> None:
    await save(api, await technician(api), POWER)
    fresh = {"leg-press-01": heard("leg-press-01")}
    await Calibrations(fresh, ledger_writer(api.ledger), api.wall).load()
    assert fresh["leg-press-01"].version == 1


async def test_samples_are_streamed_as_they_come_of_that_sensor_alone(api: Served) -> None:
    who = (await technician(api))["Authorization"]
    async with api.client.get(
        f"{api.url}{SENSOR}/samples", headers={"Authorization": who}
    ) as reply:
        assert reply.headers["Content-Type"] == "text/event-stream"
        stream = Stream(reply)
        await asyncio.sleep(0.3)
        api.samples.add("bench-01", Sample(None, 1.0, "W"), time.monotonic())
        api.samples.add("leg-press-01", Sample(None, 80.0, "W"), time.monotonic())
        said = await stream.next()
    assert (said.event, said.data["sensorId"], said.data["strength"]) == (
        "sample",
        "leg-press-01",
        80.0,
    )


async def test_samples_of_no_sensor_are_404_and_for_technicians(api: Served) -> None:
    who = await technician(api)
    assert (await api.call("GET", "/sensors/nowhere/samples", **who)).status == 404
    assert (await api.call("GET", f"{SENSOR}/samples")).status == 401
