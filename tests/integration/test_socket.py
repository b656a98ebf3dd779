"""The WebSocket: the same messages as the stream, for a client that says what it follows."""

import asyncio
import struct
from collections.abc import AsyncIterator
from typing import cast

import aiohttp
import pytest

from config.sections import Http
from gateway.api.socket import LARGEST
from gateway.core.events import Status
from tests.integration.memory_model import GYM, MemoryModel
from tests.integration.served import (
    MACHINES,
    PATIENCE,
    Served,
    Talk,
    fall_behind,
    serving,
    settled,
    talking,
    viewers,
)

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


@pytest.fixture
async def talk(api: Served) -> AsyncIterator[Talk]:
    async with talking(api) as talk:
        yield talk


async def test_a_subscription_is_answered_with_a_snapshot(api: Served, talk: Talk) -> None:
    api.publish("bench-01")
    said = await talk.ask("subscribe")
    assert (said["type"], said["id"]) == ("snapshot", "e1-1")
    assert [row["machineId"] for row in said["machines"]] == [name for name, _ in MACHINES]


async def test_then_every_change_is_the_one_message(api: Served, talk: Talk) -> None:
    await talk.ask("subscribe")
    event = api.publish("leg-press-01", Status.OCCUPIED)
    assert await talk.next() == {
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


@pytest.mark.parametrize(
    ("asked", "followed"),
    [
        ({"machines": ["bench-01"]}, {"bench-01"}),
        ({"category": "legs"}, {"leg-press-01", "leg-press-02"}),
        ({"category": "legs", "machines": []}, {"leg-press-01", "leg-press-02"}),
        (
            {"category": "legs", "machines": ["bench-01"]},
            {"bench-01", "leg-press-01", "leg-press-02"},
        ),
        ({"category": None, "machines": None}, {name for name, _ in MACHINES}),
    ],
)
async def test_machines_and_category_unite(
    api: Served, talk: Talk, asked: dict[str, object], followed: set[str]
) -> None:
    snapshot = await talk.ask("subscribe", **asked)
    assert {row["machineId"] for row in snapshot["machines"]} == followed
    for name, _ in MACHINES:
        api.publish(name)
    assert {(await talk.next())["machineId"] for _ in followed} == followed
    assert await talk.ask("ping") == {"type": "pong"}


async def test_nothing_is_followed_before_the_first_subscription(api: Served, talk: Talk) -> None:
    api.publish("bench-01")
    assert await talk.ask("ping") == {"type": "pong"}


async def test_a_subscription_replaces_the_one_before(api: Served, talk: Talk) -> None:
    await talk.ask("subscribe", category="legs")
    await talk.ask("subscribe", machines=["bench-01"])
    api.publish("leg-press-01")
    api.publish("bench-01")
    assert await talk.seqs(1) == [2]


@pytest.mark.parametrize(
    ("given_up", "left"), [({}, []), ({"category": "legs"}, [1]), ({"machines": ["bench-01"]}, [2])]
)
async def test_what_is_unsubscribed_is_told_no_more(
    api: Served, talk: Talk, given_up: dict[str, object], left: list[int]
) -> None:
    await talk.ask("subscribe", machines=["bench-01", "leg-press-01"])
    await talk.say("unsubscribe", **given_up)
    await talk.ask("ping")
    api.publish("bench-01")
    api.publish("leg-press-01")
    assert await talk.seqs(len(left)) == left
    assert await talk.ask("ping") == {"type": "pong"}


async def test_since_tells_exactly_what_was_missed(api: Served, talk: Talk) -> None:
    for number in range(2000):
        api.publish(MACHINES[number % 4][0])
    await talk.say("subscribe", since="e1-700", category="legs")
    assert await talk.seqs(650) == [n for n in range(701, 2001) if n % 4 in {1, 2}]
    api.publish("leg-press-01")
    assert await talk.seqs(1) == [2001]


async def test_the_id_of_any_message_is_a_place_to_resume_from(api: Served, talk: Talk) -> None:
    await talk.ask("subscribe")
    api.publish("bench-01")
    known = (await talk.next())["id"]
    api.publish("bench-01")
    async with talking(api) as again:
        await again.say("subscribe", since=known)
        assert await again.seqs(1) == [2]


@pytest.mark.parametrize(
    ("since", "reason"),
    [("other-1", "another_epoch"), ("e1-99", "unknown_id"), ("x", "malformed_id")],
)
async def test_what_cannot_be_told_exactly_is_one_reset_and_a_snapshot(
    talk: Talk, since: str, reason: str
) -> None:
    assert await talk.ask("subscribe", since=since) == {"type": "reset", "reason": reason}
    assert (await talk.next())["type"] == "snapshot"
    assert await talk.ask("ping") == {"type": "pong"}


@pytest.mark.parametrize(
    ("said", "code", "tells"),
    [
        ('{"action": "dance"}', "unknown_action", "subscribe, unsubscribe, ping"),
        ('{"action": ["ping"]}', "unknown_action", "one of"),
        ('"ping"', "unknown_action", "one of"),
        ('{"action": "ping"', "malformed", "no JSON"),
        ("[" * 10_000, "malformed", "no JSON"),
        ('{"action": "subscribe", "machines": "bench-01"}', "invalid_value", "$.machines"),
        ('{"action": "subscribe", "colour": 1}', "invalid_value", "colour"),
        ('{"action": "subscribe", "machines": ["y", "x"]}', "invalid_value", "here: x, y"),
        ('{"action": "subscribe", "category": "z"}', "invalid_value", "/category: not known"),
        ('{"action": "ping", "x": "%s"}' % ("x" * LARGEST), "too_big", "at most 16384 bytes"),
    ],
)
async def test_what_is_not_understood_is_an_error_and_the_connection_stays(
    talk: Talk, said: str, code: str, tells: str
) -> None:
    await talk.ws.send_str(said)
    error = await talk.next()
    assert (error["type"], error["code"]) == ("error", code)
    assert tells in error["detail"]
    assert await talk.ask("ping") == {"type": "pong"}


async def test_a_binary_message_is_an_error_and_the_connection_stays(talk: Talk) -> None:
    await talk.ws.send_bytes(b'{"action": "ping"}')
    assert (await talk.next())["code"] == "binary"
    assert await talk.ask("ping") == {"type": "pong"}


async def test_a_wrong_subscription_leaves_the_one_before_as_it_is(api: Served, talk: Talk) -> None:
    await talk.ask("subscribe")
    assert (await talk.ask("subscribe", machines=["x"]))["type"] == "error"
    api.publish("bench-01")
    assert await talk.seqs(1) == [1]


async def test_under_load_several_messages_come_in_one_batch(api: Served, talk: Talk) -> None:
    await talk.ask("subscribe")
    for name, _ in MACHINES:
        api.publish(name)
    batch = await talk.ws.receive_json()
    assert batch["type"] == "batch"
    assert [said["seq"] for said in batch["messages"]] == [1, 2, 3, 4]


async def test_a_stream_and_a_socket_are_told_the_same_json(api: Served, talk: Talk) -> None:
    async with api.stream() as stream:
        await stream.next()
        await talk.ask("subscribe")
        api.publish("bench-01")
        assert await talk.next() == (await stream.next()).data


async def test_heartbeats_come_without_a_subscription_too(api: Served, talk: Talk) -> None:
    await settled(lambda: viewers(api))
    api.publish("bench-01")
    api.server.hub._rounds.flush()
    api.server.hub._tell_cursor()
    assert await talk.next() == {"type": "heartbeat", "id": "e1-1"}


async def test_frames_of_every_length_arrive_whole() -> None:
    for machines in (1, 2, 60, 600):  # lengths of one, two and eight bytes
        names = [(f"m{number:03d}", "all") for number in range(machines)]
        async with serving(MemoryModel(names)) as api, talking(api) as talk:
            assert len((await talk.ask("subscribe"))["machines"]) == machines


@pytest.mark.parametrize(
    "frame",
    [
        b"\x81\x02{}",  # no mask
        b"\x81\x85AAAA\x29\x24\x2d\x2d\x2e\x81\x7e\x00\x80",  # the second one has none
        b"\x83\x80AAAA",  # no such kind
        b"\x81\xffAAAA" + struct.pack("!Q", 2**40),  # a message that never ends
    ],
)
async def test_what_is_no_websocket_closes_it(api: Served, frame: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.server.port)
    writer.write(HANDSHAKE)
    async with asyncio.timeout(PATIENCE):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(frame)
        assert b"\x88" in await reader.read()
    writer.close()
    await settled(lambda: not api.server.hub._seats)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
async def test_a_foreign_page_is_refused(api: Served, origin: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with talking(api, Origin=origin):
            pass
    assert refused.value.status == 403


async def test_our_own_pages_and_those_of_the_configuration_are_let_in() -> None:
    http = Http(host="127.0.0.1", port=0, cors_origins=("https://club.example",))
    async with serving(http=http) as api:
        for origin in (api.url, "https://club.example"):
            async with talking(api, Origin=origin) as talk:
                assert await talk.ask("ping") == {"type": "pong"}


async def test_what_is_no_upgrade_is_told_so(api: Served) -> None:
    problem = await api.json("/ws", 400)
    assert problem["code"] == "malformed"


async def test_a_socket_takes_a_place_and_gives_it_back(api: Served) -> None:
    async with talking(api) as talk:
        await talk.ask("ping")
        assert len(api.server.hub._seats) == 1
    await settled(lambda: not api.server.hub._seats)
    assert not viewers(api)


async def test_a_stop_says_good_bye(api: Served, talk: Talk) -> None:
    await talk.ask("subscribe")
    await api.server.stop()
    message = await talk.ws.receive(timeout=PATIENCE)
    assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1001)


async def test_who_does_not_read_is_told_the_newest_of_each_machine_later(
    api: Served, talk: Talk
) -> None:
    await talk.ask("subscribe")
    transport = cast("aiohttp.connector.Connection", talk.ws._conn).transport
    assert isinstance(transport, asyncio.Transport)
    transport.pause_reading()
    await fall_behind(api)
    for number in range(400):
        api.publish(MACHINES[number % 4][0])
    newest = len(api.model.log)
    transport.resume_reading()
    told: list[int] = []
    while not told or told[-1] != newest:
        told += await talk.seqs(1)
    assert told == sorted(told)
    assert told[-4:] == list(range(newest - 3, newest + 1))
    assert len(told) < newest


async def test_a_reset_reaches_sockets_too(api: Served, talk: Talk) -> None:
    await talk.ask("subscribe")
    api.server.reset_streams("clock")
    assert await talk.next() == {"type": "reset", "reason": "clock"}
    assert (await talk.next())["type"] == "snapshot"
