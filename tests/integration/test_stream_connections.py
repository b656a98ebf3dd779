"""Who is connected, for how long, and what it was told."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.api.connection import HIGH, SEND_BUFFER
from gateway.api.hub import Hub
from gateway.api.rounds import PIECE
from gateway.core.events import Status
from tests.integration.memory_model import MemoryModel
from tests.integration.served import (
    MACHINES,
    Served,
    fall_behind,
    serving,
    settled,
    talking,
    unread,
    viewers,
)


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


async def test_staff_see_every_stream_and_what_it_was_told(api: Served) -> None:
    async with api.stream("?category=legs") as stream, talking(api) as talk:
        await stream.next()
        await talk.ask("subscribe")
        for name, _ in MACHINES:
            api.publish(name)
        await stream.take(2)
        listed = await api.locally("GET", "/connections")
    assert (listed["total"], len(listed["connections"])) == (2, 2)
    socket, sse = listed["connections"]
    assert (sse["transport"], sse["follows"]) == ("sse", ["leg-press-01", "leg-press-02"])
    assert (sse["delivered"], sse["dropped"], sse["behind"]) == (2, 0, False)
    assert (socket["transport"], socket["follows"]) == ("websocket", None)
    assert (socket["delivered"], socket["address"], socket["holder"]) == (4, "127.0.0.1", None)
    assert listed["asOf"] - 5 < socket["since"] <= listed["asOf"]


async def test_a_stream_bears_the_name_of_who_opened_it(api: Served) -> None:
    key = await api.key("staff")
    async with api.stream(Authorization=f"Bearer {key}") as stream:
        await stream.next()
        reply = await api.get("/connections", Authorization=f"Bearer {key}")
        (row,) = (await reply.json())["connections"]
    assert row["holder"].startswith("staff:")
    assert key not in await reply.text()


async def test_guests_do_not_see_who_is_connected(api: Served) -> None:
    assert (await api.get("/connections")).status == 401


async def test_the_newest_come_first_and_all_are_counted(api: Served) -> None:
    async with api.stream(), api.stream(), api.stream("?category=legs") as last:
        await last.next()
        listed = await api.locally("GET", "/connections?limit=1")
        assert (listed["total"], len(listed["connections"])) == (3, 1)
        assert listed["connections"][0]["follows"] is not None
    await settled(lambda: not api.server.hub.streams())
    assert (await api.locally("GET", "/connections"))["total"] == 0


async def test_what_was_coalesced_away_is_counted(api: Served) -> None:
    with unread(api.server.port):
        await settled(lambda: viewers(api))
        await fall_behind(api)
        (slow,) = viewers(api)
        before = slow.dropped + len(slow.owed)
        for number in range(40):
            api.publish(MACHINES[number % 4][0])
        api.server.hub._rounds.flush()
        (row,) = (await api.locally("GET", "/connections"))["connections"]
    assert row["behind"]
    assert row["dropped"] + len(slow.owed) == before + 40
    assert row["delivered"] + row["dropped"] + len(slow.owed) == len(api.model.log)


async def test_a_stream_ends_at_its_age_and_is_resumed(api: Served) -> None:
    async with api.stream() as stream, talking(api) as talk:
        await stream.next()
        await talk.ask("subscribe")
        for viewer in api.server.hub.streams():
            api.server.hub._open[viewer] = 0.0
        api.server.hub._beat()
        assert (await stream.next()).event == "heartbeat"
        assert await stream.reply.content.read() == b""
        assert (await talk.next())["type"] == "heartbeat"
        assert (await talk.ws.receive()).data == 1001
    await settled(lambda: not api.server.hub.streams())


async def test_ages_differ_so_that_clients_do_not_come_back_together(api: Served) -> None:
    async with api.stream(), api.stream(), api.stream() as last:
        await last.next()
        hub: Hub = api.server.hub
        ages = [until - viewer.since for viewer, until in hub._open.items()]
    assert all(3600 <= age <= 7200 for age in ages)
    assert len(set(ages)) == 3


async def test_a_burst_is_written_in_pieces_that_a_slow_client_cannot_swell() -> None:
    async with serving() as api:
        with unread(api.server.port):
            await settled(lambda: viewers(api))
            (slow,) = viewers(api)
            burst = [api.model.change(MACHINES[n % 4][0], Status.FREE) for n in range(4900)]
            api.bus.publish(burst)
            api.server.hub._rounds.flush()
            transport = slow._connection.transport
            assert transport is not None
            assert transport.get_write_buffer_size() < HIGH + PIECE * 300
            assert HIGH + PIECE * 300 + 2 * SEND_BUFFER < 256 * 1024
            assert len(slow.owed) == 4


async def test_1000_open_streams_and_sockets_end_properly() -> None:
    heads: list[bytes] = []

    async def follow(port: int, path: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET %b HTTP/1.1\r\nHost: localhost\r\n%b\r\n" % (path.encode(), UPGRADE))
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        said = await reader.read()
        writer.close()
        return said

    async with serving(MemoryModel(MACHINES)) as api:
        port = api.server.port
        streams = [asyncio.create_task(follow(port, "/stream")) for _ in range(500)]
        sockets = [asyncio.create_task(follow(port, "/ws")) for _ in range(500)]
        await settled(lambda: len(heads) == 1000 and len(viewers(api)) == 1000)
        async with asyncio.timeout(10):
            await api.server.stop()
        assert all(said.endswith(b"0\r\n\r\n") for said in await asyncio.gather(*streams))
        assert all(said == b"\x88\x02\x03\xe9" for said in await asyncio.gather(*sockets))


UPGRADE = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


async def test_what_ended_streams_were_sent_stays_counted() -> None:
    async with serving() as api:
        async with api.stream() as stream:
            await stream.next()
            await settled(lambda: viewers(api))
            api.publish("bench-01")
            await stream.next()
            assert api.server.hub.deliveries() == {"sse": 1}
        await settled(lambda: not api.server.hub.streams())
        assert api.server.hub.deliveries() == {"sse": 1}
        assert api.server.hub.drops() == {"sse": 0}
