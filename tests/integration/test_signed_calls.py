"""Signed calls, signed here by another library than ours."""

import secrets
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
import requests
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms

from tests.integration.served import Served, serving

MASTER = b"m" * 32
BASE = "http://localhost:8080"
COVERED = ("@method", "@target-uri")


class OneKey(HTTPSignatureKeyResolver):
    def __init__(self, secret: str) -> None:
        self._secret = bytes.fromhex(secret)

    def resolve_private_key(self, key_id: str) -> bytes:  # noqa: ARG002  the library's signature
        return self._secret


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    async with serving(master=MASTER) as served:
        served.wall.now = time.time() - 2  # so that now is later than the second of our start
        yield served


def signed(made: dict[str, Any], method: str, path: str, body: bytes = b"") -> dict[str, str]:
    """Headers of a call that is signed now."""
    request = requests.Request(method, BASE + path, data=body).prepare()
    signer = HTTPMessageSigner(
        signature_algorithm=algorithms.HMAC_SHA256, key_resolver=OneKey(made["secret"])
    )
    signer.sign(
        request,
        key_id=made["id"],
        created=datetime.now().astimezone(),
        nonce=secrets.token_urlsafe(12),
        covered_component_ids=COVERED,
        body=body or None,
    )
    names = ("Signature", "Signature-Input", "Content-Digest")
    return {name: str(request.headers[name]) for name in names if name in request.headers}


async def make(api: Served) -> dict[str, Any]:
    made: dict[str, Any] = await api.locally(
        "POST", "/admin/keys", {"role": "staff", "signed": True}
    )
    return made


async def test_a_call_signed_by_another_library_is_taken_once(api: Served) -> None:
    headers = signed(await make(api), "GET", "/events")
    assert (await api.get("/events", **headers)).status == 200
    replayed = await api.get("/events", **headers)
    assert replayed.status == 401
    assert "nonce" in (await replayed.json())["detail"]


async def test_a_signed_body_must_be_the_one_that_was_signed(api: Served) -> None:
    made, path = await make(api), "/machines/bench-01/service"
    headers = signed(made, "PUT", path, b'{"outOfService": true}')
    headers["Content-Type"] = "application/json"
    url = api.url + path
    async with api.client.put(url, data=b'{"outOfService": false}', headers=headers) as reply:
        assert reply.status == 401
    headers = signed(made, "PUT", path, b'{"outOfService": true}')
    headers["Content-Type"] = "application/json"
    async with api.client.put(url, data=b'{"outOfService": true}', headers=headers) as reply:
        assert reply.status == 200


async def test_a_signature_is_for_one_address(api: Served) -> None:
    headers = signed(await make(api), "GET", "/events")
    assert (await api.get("/events?limit=1", **headers)).status == 401


async def test_the_secret_of_a_signed_key_is_no_bearer_token(api: Served) -> None:
    made = await make(api)
    assert (await api.get("/events", X_API_Key=made["secret"])).status == 401


async def test_a_revoked_key_signs_no_more(api: Served) -> None:
    made = await make(api)
    await api.locally("DELETE", f"/admin/keys/{made['id']}")
    assert (await api.get("/events", **signed(made, "GET", "/events"))).status == 401
