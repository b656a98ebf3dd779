"""How the gateway is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import msgspec
from aiohttp import web

from gateway.api.connection import connection_of
from gateway.api.door import holder_of
from gateway.api.messages import HealthReply, HealthStatus, LiveReply, encode
from gateway.api.operation import Operation
from gateway.api.query import no_parameters
from gateway.core.access import Role, may


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

    def operations(self) -> list[Operation]:
        """What is served here; never limited."""
        health = Operation(
            method="GET",
            path="/health",
            handler=self.show_health,
            summary="How the gateway is; the parts too with a staff key",
            tag="Health",
            gives=HealthReply,
            example={"status": "ok", "ready": True},
            rate="none",
        )
        live = replace(
            health,
            path="/health/live",
            handler=self.show_live,
            summary="The process answers",
            gives=LiveReply,
            example={"status": "ok"},
        )
        ready = replace(
            health,
            path="/health/ready",
            handler=self.show_ready,
            summary="200 while store, pipeline and HTTP work, degraded or not",
            also=(503,),
        )
        return [health, live, ready]

    async def show_health(self, request: web.Request) -> web.Response:
        """The status; the parts too for staff and for who asks locally."""
        no_parameters(request)
        health = self._health()
        holder = holder_of(request)
        is_staff = holder is not None and may(holder.role, Role.STAFF)
        return _answer(health, 200, tell_all=is_staff or connection_of(request).local)

    async def show_live(self, request: web.Request) -> web.Response:
        """The process answers."""
        no_parameters(request)
        return web.json_response({"status": "ok"}, headers={"Cache-Control": "no-store"})

    async def show_ready(self, request: web.Request) -> web.Response:
        """200 while store, pipeline and HTTP work, degraded or not; else 503."""
        no_parameters(request)
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
