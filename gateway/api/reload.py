"""`POST /admin/reload`: the configuration is read again; at the local socket only."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web

from gateway.api.messages import Wire, encode
from gateway.api.query import no_parameters


class Reloaded(Protocol):
    """What came of it, named as in the file."""

    @property
    def swapped(self) -> tuple[str, ...]:
        """What counts now."""

    @property
    def waiting(self) -> tuple[str, ...]:
        """What counts from the next start on."""


Reload = Callable[[], Awaitable[Reloaded]]
"""Raises ConflictError that names every mistake."""


class ReloadedRow(Wire, frozen=True):
    """As JSON."""

    swapped: tuple[str, ...]
    waiting: tuple[str, ...]


class ReloadRoutes:
    """`/admin/reload`."""

    def __init__(self, reload: Reload) -> None:
        self._reload = reload

    def routes(self) -> list[web.RouteDef]:
        """What is served here."""
        return [web.post("/admin/reload", self.reload)]

    async def reload(self, request: web.Request) -> web.Response:
        """Done when this is answered."""
        no_parameters(request)
        done = await self._reload()
        row = ReloadedRow(swapped=done.swapped, waiting=done.waiting)
        return web.Response(body=encode(row), content_type="application/json")
