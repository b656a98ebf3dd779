"""How often, how many, and as whom one counts."""

import asyncio
import re
import socket
import time
from contextlib import ExitStack
from unittest import mock

import pytest

from config.sections import Http, Limits
from gateway.api import body, connection
from gateway.core.access import Role
from tests.integration.served import Served, raw, serving

HOST = "127.0.0.1"


async def statuses(api: Served, times: int, path: str = "/branches", **headers: str) -> list[int]:
    return [(await api.get(path, **headers)).status for _ in range(times)]


async def test_beyond_the_quota_it_is_429_with_when_to_come_again() -> None:
    async with serving(limits=Limits(requests=5)) as api:
        assert await statuses(api, 6) == [200] * 5 + [429]
        reply = await api.get("/branches")
        assert int(reply.headers["Retry-After"]) >= 1
        assert reply.headers["RateLimit-Policy"] == '"default";q=5;w=60'
        assert reply.headers["RateLimit"].startswith('"default";r=0;t=')
        assert (await reply.json())["category"] == "limit"


async def test_a_page_that_was_refused_is_asked_for_again_by_the_browser_itself() -> None:
    async with serving(limits=Limits(requests=1)) as api:
        assert await statuses(api, 2, "/kiosk") == [200, 429]
        assert (await api.get("/kiosk", Accept="text/html,*/*;q=0.8")).headers["Refresh"] == "30"
        assert "Refresh" not in (await api.get("/branches")).headers


async def test_every_counted_reply_tells_what_is_left() -> None:
    async with serving(limits=Limits(requests=100)) as api:
        left = [(await api.get("/branches")).headers["RateLimit"] for _ in range(2)]
        assert [text.split(";")[1] for text in left] == ["r=99", "r=98"]


async def test_phones_behind_one_address_do_not_use_each_others_pages_up() -> None:
    async with serving(limits=Limits()) as api:
        page = await (await api.get("/")).text()
        parts = re.findall(r'"(/web/[0-9a-f]{12}/[^"]+)"', page)
        for _ in range(20):  # new phones in a minute
            found = {(await api.get(path)).status for path in ("/", *parts)}
            assert found == {200}


async def test_health_and_the_local_socket_are_never_limited() -> None:
    async with serving(limits=Limits(requests=1)) as api:
        assert await statuses(api, 5, "/health/live") == [200] * 5
        assert [(await api.locally("GET", "/branches"))["asOf"] > 0 for _ in range(5)] == [True] * 5


async def test_what_does_not_exist_counts_too() -> None:
    async with serving(limits=Limits(requests=3)) as api:
        assert await statuses(api, 4, "/nowhere") == [404] * 3 + [429]


async def test_a_key_counts_on_its_own() -> None:
    async with serving(limits=Limits(requests=1, kiosk_requests=5)) as api:
        secret = await api.key(Role.KIOSK)
        assert await statuses(api, 6, X_API_Key=secret) == [200] * 5 + [429]
        assert await statuses(api, 2) == [200, 429]


async def test_writes_have_a_quota_of_their_own() -> None:
    async with serving(limits=Limits(writes=2)) as api:
        path = "/machines/bench-01/wrong"
        assert [(await api.call("POST", path, {})).status for _ in range(3)] == [201, 201, 429]
        assert await statuses(api, 1) == [200]


async def test_failed_logins_have_a_quota_of_their_own_and_never_block_the_address() -> None:
    async with serving(limits=Limits()) as api:
        wrong = await statuses(api, 40, X_API_Key="wrong")
        assert set(wrong[:30]) == {401}
        assert wrong[-1] == 429
        secret = await api.key(Role.STAFF)
        assert await statuses(api, 1) + await statuses(api, 1, X_API_Key=secret) == [200, 200]


async def test_behind_a_trusted_proxy_the_forwarded_address_counts() -> None:
    http = Http(host=HOST, port=0, trusted_proxies=(HOST,))
    async with serving(limits=Limits(requests=2), http=http) as api:
        for phone in ("192.168.1.7", "192.168.1.8"):
            assert await statuses(api, 3, X_Forwarded_For=phone) == [200, 200, 429]


async def test_what_a_phone_writes_into_the_proxys_header_first_counts_for_nothing() -> None:
    http = Http(host=HOST, port=0, trusted_proxies=(HOST,))
    lines = b"X-Forwarded-For: 10.9.9.%d\r\nX-Forwarded-For: 192.168.1.7\r\n"
    call = b"GET /branches HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%b\r\n"
    async with serving(limits=Limits(requests=2), http=http) as api:
        found = [await raw(api.server.port, call % (lines % n)) for n in range(3)]
    assert [answer.split(b" ")[1] for answer in found] == [b"200", b"200", b"429"]


BAD_BYTES = (
    b"Authorization: Bearer \x80",
    b"X-API-Key: \x80",
    b"Cookie: gateway_member=\x80",
    b"Cookie: gateway_member=x\r\nOrigin: http://[",
    b"Cookie: gateway_member=x\r\nOrigin: http://evil.example",
)


@pytest.mark.parametrize("line", BAD_BYTES)
async def test_bytes_that_are_no_text_are_a_failed_login_and_are_counted(line: bytes) -> None:
    call = b"GET /alerts HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%b\r\n\r\n" % line
    async with serving(limits=Limits()) as api:
        found = [(await raw(api.server.port, call)).split(b" ")[1] for _ in range(31)]
    assert set(found[:30]) <= {b"401", b"403"}
    assert found[30] == b"429"


STRANGE = (b"User-Agent", b"X-Request-Id", b"If-None-Match", b"Origin", b"Referer", b"Accept")


@pytest.mark.parametrize("name", STRANGE)
async def test_bytes_that_are_no_text_break_no_call(name: bytes) -> None:
    async with serving() as api:
        secret = (await api.key(Role.STAFF)).encode()
        for path in (b"/branches", b"/ws", b"/alerts/statistics"):
            lines = b"X-API-Key: %b\r\n%b: \x80http://[" % (secret, name)
            call = b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%b\r\n\r\n"
            status = int((await raw(api.server.port, call % (path, lines))).split(b" ")[1])
            assert status < 500


async def test_nobody_else_may_forward() -> None:
    async with serving(limits=Limits(requests=2)) as api:
        found = [await statuses(api, 1, X_Forwarded_For=f"10.0.0.{n}") for n in range(3)]
        assert found == [[200], [200], [429]]


async def test_one_address_cannot_take_all_connections() -> None:
    async with serving(limits=Limits(connections_per_address=10)) as api:
        with ExitStack() as stack:
            for _ in range(50):
                stack.enter_context(socket.create_connection((HOST, api.server.port)))
            await asyncio.sleep(0.1)
            other = ("127.0.0.2", 0)
            reader, writer = await asyncio.open_connection(HOST, api.server.port, local_addr=other)
            writer.write(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            writer.close()


async def test_half_a_request_is_cut_in_time() -> None:
    with mock.patch.object(connection, "HEAD_WITHIN", 0.3):
        async with serving() as api:
            began = time.monotonic()
            assert await raw(api.server.port, b"GET / HTTP/1.1\r\nHost: local") == b""
            assert time.monotonic() - began < 5


async def test_a_body_that_does_not_come_is_408() -> None:
    with mock.patch.object(body, "BODY_WITHIN", 0.3):
        async with serving() as api:
            head = b"POST /machines/bench-01/wrong HTTP/1.1\r\nHost: localhost\r\n"
            head += b"Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{"
            assert (await raw(api.server.port, head)).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("path", ["/metrics"])
async def test_metrics_are_for_their_key_and_locally(path: str) -> None:
    async with serving() as api:
        assert await statuses(api, 1, path) == [401]
        assert await statuses(api, 1, path, X_API_Key=await api.key(Role.STAFF)) == [403]
        reply = await api.get(path, X_API_Key=await api.key(Role.METRICS))
        assert 'gateway_requests_total{method="GET",route="/metrics",status="401"} 1.0' in (
            await reply.text()
        )
