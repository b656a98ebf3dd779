"""Many viewers, slow ones and ends: bounded, and nobody waits for another."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import pairwise
from unittest.mock import Mock

import pytest

from config.sections import Limits
from gateway.messages import encode_event
from tests.integration.served import (
    MACHINES,
    PATIENCE,
    Served,
    fall_behind,
    raw,
    serving,
    settled,
    unread,
    viewers,
)

SOON = 5.0  # seconds; alone on the machine a tenth of one


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


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


async def test_who_does_not_read_costs_bounded_memory_and_delays_nobody(api: Served) -> None:
    with unread(api.server.port):
        await settled(lambda: viewers(api))
        (slow,) = viewers(api)
        await fall_behind(api)
        async with api.stream() as stream:
            await stream.next()
            first = len(api.model.log) + 1
            for start in range(first, first + 20_000, 100):
                for number in range(100):
                    api.publish(MACHINES[number % 4][0])
                assert await stream.seqs(100) == list(range(start, start + 100))
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
        api.server.hub._rounds.flush()
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


async def test_a_client_that_goes_gives_its_place_back_at_once(api: Served) -> None:
    async with api.stream() as stream:
        await stream.next()
        assert len(viewers(api)) == 1
    await settled(lambda: not api.server.hub._seats)
    assert not viewers(api)
    assert not api.server.hub._rounds.groups


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


async def test_connections_are_bounded_and_who_idles_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.api.server.MORE_CONNECTIONS", 1)
    monkeypatch.setattr("gateway.api.listeners.LEAST", 1)
    async with serving(limits=Limits(streams=1)) as api, api.stream():
        manager = api.server._runner.server
        assert manager is not None
        with socket.create_connection(("127.0.0.1", api.server.port)) as idle:
            await settled(lambda: len(manager.connections) == 2)
            answer = await raw(api.server.port, b"GET /health HTTP/1.1\r\n\r\n")
            assert answer.startswith(b"HTTP/1.0 400 ")  # it names no host: an answer all the same
            with suppress(ConnectionResetError):
                assert idle.recv(1) == b""  # the place was that of who said nothing
        assert len(manager.connections) <= 2


async def test_an_event_is_encoded_once_for_all(
    api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = Mock(side_effect=encode_event)
    monkeypatch.setattr("gateway.api.rounds.encode_event", encoded)
    async with api.stream() as one, api.stream() as two, api.stream("?category=legs") as three:
        await one.next(), await two.next(), await three.next()
        api.publish("leg-press-01")
        assert [await one.seqs(1), await two.seqs(1), await three.seqs(1)] == [[1], [1], [1]]
    assert encoded.call_count == 1


async def test_100_open_streams_end_properly(api: Served) -> None:
    async def follow() -> bytes:
        async with api.client.get(api.url + "/stream") as reply:
            return await reply.read()

    following = [asyncio.create_task(follow()) for _ in range(100)]
    with unread(api.server.port):
        await settled(lambda: len(viewers(api)) == 101)
        async with asyncio.timeout(SOON):
            await api.server.stop()
    assert all(body.startswith(b"retry: ") for body in await asyncio.gather(*following))


async def test_an_end_is_not_held_up_by_who_does_not_read(api: Served) -> None:
    with unread(api.server.port):
        await settled(lambda: viewers(api))
        await fall_behind(api)
        async with asyncio.timeout(SOON):
            await api.server.stop()
