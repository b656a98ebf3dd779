"""`/admin/…`: for who may open the Unix socket; elsewhere it does not exist."""

import inspect
from collections.abc import Callable, Mapping

from aiohttp import web

from gateway.api.messages import encode

AdminHandler = Callable[[dict[str, str]], object]
"""Query parameters → something that has a JSON form, or an awaitable of it."""


class AdminRoutes:
    """`/admin/{name}`."""

    def __init__(self, handlers: Mapping[str, AdminHandler]) -> None:
        self._handlers = handlers

    def routes(self) -> list[web.RouteDef]:
        """What is served here."""
        return [web.get("/admin/{name}", self.answer)]

    async def answer(self, request: web.Request) -> web.Response:
        """What the handler of that name says."""
        handler = self._handlers.get(request.match_info["name"])
        if handler is None:
            raise web.HTTPNotFound
        said = handler(dict(request.query))
        if inspect.isawaitable(said):
            said = await said
        return web.Response(body=encode(said), content_type="application/json")
