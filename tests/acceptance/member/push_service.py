"""A push service and the browser's side of it: what the gateway sends is read, and handed on."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import http_ece
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.async_api import CDPSession, Page

from gateway.notify.push_crypto import CURVE, base64url, point

WITHIN = 30  # seconds: a phone whose page is open is pushed to 8 s after the page was told
SUBSCRIBE = """
PushManager.prototype.subscribe = async () => ({ toJSON: () => (SUBSCRIPTION) });
"""


class PushService:
    """What came, decrypted by an independent library."""

    def __init__(self) -> None:
        self._private = ec.generate_private_key(CURVE)
        self._auth = os.urandom(16)
        self.port = 0
        self.came: asyncio.Queue[str] = asyncio.Queue()

    @property
    def host(self) -> str:
        """As the operators name it in `push_hosts`."""
        return f"127.0.0.1:{self.port}"

    @property
    def script(self) -> str:
        """A browser that subscribes here: a real one would ask its maker, over the internet."""
        keys = {"p256dh": base64url(point(self._private)), "auth": base64url(self._auth)}
        asked = {"endpoint": f"http://{self.host}/phone", "expirationTime": None, "keys": keys}
        return SUBSCRIBE.replace("SUBSCRIPTION", json.dumps(asked))

    async def take(self, request: web.Request) -> web.Response:
        """RFC 8030: created."""
        body = await request.read()
        read = http_ece.decrypt(body, private_key=self._private, auth_secret=self._auth)
        self.came.put_nowait(read.decode())
        return web.Response(status=201)

    async def next(self) -> str:
        """What the gateway sent, as the browser would read it."""
        async with asyncio.timeout(WITHIN):
            return await self.came.get()


@asynccontextmanager
async def push_service() -> AsyncIterator[PushService]:
    """On a free port."""
    service, app = PushService(), web.Application()
    app.router.add_post("/phone", service.take)
    server = TestServer(app)
    await server.start_server()
    service.port = server.port or 0
    try:
        yield service
    finally:
        await server.close()


class Deliveries:
    """The way from the browser into its service worker."""

    def __init__(self, cdp: CDPSession, origin: str) -> None:
        self._cdp, self._origin = cdp, origin
        self._registration: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @classmethod
    async def to(cls, page: Page, origin: str) -> "Deliveries":
        """The worker that this page has registered."""
        found = cls(await page.context.new_cdp_session(page), origin)
        found._cdp.on("ServiceWorker.workerRegistrationUpdated", found._hear)
        await found._cdp.send("ServiceWorker.enable")
        return found

    def _hear(self, event: dict[str, Any]) -> None:
        for one in event["registrations"]:
            if one["scopeURL"].startswith(self._origin) and not self._registration.done():
                self._registration.set_result(one["registrationId"])

    async def deliver(self, text: str) -> None:
        """As a push that came from its maker's service."""
        async with asyncio.timeout(WITHIN):
            registration = await self._registration
        asked = {"origin": self._origin, "registrationId": registration, "data": text}
        await self._cdp.send("ServiceWorker.deliverPushMessage", asked)
