"""Who is answered: by name, by headers, at the local socket."""

import socket
import stat
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest

from gateway.api.health import Health
from gateway.api.listeners import listen_locally, listen_tcp
from tests.integration.served import Served, raw, serving

HEADERS = (
    "X-Request-Id",
    "Content-Security-Policy",
    "X-Content-Type-Options",
    "Referrer-Policy",
    "Permissions-Policy",
)


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    async with serving(hosts=("gym.local",)) as served:
        yield served


@pytest.mark.parametrize("path", ["/", "/branches", "/nothing", "/health", "/web/phone/app.js"])
async def test_every_reply_has_an_id_and_the_security_headers(api: Served, path: str) -> None:
    reply = await api.get(path)
    assert all(reply.headers.get(name) for name in HEADERS)
    policy = reply.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert "frame-ancestors" in policy


async def test_streams_have_them_too(api: Served) -> None:
    async with api.stream() as stream:
        assert all(stream.reply.headers.get(name) for name in HEADERS)


async def test_each_request_has_an_id_of_its_own(api: Served) -> None:
    ids = {(await api.get("/health")).headers["X-Request-Id"] for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:8080",
        "localhost.:1",
        "gym.local",
        "GYM.local.",
        "gym.local:8080",
        "127.0.0.1",
        "127.0.0.1:8080",
        "[::1]:8080",
    ],
)
async def test_we_answer_to_our_names(api: Served, host: str) -> None:
    assert (await api.get("/health", Host=host)).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "gym.local.evil.example",
        "notgym.local",
        "evil@localhost",
        "localhost:80:80",
        "localhost evil",
        "localhost/evil",
        "x.localhost",
        "8.8.8.8",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "2130706433",
        "127.1",
        "[::1",
        "[evil]",
        "..",
    ],
)
async def test_other_names_are_421(api: Served, host: str) -> None:
    reply = await api.get("/branches", Host=host)
    assert reply.status == 421
    assert (await reply.json(content_type=None))["code"] == "unknown_host"


@pytest.mark.parametrize("lines", [b"", b"Host:\r\n", b"Host: localhost\r\nHost: evil.example\r\n"])
async def test_no_name_and_two_names_are_refused(api: Served, lines: bytes) -> None:
    answer = await raw(
        api.server.port, b"GET /branches HTTP/1.1\r\n%bConnection: close\r\n\r\n" % lines
    )
    assert answer.split(b" ")[1] in {b"421", b"400"}


async def test_health_tells_a_stranger_the_status_only(api: Served) -> None:
    api.health = Health(ready=True, degraded=True, parts={"mqtt": "no broker"}, details={"a": 1})
    assert await api.json("/health") == {"status": "degraded", "ready": True}


async def test_degraded_is_ready(api: Served) -> None:
    api.health = replace(api.health, degraded=True)
    assert (await api.json("/health/ready"))["status"] == "degraded"


async def test_not_ready_is_503_and_still_alive(api: Served) -> None:
    api.health = Health(ready=False, degraded=True)
    assert (await api.json("/health/ready", 503))["status"] == "unavailable"
    assert await api.json("/health/live") == {"status": "ok"}


async def local(api: Served, path: str, host: str = "localhost") -> aiohttp.ClientResponse:
    async with aiohttp.ClientSession(
        connector=aiohttp.UnixConnector(str(api.socket_path))
    ) as client:
        reply = await client.get("http://localhost" + path, headers={"Host": host})
        await reply.read()
        return reply


async def test_the_socket_is_for_owner_and_group(api: Served) -> None:
    assert stat.S_IMODE(api.socket_path.stat().st_mode) == 0o660


async def test_admin_exists_at_the_socket_only(api: Served) -> None:
    reply = await local(api, "/admin/sensors?after=3")
    assert await reply.json() == {"sensors": [], "after": "3"}
    assert (await local(api, "/admin/nothing")).status == 404


async def test_the_parts_are_told_at_the_socket(api: Served) -> None:
    api.health = Health(ready=True, degraded=True, parts={"mqtt": "no broker"})
    reply = await local(api, "/health")
    assert (await reply.json())["parts"] == {"mqtt": "no broker"}


async def test_the_socket_asks_for_no_name(api: Served) -> None:
    assert (await local(api, "/branches", host="evil.example")).status == 200


async def test_the_server_checks_itself(api: Served) -> None:
    assert await api.server.answers()
    api.socket_path.unlink()
    assert not await api.server.answers()


async def test_the_socket_is_gone_after_the_end() -> None:
    async with serving() as api:
        assert api.socket_path.exists()
        await api.server.stop()
        assert not api.socket_path.exists()


async def test_a_stale_socket_is_replaced_and_a_live_one_is_not(api: Served) -> None:
    with pytest.raises(OSError, match="already running"):
        await listen_locally(lambda: pytest.fail("nobody connects"), api.socket_path)
    stale = api.socket_path.with_name("stale.sock")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(stale))
    (await listen_locally(lambda: pytest.fail("nobody connects"), stale)).close()


async def test_a_taken_port_is_named_with_what_to_do(api: Served) -> None:
    port = api.server.port
    with pytest.raises(OSError, match=rf"port {port}: another program .* set another"):
        await listen_tcp(lambda: pytest.fail("nobody connects"), "127.0.0.1", port)
