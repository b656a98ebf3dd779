"""Rings that leave the house: real endpoints on loopback, that misbehave as the internet does."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import http_ece
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec
from http_message_signatures import (
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)
from requests import Request

from config.sections import Alerts, Notify
from gateway.core.events import Status
from gateway.notify.push_crypto import CURVE, base64url, point
from gateway.store import deliveries
from tests.integration.served import Served, serving, settled

RULES = Alerts(settle=0.02, all_at_once=True, per_member=5)
AUTH = b"0123456789abcdef"


@dataclass
class Receiver:
    """An endpoint that answers what it is told to, the last answer for ever."""

    answers: list[tuple[int, dict[str, str]]] = field(default_factory=lambda: [(201, {})])
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, request: web.Request) -> web.Response:
        self.heard.append((dict(request.headers), await request.read()))
        status, headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if status == 0:
            await asyncio.sleep(3600)
        return web.Response(status=status, headers=headers)


@asynccontextmanager
async def receiving(*answers: tuple[int, dict[str, str]]) -> AsyncIterator[Receiver]:
    receiver = Receiver([*answers] or [(201, {})])
    app = web.Application()
    app.router.add_post("/{any:.*}", receiver.answer)
    server = TestServer(app)
    await server.start_server()
    receiver.port = server.port or 0
    try:
        yield receiver
    finally:
        await server.close()


@asynccontextmanager
async def gateway(**notify: Any) -> AsyncIterator[Served]:
    async with serving(rules=RULES, notify=Notify(**notify)) as api:
        for machine in api.model.views:
            api.publish(machine, Status.OCCUPIED)
        yield api


async def member(api: Served) -> str:
    return f"Bearer {(await (await api.call('POST', '/members')).json())['token']}"


async def subscribe(api: Served, who: str, **body: object) -> None:
    reply = await api.call("POST", "/alerts", {"machineId": "leg-press-01"}, Authorization=who)
    assert reply.status == 201, await reply.text()
    if body:
        reply = await api.call("POST", "/push-subscriptions", body, Authorization=who)
        assert reply.status == 201, await reply.text()


def browser(endpoint: str) -> tuple[dict[str, Any], Callable[[bytes], Any]]:
    """A browser's subscription, and how it reads what it is sent (by an independent library)."""
    private = ec.generate_private_key(CURVE)
    keys = {"p256dh": base64url(point(private)), "auth": base64url(AUTH)}

    def read(body: bytes) -> Any:
        return json.loads(http_ece.decrypt(body, private_key=private, auth_secret=AUTH))

    return {"endpoint": endpoint, "expirationTime": None, "keys": keys}, read


async def test_attempts_and_rings_are_measured() -> None:
    async with receiving((503, {})) as service, gateway(webhooks=(service.url,)) as api:
        await subscribe(api, await member(api))
        api.publish("leg-press-01")
        await settled(lambda: service.heard)
        await settled(lambda: any(kind == "retry" for kind, *_ in outcomes(api)))
        key = await api.key("metrics")
        lines = await (await api.get("/metrics", Authorization=f"Bearer {key}")).text()
    assert 'gateway_delivery_seconds_count{channel="webhook",outcome="retry"} 1.0' in lines
    assert "gateway_rings_total 1.0" in lines


def outcomes(api: Served) -> list[tuple[str, int, str, bool]]:
    rows = api.ledger.execute(
        "SELECT outcome, attempts, reason, due IS NULL FROM deliveries ORDER BY number"
    )
    return [(kind, attempts, reason, bool(over)) for kind, attempts, reason, over in rows]


async def ended(api: Served) -> list[tuple[str, int, str]]:
    await settled(lambda: (rows := outcomes(api)) and all(row[3] for row in rows))
    return [row[:3] for row in outcomes(api)]


async def test_a_push_reaches_the_browser_encrypted_and_in_time() -> None:
    async with receiving() as service, gateway(push_hosts=(f"127.0.0.1:{service.port}",)) as api:
        who = await member(api)
        subscription, read = browser(f"{service.url}/push/1")
        await subscribe(api, who, **subscription)
        api.publish("leg-press-01")
        assert await ended(api) == [("delivered", 1, "201")]
        headers, body = service.heard[0]
        said = read(body)
        key = (await api.json("/push/key"))["publicKey"]
    assert said["title"].endswith(" is free")
    assert said["machineId"] == "leg-press-01"
    assert said["url"].endswith("/m/leg-press-01")
    assert headers["Content-Encoding"] == "aes128gcm"
    assert 290 <= int(headers["TTL"]) <= 300
    assert len(headers["Topic"]) <= 32
    assert headers["Authorization"].endswith(f"k={key}")


@pytest.mark.parametrize("status", [404, 410])
async def test_a_browser_that_is_gone_is_forgotten(status: int) -> None:
    async with (
        receiving((status, {})) as service,
        gateway(push_hosts=(f"127.0.0.1:{service.port}",)) as api,
    ):
        await subscribe(api, await member(api), **browser(f"{service.url}/1")[0])
        api.publish("leg-press-01")
        assert await ended(api) == [("gone", 1, str(status))]
        assert api.ledger.execute("SELECT count(*) FROM targets").fetchone() == (0,)


async def test_too_many_requests_wait_as_long_as_they_are_told() -> None:
    async with (
        receiving((429, {"Retry-After": "2"}), (201, {})) as service,
        gateway(push_hosts=(f"127.0.0.1:{service.port}",)) as api,
    ):
        await subscribe(api, await member(api), **browser(f"{service.url}/1")[0])
        began = asyncio.get_running_loop().time()
        api.publish("leg-press-01")
        assert await ended(api) == [("delivered", 2, "201")]
        assert asyncio.get_running_loop().time() - began > 1.9


async def test_a_server_error_is_tried_again_and_a_refusal_is_not() -> None:
    async with (
        receiving((503, {}), (201, {})) as weak,
        receiving((403, {})) as strict,
        gateway(push_hosts=(f"127.0.0.1:{weak.port}", f"127.0.0.1:{strict.port}")) as api,
    ):
        await subscribe(api, await member(api), **browser(f"{weak.url}/1")[0])
        await subscribe(api, await member(api), **browser(f"{strict.url}/1")[0])
        api.publish("leg-press-01")
        found = Counter(await ended(api))
        assert found == Counter([("delivered", 2, "201"), ("permanent", 1, "403")])


async def test_a_redirect_is_not_followed() -> None:
    async with (
        receiving() as inside,
        receiving((307, {"Location": f"{inside.url}/admin"})) as service,
        gateway(push_hosts=(f"127.0.0.1:{service.port}",)) as api,
    ):
        await subscribe(api, await member(api), **browser(f"{service.url}/1")[0])
        api.publish("leg-press-01")
        assert await ended(api) == [("permanent", 1, "307")]
        assert inside.heard == []


async def test_a_target_that_hangs_delays_no_other() -> None:
    async with (
        receiving((0, {})) as hanging,
        receiving() as quick,
        gateway(push_hosts=(f"127.0.0.1:{hanging.port}", f"127.0.0.1:{quick.port}")) as api,
    ):
        for _ in range(4):
            await subscribe(api, await member(api), **browser(f"{hanging.url}/1")[0])
        await subscribe(api, await member(api), **browser(f"{quick.url}/1")[0])
        api.publish("leg-press-01")
        await settled(lambda: quick.heard)
        assert len(hanging.heard) <= 2


async def test_what_is_taken_again_is_not_pushed_later() -> None:
    async with (
        receiving((503, {"Retry-After": "1"}), (201, {})) as service,
        gateway(push_hosts=(f"127.0.0.1:{service.port}",)) as api,
    ):
        await subscribe(api, await member(api), **browser(f"{service.url}/1")[0])
        api.publish("leg-press-01")
        await settled(lambda: outcomes(api) and outcomes(api)[0][1] == 1)
        api.publish("leg-press-01", Status.OCCUPIED)
        assert await ended(api) == [("cancelled", 1, "taken")]
        assert len(service.heard) == 1
        assert [alert.state for alert in api.alerts.desk._book] == ["armed"]


async def test_ntfy_gets_a_topic_that_nobody_can_guess() -> None:
    async with receiving((200, {})) as server, gateway(ntfy=server.url) as api:
        who = await member(api)
        reply = await api.call(
            "POST", "/push-subscriptions", {"channel": "ntfy"}, Authorization=who
        )
        mine = await reply.json()
        await subscribe(api, who)
        api.publish("leg-press-01")
        assert await ended(api) == [("delivered", 1, "200")]
        said = json.loads(server.heard[0][1])
    assert mine["url"] == f"{server.url}/{said['topic']}"
    assert mine["link"].startswith("ntfy://127.0.0.1")
    assert len(said["topic"]) > 20
    assert said["click"].endswith("/m/leg-press-01")


class _Keys(HTTPSignatureKeyResolver):
    def resolve_public_key(self, key_id: str) -> bytes:
        assert key_id == "hk-central"
        return b"0123456789abcdef0123456789abcdef"

    resolve_private_key = resolve_public_key


async def test_a_webhook_is_signed_as_an_independent_library_expects(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "webhook").write_bytes(b"0123456789abcdef0123456789abcdef")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    async with receiving((204, {})) as hook, gateway(webhooks=(f"{hook.url}/gym",)) as api:
        await subscribe(api, await member(api))
        api.publish("leg-press-01")
        assert await ended(api) == [("delivered", 1, "204")]
        headers, body = hook.heard[0]
    asked = Request("POST", f"{hook.url}/gym", headers=headers, data=body).prepare()
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=_Keys())
    covered = verifier.verify(asked)[0].covered_components
    assert {'"@method"', '"@target-uri"', '"content-digest"'} <= set(covered)
    assert json.loads(body)["machineId"] == "leg-press-01"
    assert headers["Idempotency-Key"].startswith(json.loads(body)["firingId"])


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://192.168.1.1/push",
        "https://127.0.0.1/push",
        "https://[::1]/push",
        "https://gym.local/push",
        "https://fcm.googleapis.com:8443/send/1",
        "http://fcm.googleapis.com/send/1",
        "https://fcm.googleapis.com.example.org/send/1",
        "https://a@fcm.googleapis.com/send/1",
        "https://push.apple.com/1",
        "https://fcm.googleapis.com:x/1",
        "file:///etc/passwd",
        "",
    ],
)
async def test_an_endpoint_that_is_no_push_service_is_refused_and_not_stored(
    endpoint: str,
) -> None:
    async with gateway() as api:
        body = browser(endpoint)[0]
        who = await member(api)
        reply = await api.call("POST", "/push-subscriptions", body, Authorization=who)
        assert reply.status == 422, await reply.text()
        assert (await reply.json())["errors"][0]["pointer"] == "/endpoint"
        assert api.ledger.execute("SELECT count(*) FROM targets").fetchone() == (0,)


async def test_a_name_that_leads_into_the_lan_by_now_is_refused_at_the_connect() -> None:
    async with gateway(push_hosts=("localhost",)) as api:
        await subscribe(api, await member(api), **browser("https://localhost/push")[0])
        api.publish("leg-press-01")
        await settled(lambda: outcomes(api) and outcomes(api)[0][1] >= 1)
        assert "leads into a private network" in outcomes(api)[0][2]


async def test_a_phone_that_stays_on_the_page_is_not_rung_twice() -> None:
    async with receiving() as service, gateway(push_hosts=(f"127.0.0.1:{service.port}",)) as api:
        who = await member(api)
        await subscribe(api, who, **browser(f"{service.url}/1")[0])
        async with api.stream(Authorization=who) as stream:
            api.publish("leg-press-01")
            while (said := await stream.next()).event != "alert":
                pass
            path = f"/alerts/{said.data['alertId']}/seen"
            assert (await api.call("POST", path, Authorization=who)).status == 204
        assert await ended(api) == [("cancelled", 0, "seen")]


async def test_others_push_subscriptions_do_not_exist() -> None:
    async with gateway(ntfy="https://ntfy.example.org") as api:
        body = {"channel": "ntfy"}
        who, other = await member(api), await member(api)
        mine = await (await api.call("POST", "/push-subscriptions", body, Authorization=who)).json()
        path = f"/push-subscriptions/{mine['id']}"
        assert (await api.call("DELETE", path, Authorization=other)).status == 404
        assert (await api.call("DELETE", path, Authorization=who)).status == 204
        assert (await api.call("DELETE", path, Authorization=who)).status == 404


async def test_thousands_for_one_that_hangs_hide_none_for_the_others() -> None:
    async with gateway() as api:
        rows = [("web_push", "m1", f"p{number}", 1.0) for number in range(300)]
        rows += [("ntfy", "m2", "n1", 2.0), ("webhook", "", "w1", 3.0), ("webhook", "", "w2", 4.0)]
        api.ledger.executemany(
            "INSERT INTO deliveries (firing, epoch, seq, alert, channel, member, target, attempts,"
            " due) VALUES ('f', 'e', 1, 1, ?, ?, ?, 0, ?)",
            rows,
        )
        found = deliveries.due(api.ledger, 10.0)
    assert {"n1", "w1", "w2"} <= {row.target for row in found}
    assert len(found) == deliveries.MOST_DUE + 3
