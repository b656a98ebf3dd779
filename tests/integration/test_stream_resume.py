"""Coming back to the stream: exactly what was missed, or a reset that says why."""

import asyncio
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest

from gateway.core.events import Status
from tests.integration.memory_model import MemoryModel
from tests.integration.served import MACHINES, Served, serving, settled, viewers


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


@pytest.fixture
async def long_ago() -> AsyncIterator[Served]:
    """100,000 events have happened."""
    model = MemoryModel(MACHINES)
    for number in range(100_000):
        model.change(MACHINES[number % 4][0], Status.OCCUPIED if number % 8 < 4 else Status.FREE)
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
            await asyncio.sleep(0.001)

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
