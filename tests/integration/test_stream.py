"""The live stream: what it says, and of what."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.core.events import Status
from tests.integration.memory_model import GYM
from tests.integration.served import MACHINES, Served, raw, serving, settled, viewers


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


async def test_a_snapshot_comes_first(api: Served) -> None:
    api.publish("bench-01")
    async with api.stream() as stream:
        said = await stream.next()
    assert (said.event, said.id) == ("snapshot", "e1-1")
    assert (said.data["type"], said.data["id"]) == ("snapshot", "e1-1")
    assert [row["machineId"] for row in said.data["machines"]] == [name for name, _ in MACHINES]
    assert said.data["machines"][2]["status"] == "free"
    assert "clock" not in said.data


async def test_then_every_change_as_the_one_message(api: Served) -> None:
    async with api.stream() as stream:
        await stream.next()
        event = api.publish("leg-press-01", Status.OCCUPIED)
        said = await stream.next()
    assert (said.event, said.id) == ("machine_update", "e1-1")
    assert said.data == {
        "type": "machine_update",
        "machineId": "leg-press-01",
        "gymId": GYM,
        "category": "legs",
        "status": "occupied",
        "timestamp": round(event.timestamp, 3),
        "lastChange": round(event.last_change, 3),
        "cause": "observed",
        "seq": 1,
        "id": "e1-1",
    }


async def test_it_is_an_event_stream_that_says_when_to_come_back(api: Served) -> None:
    async with api.stream() as stream:
        await stream.next()
    assert stream.reply.content_type == "text/event-stream"
    assert stream.reply.headers["Cache-Control"] == "no-cache"
    assert stream.retry is not None
    assert 1000 <= stream.retry <= 4000


async def test_a_snapshot_says_that_the_clock_is_not_right(api: Served) -> None:
    api.model.clock_is_right = False
    async with api.stream() as stream:
        assert (await stream.next()).data["clock"] == "unsynchronised"


async def test_heartbeats_carry_the_current_id() -> None:
    async with serving() as api:
        api.server.hub._heartbeat = 0.05
        api.server.hub._beat()
        async with api.stream("?machines=bench-01") as stream:
            await stream.next()
            api.publish("leg-press-01")
            beats = [await stream.next() for _ in range(3)]
    assert {beat.event for beat in beats} == {"heartbeat"}
    assert (beats[-1].id, beats[-1].data["id"]) == ("e1-1", "e1-1")


async def test_http_1_0_is_served_without_chunks(api: Served) -> None:
    async def end_soon() -> None:
        await settled(lambda: viewers(api))
        api.publish("bench-01")
        await api.server.stop()

    ending = asyncio.create_task(end_soon())
    answer = await raw(api.server.port, b"GET /stream HTTP/1.0\r\nHost: localhost\r\n\r\n")
    await ending
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert body.startswith(b"retry: ")
    assert body.endswith(b"}\n\n")
    assert b"event: machine_update\nid: e1-1\n" in body


@pytest.mark.parametrize(
    ("query", "followed"),
    [
        ("", {"leg-press-01", "leg-press-02", "bench-01", "treadmill-01"}),
        (f"?branch={GYM}", {"leg-press-01", "leg-press-02", "bench-01", "treadmill-01"}),
        ("?machines=bench-01", {"bench-01"}),
        ("?machines=bench-01,treadmill-01", {"bench-01", "treadmill-01"}),
        ("?category=legs", {"leg-press-01", "leg-press-02"}),
        (
            f"?branch={GYM}&machines=bench-01&category=legs",
            {"leg-press-01", "leg-press-02", "bench-01"},
        ),
    ],
)
async def test_machines_and_category_unite(api: Served, query: str, followed: set[str]) -> None:
    async with api.stream(query) as stream:
        snapshot = await stream.next()
        assert {row["machineId"] for row in snapshot.data["machines"]} == followed
        for name, _ in MACHINES:
            api.publish(name)
        updates = await stream.take(len(followed))
    assert {said.data["machineId"] for said in updates} == followed


async def test_every_unknown_name_is_told_before_the_stream_begins(api: Served) -> None:
    problem = await api.json("/stream?branch=x&machines=bench-01,y&category=z&color=1", 422)
    pointers = {fault["pointer"] for fault in problem["errors"]}
    assert pointers == {"/branch", "/machines", "/category", "/color"}


async def test_a_machine_that_is_not_configured_is_not_streamed(api: Served) -> None:
    async with api.stream() as stream:
        await stream.next()
        api.publish("removed-01")
        api.publish("bench-01")
        assert await stream.seqs(1) == [2]


async def test_head_opens_no_stream(api: Served) -> None:
    async with api.client.head(api.url + "/stream") as reply:
        assert reply.status == 405
