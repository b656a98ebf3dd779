from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from gateway.api.middleware.cors import Cors

APP = "https://app.example.org"
Client = TestClient[Any, Any]


async def _text(_request: web.Request) -> web.Response:
    return web.Response(text="it", headers={"Vary": "Accept-Encoding"})


async def _stream(request: web.Request) -> web.StreamResponse:
    reply = web.StreamResponse()
    await reply.prepare(request)
    await reply.write(b"piece")
    return reply


@asynccontextmanager
async def site(*origins: str) -> AsyncIterator[Client]:
    cors = Cors(origins)
    app = web.Application(middlewares=[cors.preflight])

    async def tell(request: web.BaseRequest, response: web.StreamResponse) -> None:
        told: dict[str, str] = {}
        cors.add_to(told, request)
        response.headers.update(told)

    app.on_response_prepare.append(tell)
    app.router.add_get("/it", _text)
    app.router.add_put("/it", _text)
    app.router.add_get("/stream", _stream)
    async with TestClient(TestServer(app)) as client:
        yield client


async def ask(client: Client, method: str, path: str, **headers: str) -> ClientResponse:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    reply: ClientResponse = await client.request(method, path, headers=names)
    return reply


@pytest.mark.parametrize("path", ["/it", "/stream", "/nowhere"])
async def test_an_allowed_origin_may_read_every_reply_and_what_its_headers_say(path: str) -> None:
    async with site(APP) as client:
        reply = await ask(client, "GET", path, Origin=APP)
    assert reply.headers["Access-Control-Allow-Origin"] == APP
    assert "RateLimit" in reply.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in reply.headers


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example.org", "http://app.example.org", f"{APP}:8443", "null", APP[:-1]],
)
async def test_a_foreign_origin_is_told_nothing(origin: str) -> None:
    async with site(APP) as client:
        asked = {"Origin": origin, "Access_Control_Request_Method": "PUT"}
        for reply in (
            await ask(client, "GET", "/it", **asked),
            await ask(client, "OPTIONS", "/it", **asked),
        ):
            assert not [name for name in reply.headers if name.startswith("Access-Control")]
    assert reply.status == 405


async def test_caches_are_told_that_the_reply_depends_on_the_origin() -> None:
    async with site(APP) as client:
        assert (await ask(client, "GET", "/it")).headers["Vary"] == "Origin"
        assert (await ask(client, "GET", "/stream")).headers["Vary"] == "Origin"


async def test_a_preflight_tells_the_methods_of_its_path_and_what_may_be_sent() -> None:
    async with site(APP) as client:
        reply = await ask(client, "OPTIONS", "/it", Origin=APP, Access_Control_Request_Method="PUT")
    assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (204, APP)
    assert reply.headers["Access-Control-Allow-Methods"] == "GET, HEAD, PUT"
    for name in ("Authorization", "X-API-Key", "Last-Event-ID", "Signature-Input", "Content-Type"):
        assert name in reply.headers["Access-Control-Allow-Headers"].split(", ")
    assert reply.headers["Access-Control-Max-Age"] == "7200"


async def test_a_preflight_for_nothing_is_not_found() -> None:
    async with site(APP) as client:
        asked = {"Origin": APP, "Access_Control_Request_Method": "GET"}
        assert (await ask(client, "OPTIONS", "/nowhere", **asked)).status == 404


async def test_a_star_lets_every_page_read_and_none_send_cookies() -> None:
    async with site("*") as client:
        reply = await ask(client, "GET", "/it", Origin="https://any.example.org")
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert reply.headers["Vary"] == "Accept-Encoding"
    assert "Access-Control-Allow-Credentials" not in reply.headers


async def test_without_configured_origins_no_word_of_cors_is_said() -> None:
    async with site() as client:
        reply = await ask(client, "GET", "/it", Origin=APP)
    assert not [name for name in reply.headers if name.startswith("Access-Control")]
    assert reply.headers["Vary"] == "Accept-Encoding"


async def test_what_is_no_preflight_reaches_the_handler() -> None:
    async with site(APP) as client:
        assert (await ask(client, "OPTIONS", "/it", Origin=APP)).status == 405
        assert (await ask(client, "PUT", "/it", Origin=APP)).status == 200
