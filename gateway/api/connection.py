"""One client's connection: what the server library's own does not tell or say."""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Protocol

from aiohttp import web

log = logging.getLogger(__name__)
SILENT = logging.getLogger("gateway.api.access")
SILENT.setLevel(logging.CRITICAL)  # a line for each request is no food for a card

ErrorReply = Callable[[web.BaseRequest, int, str], web.StreamResponse]


class Listener(Protocol):
    """Who writes to the connection directly and wants to know how that goes."""

    def paused(self) -> None:
        """The client reads slower than we write."""

    def drained(self) -> None:
        """There is room again."""

    def lost(self) -> None:
        """The connection is gone."""


class Connection(web.RequestHandler):
    """Knows whether it is local, and tells its listener about room and its end."""

    def __init__(self, manager: web.Server, most: int, error_reply: ErrorReply) -> None:
        """At most `most` connections are open at once; others are cut at once."""
        super().__init__(
            manager,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=75.0,  # seconds; also what a half request may take
            lingering_time=2.0,  # seconds to swallow a body that nobody wanted
            access_log=SILENT,
        )
        self._most = most
        self._error_reply = error_reply
        self.local = False
        """Whether it came through the Unix socket."""
        self.listener: Listener | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Refuse what is too much, before anything is read."""
        manager = self._manager
        if manager is not None and len(manager.connections) >= self._most:
            assert isinstance(transport, asyncio.WriteTransport)
            transport.abort()
            return
        sock: socket.socket = transport.get_extra_info("socket")
        self.local = sock.family == socket.AF_UNIX
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell the listener; a parked stream would never notice by itself."""
        super().connection_lost(exc)
        if self.listener is not None:
            self.listener.lost()

    def pause_writing(self) -> None:
        """Tell the listener."""
        super().pause_writing()
        if self.listener is not None:
            self.listener.paused()

    def resume_writing(self) -> None:
        """Tell the listener."""
        super().resume_writing()
        if self.listener is not None:
            self.listener.drained()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what never reached a handler: bytes that are no HTTP, or a fault of ours."""
        if status >= 500:  # noqa: PLR2004  the server's fault
            log.error("a request failed outside its handler", exc_info=exc)
        if request.writer.output_size:
            raise ConnectionResetError("the reply had begun")
        reply = self._error_reply(request, status, (message or "").partition("\n")[0])
        reply.force_close()
        return reply

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """An HTTP error that was raised before any handler ran is a problem too."""
        if isinstance(resp, web.HTTPException):
            resp = self._error_reply(request, resp.status, resp.reason)
        return await super().finish_response(request, resp, start_time)


def connection_of(request: web.BaseRequest) -> Connection:
    """The connection a request came through."""
    connection = request.protocol
    assert isinstance(connection, Connection)
    return connection
