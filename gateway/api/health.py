"""How the gateway is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec
from aiohttp import web

from gateway.api.connection import connection_of
from gateway.api.messages import HealthReply, HealthStatus, encode


@dataclass(frozen=True, slots=True)
class Health:
    """What the parts say of themselves, as of now."""

    ready: bool
    """Store, pipeline and HTTP work."""
    degraded: bool
    """Something is missing; what is left works."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """Part → what is wrong with it and what to do."""
    details: Mapping[str, object] = field(default_factory=dict)
    """More, for the technician; anything that has a JSON form."""


class HealthRoutes:
    """`/health…`."""

    def __init__(self, health: Callable[[], Health]) -> None:
        self._health = health

    def routes(self) -> list[web.RouteDef]:
        """What is served here."""
        return [
            web.get("/health", self.show_health),
            web.get("/health/live", self.show_live),
            web.get("/health/ready", self.show_ready),
        ]

    async def show_health(self, request: web.Request) -> web.Response:
        """The status; the parts too for who asks locally."""
        health = self._health()
        return _answer(health, 200, tell_all=connection_of(request).local)

    async def show_live(self, _request: web.Request) -> web.Response:
        """The process answers."""
        return web.json_response({"status": "ok"}, headers={"Cache-Control": "no-store"})

    async def show_ready(self, _request: web.Request) -> web.Response:
        """200 while store, pipeline and HTTP work, degraded or not; else 503."""
        health = self._health()
        return _answer(health, 200 if health.ready else 503, tell_all=False)


def _status(health: Health) -> HealthStatus:
    if not health.ready:
        return "unavailable"
    return "degraded" if health.degraded else "ok"


def _answer(health: Health, status: int, *, tell_all: bool) -> web.Response:
    body = HealthReply(
        status=_status(health),
        ready=health.ready,
        parts=health.parts if tell_all else msgspec.UNSET,
        details=health.details if tell_all else msgspec.UNSET,
    )
    return web.Response(
        status=status,
        body=encode(body),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
