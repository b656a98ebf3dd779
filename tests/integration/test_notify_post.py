"""One call to the outside, against real endpoints that behave as the internet does."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from http_message_signatures import (
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)
from py_vapid import Vapid02
from requests import Request

from gateway.core.notices import Notice, Outcome, Target
from gateway.notify import post as posts
from gateway.notify.addresses import PublicOnly
from gateway.notify.mqtt import Mqtt
from gateway.notify.post import Post
from gateway.notify.push_crypto import load_key, new_key, point, unbase64
from gateway.notify.web_push import WebPush, payload, topic_of
from gateway.notify.webhook import Webhook
from gateway.notify.webhook import payload as hook_payload

SECRET = b"0123456789abcdef0123456789abcdef"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
NOTICE = Notice(
    firing_id="f1",
    alert_id="a1",
    machine="leg-press-01",
    name="Beinpresse",
    category="legs",
    free_since=1000.0,
    expires_at=1300.5,
    place=1,
    url="http://gym.local:8080/m/leg-press-01",
    note="nach dem Aufwärmen",
)
# the browser's side of RFC 8291, Appendix A
KEYS = {
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcx"
    "aOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}


@asynccontextmanager
async def calling(
    handler: Handler, resolver: aiohttp.abc.AbstractResolver | None = None
) -> AsyncIterator[tuple[Post, TestServer]]:
    app = web.Application()
    app.router.add_post("/{any:.*}", handler)
    server, post = TestServer(app), Post(resolver)
    await server.start_server()
    try:
        yield post, server
    finally:
        await post.close()
        await server.close()


def answering(status: int, text: str = "", **headers: str) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, text=text, headers=named)

    return answer


async def outcome(handler: Handler) -> Outcome:
    async with calling(handler) as (post, server):
        return await post.send(str(server.make_url("/1")), b"hello", {})


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, "delivered") for status in (200, 201, 202, 204)),
        *((status, "gone") for status in (404, 410)),
        *((status, "permanent") for status in (301, 302, 307, 308, 400, 401, 403, 413)),
        *((status, "retry") for status in (408, 429, 500, 502, 503, 507)),
    ],
)
async def test_a_status_means_what_the_rfcs_say(status: int, kind: str) -> None:
    assert (await outcome(answering(status, Location="/elsewhere"))).kind == kind


async def test_the_words_of_a_refusal_are_kept_and_are_short_and_on_one_line() -> None:
    found = await outcome(answering(403, '{"reason":\n"BadJwtToken"}' + "x" * 1_000_000))
    assert found.reason.startswith('403 {"reason": "BadJwtToken"}')
    assert len(found.reason) <= 210
    assert found.reason.isprintable()


async def test_retry_after_is_heard_in_seconds_and_as_a_date() -> None:
    assert (await outcome(answering(429, Retry_After="17"))).retry_after == 17.0
    date = formatdate(time.time() + 60, usegmt=True)
    assert (await outcome(answering(503, Retry_After=date))).retry_after == pytest.approx(60, abs=3)
    past = formatdate(time.time() - 60, usegmt=True)
    assert (await outcome(answering(503, Retry_After=past))).retry_after == 0.0


@pytest.mark.parametrize("text", ["soon", "-5", "1e3", "", "99999999999999", "²"])
async def test_a_strange_retry_after_is_never_more_than_an_hour(text: str) -> None:
    assert ((await outcome(answering(503, Retry_After=text))).retry_after or 0.0) <= 3600.0


async def test_who_hangs_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(_request: web.Request) -> web.Response:
        await asyncio.sleep(3600)
        raise AssertionError

    monkeypatch.setattr(posts, "_TIMEOUT", aiohttp.ClientTimeout(total=0.1))
    assert (await outcome(hang)).kind == "retry"


@pytest.mark.parametrize(("status", "kind"), [(201, "delivered"), (403, "permanent")])
async def test_a_body_that_never_ends_holds_nobody_up(
    status: int, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse(status=status)
        await reply.prepare(request)
        await asyncio.sleep(3600)
        return reply

    monkeypatch.setattr(posts, "WORDS_WITHIN", 0.1)
    async with asyncio.timeout(2):
        assert (await outcome(drip)).kind == kind


async def test_a_port_where_nobody_listens_is_tried_again() -> None:
    async with calling(answering(201)) as (post, server):
        url = str(server.make_url("/1"))
        await server.close()
        assert (await post.send(url, b"", {})).kind == "retry"


async def test_a_name_that_leads_home_is_refused_for_good() -> None:
    async with calling(answering(201), PublicOnly(())) as (post, server):
        found = await post.send(f"http://localhost:{server.port}/1", b"", {})
    assert found.kind == "permanent"
    assert "leads into a private network" in found.reason


async def test_a_host_and_port_that_the_operators_named_is_called() -> None:
    async with calling(answering(201)) as (_, server):
        post = Post(PublicOnly([f"LOCALHOST:{server.port}"]))
        found = await post.send(f"http://localhost:{server.port}/1", b"", {})
        await post.close()
    assert found.kind == "delivered"


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://127.0.0.1/1", "http://", "http://[::1"])
async def test_what_is_no_address_is_not_tried_again(url: str) -> None:
    async with calling(answering(201)) as (post, _):
        assert (await post.send(url, b"", {})).kind == "permanent"


# --- Web Push -----------------------------------------------------------------------------


@asynccontextmanager
async def pushing(
    wall: Callable[[], float],
) -> AsyncIterator[tuple[WebPush, str, list[dict[str, str]]]]:
    heard: list[dict[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        heard.append(dict(request.headers))
        return web.Response(status=201)

    async with calling(answer) as (post, server):
        push = WebPush(post, load_key(new_key()), "mailto:gym@example.org", wall)
        yield push, str(server.make_url("/push")), heard


async def test_an_independent_library_accepts_who_we_say_we_are() -> None:
    async with pushing(lambda: 1000.0) as (push, url, heard):
        await push.send(NOTICE, Target("t", "web_push", url, KEYS), "1")
    said = heard[0]["Authorization"]
    assert Vapid02.verify(said.replace(", ", ","))  # it knows no blank, the RFC has one
    assert unbase64(said.partition("k=")[2]) == point(push._private)
    claims = unbase64(said.split(".")[1]).decode()
    assert f'"aud": "{url.removesuffix("/push")}"' in claims
    assert '"sub": "mailto:gym@example.org"' in claims


async def test_a_token_is_made_once_for_twelve_hours_and_again_when_the_clock_was_set() -> None:
    now = 1000.0
    async with pushing(lambda: now) as (push, url, heard):
        for moment in (1000.0, 1100.0, 1000.0 + 11.5 * 3600, -90_000.0):
            now = moment
            await push.send(notice_of(now), Target("t", "web_push", url, KEYS), "1")
    tokens = [each["Authorization"] for each in heard]
    assert tokens[0] == tokens[1]
    assert len(set(tokens)) == 3


def notice_of(now: float) -> Notice:
    return Notice("f1", "a1", "m", "M", "legs", now, now + 300, 1, "http://gym.local/m/m")


async def test_what_expires_within_a_second_still_has_a_ttl() -> None:
    async with pushing(lambda: 1300.0) as (push, url, heard):
        found = await push.send(NOTICE, Target("t", "web_push", url, KEYS), "1")
    assert found.kind == "delivered"
    assert heard[0]["TTL"] == "1"


async def test_what_has_expired_is_not_sent() -> None:
    async with pushing(lambda: 1301.0) as (push, url, heard):
        found = await push.send(NOTICE, Target("t", "web_push", url, KEYS), "1")
    assert found == Outcome("permanent", "expired")
    assert heard == []


@pytest.mark.parametrize(
    "keys",
    [{}, {"p256dh": "AAAA", "auth": "AAAA"}, {**KEYS, "p256dh": KEYS["p256dh"][:-2] + "xx"}],
)
async def test_a_browser_whose_key_cannot_be_used_is_gone(keys: dict[str, str]) -> None:
    async with pushing(lambda: 1000.0) as (push, url, heard):
        found = await push.send(NOTICE, Target("t", "web_push", url, keys), "1")
    assert found.kind == "gone"
    assert heard == []


def test_a_push_is_below_the_3_kib_that_every_service_takes() -> None:
    longest = Notice(
        "f" * 50, "a" * 50, "m" * 64, "🏋" * 100, "c", 0.0, 1.0, 1, "u" * 300, "🏋" * 200
    )
    assert len(payload(longest)) <= 3072


def test_a_topic_is_short_and_each_machine_has_its_own() -> None:
    topics = {topic_of(f"machine-{number}") for number in range(100)}
    assert len(topics) == 100
    assert {len(topic) for topic in topics} == {32}


# --- webhooks -----------------------------------------------------------------------------


class _Keys(HTTPSignatureKeyResolver):
    def resolve_public_key(self, key_id: str) -> bytes:
        assert key_id == "gym"
        return SECRET

    resolve_private_key = resolve_public_key


@pytest.mark.parametrize("path", ["", "/", "/gym?a=1&b=%20", "/%7Ea/%2F?x", "/ü", "/gym#here"])
async def test_a_signature_is_of_the_address_as_the_receiver_sees_it(path: str) -> None:
    heard: list[Request] = []

    async def hear(request: web.Request) -> web.Response:
        url = f"http://{request.host}{request.raw_path}"
        heard.append(Request("POST", url, headers=dict(request.headers), data=await request.read()))
        return web.Response(status=204)

    async with calling(hear) as (post, server):
        target = Target("w", "webhook", f"http://127.0.0.1:{server.port}{path}")
        hook = Webhook(post, SECRET, "gym", time.time)
        assert (await hook.send(NOTICE, target, "1")).kind == "delivered"
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=_Keys())
    assert verifier.verify(heard[0].prepare())


# --- MQTT ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("there", "kind"), [(True, "delivered"), (False, "retry")])
async def test_mqtt_publishes_what_a_webhook_is_sent(there: bool, kind: str) -> None:
    sent: list[tuple[str, bytes]] = []

    def publish(topic: str, body: bytes) -> bool:
        sent.append((topic, body))
        return there

    found = await Mqtt(publish).send(NOTICE, Target("mqtt", "mqtt", "gyms/g/alerts"), "1")
    assert found.kind == kind
    assert sent == [("gyms/g/alerts", hook_payload(NOTICE))]


# --- without the extra --------------------------------------------------------------------


def test_the_gateway_needs_no_library_of_the_extra_push() -> None:
    program = (
        "import sys; sys.modules['cryptography'] = None; import gateway.cli, gateway.app.notify"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
