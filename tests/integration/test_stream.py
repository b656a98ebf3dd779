"""The live stream: exact, bounded, and never waiting for one viewer."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import pairwise
from unittest.mock import Mock

import aiohttp
import pytest
from memory_model import GYM, MemoryModel
from served import MACHINES, PATIENCE, Served, raw, serving

from config.sections import Limits
from gateway.api.viewer import Viewer
from gateway.core.events import Status
from gateway.messages import encode_event

FREE, OCCUPIED = Status.FREE, Status.OCCUPIED


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


async def settled(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  nobody sets an event for it
            await asyncio.sleep(0.01)


def viewers(api: Served) -> list[Viewer]:
    return api.server.hub._viewers()


# --- what is said ---------------------------------------------------------------------------------


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
        event = api.publish("leg-press-01", OCCUPIED)
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


# --- what is followed -----------------------------------------------------------------------------


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


# --- coming back ----------------------------------------------------------------------------------


@pytest.fixture
async def long_ago() -> AsyncIterator[Served]:
    """100,000 events have happened."""
    model = MemoryModel(MACHINES)
    for number in range(100_000):
        model.change(MACHINES[number % 4][0], OCCUPIED if number % 8 < 4 else FREE)
    async with serving(model) as served:
        yield served


async def test_a_client_that_was_away_for_5000_events_gets_each_of_them_once(
    long_ago: Served,
) -> None:
    async with long_ago.stream(Last_Event_ID="e1-95000") as stream:
        missed = await stream.seqs(5000)
        long_ago.publish("bench-01")
        assert missed == list(range(95_001, 100_001))
        assert await stream.seqs(1) == [100_001]


async def test_what_happens_during_a_replay_is_told_once_and_in_order(long_ago: Served) -> None:
    async def go_on() -> None:
        for number in range(500):
            long_ago.publish(MACHINES[number % 4][0])
            await asyncio.sleep(0)

    async with long_ago.stream("?lastEventId=e1-98000") as stream:
        going = asyncio.create_task(go_on())
        assert await stream.seqs(2500) == list(range(98_001, 100_501))
        await going


async def test_a_replay_keeps_to_what_is_followed(long_ago: Served) -> None:
    async with long_ago.stream("?machines=bench-01", Last_Event_ID="e1-99000") as stream:
        assert await stream.seqs(250) == list(range(99_003, 100_000, 4))


async def test_who_missed_nothing_is_told_nothing(long_ago: Served) -> None:
    async with long_ago.stream(Last_Event_ID="e1-100000") as stream:
        await settled(lambda: viewers(long_ago))
        long_ago.publish("bench-01")
        assert await stream.seqs(1) == [100_001]


async def test_the_header_is_newer_than_the_address(long_ago: Served) -> None:
    async with long_ago.stream("?lastEventId=e1-5", Last_Event_ID="e1-99999") as stream:
        assert await stream.seqs(1) == [100_000]


@pytest.mark.parametrize(
    ("last_id", "reason"),
    [
        ("other-5", "another_epoch"),
        ("e1-999999", "unknown_id"),
        ("nonsense", "malformed_id"),
        ("e1--5", "malformed_id"),
        ("e1-" + "9" * 100, "malformed_id"),
    ],
)
async def test_what_cannot_be_told_exactly_is_one_reset_and_a_snapshot(
    api: Served, last_id: str, reason: str
) -> None:
    api.publish("bench-01")
    async with api.stream(Last_Event_ID=last_id) as stream:
        reset, snapshot = await stream.take(2)
        api.publish("bench-01")
        assert await stream.seqs(1) == [2]
    assert (reset.event, reset.id) == ("reset", None)
    assert reset.data == {"type": "reset", "reason": reason}
    assert (snapshot.event, snapshot.id) == ("snapshot", "e1-1")


async def test_a_store_that_hangs_costs_a_reset_and_not_the_stream(
    api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.api.hub.READ_PATIENCE", 0.05)
    api.model.stalled = asyncio.Event()
    async with api.stream(Last_Event_ID="e1-0") as stream:
        reset, snapshot = await stream.take(2)
    assert (reset.data["reason"], snapshot.event) == ("store_too_slow", "snapshot")


async def test_a_store_that_fails_ends_the_stream_and_gives_the_place_back(api: Served) -> None:
    api.model.fault = RuntimeError("disk")
    with pytest.raises((aiohttp.ClientPayloadError, asyncio.IncompleteReadError)):
        async with api.stream(Last_Event_ID="e1-0") as stream:
            await stream.next()
    await settled(lambda: not api.server.hub._seats)


async def test_a_correction_of_the_clock_begins_every_stream_anew(api: Served) -> None:
    async with api.stream() as stream, api.stream("?category=legs") as legs:
        await stream.next()
        await legs.next()
        api.server.reset_streams("clock")
        reset, snapshot = await stream.take(2)
        assert [(await legs.next()).event, (await legs.next()).event] == ["reset", "snapshot"]
    assert (reset.data["reason"], len(snapshot.data["machines"])) == ("clock", 4)


async def test_a_correction_during_a_replay_is_not_missed(api: Served) -> None:
    api.publish("bench-01")
    api.model.stalled = asyncio.Event()
    async with api.stream(Last_Event_ID="e1-0") as stream:
        api.server.reset_streams("clock")
        api.model.stalled.set()
        said = await stream.take(3)
    assert [one.event for one in said] == ["machine_update", "reset", "snapshot"]


# --- many, slow, gone -----------------------------------------------------------------------------


async def test_100_clients_get_the_same_500_events_in_order(api: Served) -> None:
    async def follow() -> list[int]:
        async with api.stream() as stream:
            await stream.next()
            return await stream.seqs(500)

    following = [asyncio.create_task(follow()) for _ in range(100)]
    await settled(lambda: len(viewers(api)) == 100)
    for number in range(500):
        api.publish(MACHINES[number % 4][0])
        await asyncio.sleep(0)
    assert all(seqs == list(range(1, 501)) for seqs in await asyncio.gather(*following))


def unread(port: int) -> socket.socket:
    """A client that asks for the stream and never reads it."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", port))
    sock.send(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return sock


async def fall_behind(api: Served) -> None:
    """Publish until a viewer does not keep up."""
    async with asyncio.timeout(PATIENCE):
        while all(viewer.behind_since is None for viewer in viewers(api)):
            for _ in range(100):
                api.publish("bench-01")
            await asyncio.sleep(0)


async def test_who_does_not_read_costs_bounded_memory_and_delays_nobody(api: Served) -> None:
    with unread(api.server.port):
        await settled(lambda: viewers(api))
        (slow,) = viewers(api)
        await fall_behind(api)
        async with api.stream() as stream:
            await stream.next()
            first = len(api.model.log) + 1
            for number in range(20_000):
                api.publish(MACHINES[number % 4][0])
                if number % 50 == 0:
                    await asyncio.sleep(0)
            assert await stream.seqs(20_000) == list(range(first, first + 20_000))
        transport = slow._connection.transport
        assert transport is not None
        assert transport.get_write_buffer_size() < 256 * 1024
        assert len(slow.owed) == 4


async def test_who_reads_again_gets_the_newest_of_each_machine(api: Served) -> None:
    with unread(api.server.port) as sock:
        await settled(lambda: viewers(api))
        await fall_behind(api)
        for number in range(40):
            api.publish(MACHINES[number % 4][0])
        sock.settimeout(0)
        reader, writer = await asyncio.open_connection(sock=sock.dup())
        newest = [
            f"id: e1-{seq}\n".encode()
            for seq in range(len(api.model.log) - 3, len(api.model.log) + 1)
        ]
        async with asyncio.timeout(PATIENCE):
            read = b""
            while newest[-1] not in read:
                read += await reader.read(65536)
        places = [read.index(one) for one in newest]
        assert all(a < b for a, b in pairwise(places))
        assert f"id: e1-{len(api.model.log) - 4}\n".encode() not in read
        writer.close()


async def test_who_does_not_read_for_too_long_loses_its_place(api: Served) -> None:
    with unread(api.server.port):
        await settled(lambda: viewers(api))
        await fall_behind(api)
        api.server.hub._most_behind = -1.0
        api.server.hub._beat()
        await settled(lambda: not viewers(api))
        assert not api.server.hub._seats


async def test_who_does_not_read_during_a_replay_loses_its_place(
    long_ago: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.api.viewer.WRITE_TIMEOUT", 0.1)
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", long_ago.server.port))
        sock.send(b"GET /stream?lastEventId=e1-1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await settled(lambda: long_ago.server.hub._seats)
        await settled(lambda: not long_ago.server.hub._seats)


async def test_a_client_that_goes_gives_its_place_back_at_once(api: Served) -> None:
    async with api.stream() as stream:
        await stream.next()
        assert len(viewers(api)) == 1
    await settled(lambda: not api.server.hub._seats)
    assert not viewers(api)
    assert not api.server.hub._groups


async def test_one_address_may_not_take_every_place() -> None:
    async with serving(limits=Limits(streams_per_address=2)) as api:
        async with api.stream(), api.stream():
            reply = await api.get("/stream")
            problem = await reply.json(content_type=None)
        assert (reply.status, problem["code"], problem["category"]) == (429, "too_many", "limit")
        assert int(reply.headers["Retry-After"]) > 0
        await settled(lambda: not api.server.hub._seats)
        async with api.stream():
            pass


async def test_when_all_places_are_taken_it_is_503() -> None:
    async with serving(limits=Limits(streams=1)) as api, api.stream():
        problem = await api.json("/stream", 503)
    assert (problem["code"], problem["category"]) == ("full", "limit")


async def test_connections_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.api.server.MORE_CONNECTIONS", 1)
    async with serving(limits=Limits(streams=1)) as api, api.stream():
        manager = api.server._runner.server
        assert manager is not None
        with socket.create_connection(("127.0.0.1", api.server.port)):
            await settled(lambda: len(manager.connections) == 2)
            with suppress(ConnectionResetError):
                assert await raw(api.server.port, b"GET /health HTTP/1.1\r\n\r\n") == b""
        assert len(manager.connections) <= 2


async def test_an_event_is_encoded_once_for_all(
    api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = Mock(side_effect=encode_event)
    monkeypatch.setattr("gateway.api.hub.encode_event", encoded)
    async with api.stream() as one, api.stream() as two, api.stream("?category=legs") as three:
        await one.next(), await two.next(), await three.next()
        api.publish("leg-press-01")
        assert [await one.seqs(1), await two.seqs(1), await three.seqs(1)] == [[1], [1], [1]]
    assert encoded.call_count == 1


async def test_100_open_streams_end_properly_within_a_second(api: Served) -> None:
    async def follow() -> bytes:
        async with api.client.get(api.url + "/stream") as reply:
            return await reply.read()

    following = [asyncio.create_task(follow()) for _ in range(100)]
    with unread(api.server.port):
        await settled(lambda: len(viewers(api)) == 101)
        began = time.monotonic()
        await api.server.stop()
        assert time.monotonic() - began < 1
    assert all(body.startswith(b"retry: ") for body in await asyncio.gather(*following))


async def test_an_end_is_not_held_up_by_who_does_not_read(api: Served) -> None:
    with unread(api.server.port):
        await settled(lambda: viewers(api))
        await fall_behind(api)
        began = time.monotonic()
        await api.server.stop()
        assert time.monotonic() - began < 1
