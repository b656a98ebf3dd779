"""One client's connection: what the server library's own does not tell or say."""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Protocol

from aiohttp import web

from gateway.api.gate import Gate

log = logging.getLogger(__name__)
SILENT = logging.getLogger("gateway.api.access")
SILENT.setLevel(logging.CRITICAL)  # a line for each request is no food for a card

SEND_BUFFER = 32 * 1024  # bytes in the kernel, which doubles it: some 300 events
RECEIVE_BUFFER = 16 * 1024  # bytes; who follows a stream says little
HIGH, LOW = 64 * 1024, 16 * 1024  # bytes of ours: above HIGH only the newest are remembered
HEAD_WITHIN = 10.0  # seconds for the head of a request, from its first byte or from the connection
UNANSWERED = 30_000  # milliseconds without an acknowledgement until the kernel gives up

VIOLATION = b"\x88\x02\x03\xea"  # a WebSocket's close frame with code 1002

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

    def __init__(self, manager: web.Server, gate: Gate, error_reply: ErrorReply) -> None:
        """Whom `gate` has no place for is cut at once."""
        super().__init__(
            manager,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=75.0,  # seconds between two requests
            lingering_time=2.0,  # seconds to swallow a body that nobody wanted
            access_log=SILENT,
        )
        self._gate = gate
        self._place: str | None = None  # the address that has a place through us
        self._slow: asyncio.TimerHandle | None = None
        self._error_reply = error_reply
        self.local = False
        """Whether it came through the Unix socket."""
        self.listener: Listener | None = None
        self.watch: Callable[[bytes], bool] | None = None
        """Looks at what comes in on a WebSocket; where it says no, that is closed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Refuse what is too much, before anything is read."""
        sock: socket.socket = transport.get_extra_info("socket")
        self.local = sock.family == socket.AF_UNIX
        if not self.local:
            address: str = transport.get_extra_info("peername")[0]
            if not self._gate.enter(address):
                assert isinstance(transport, asyncio.WriteTransport)
                transport.abort()
                return
            self._place = address
        super().connection_made(transport)
        self._idle()
        self._hurry()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell the listener; a parked stream would never notice by itself."""
        super().connection_lost(exc)
        if self._place is not None:
            self._gate.leave(self._place, self)
            self._place = None
        self._calm()
        if self.listener is not None:
            self.listener.lost()

    def _hurry(self) -> None:
        """From here on the head of a request must come whole in time."""
        if self._slow is None:
            self._slow = self._loop.call_later(HEAD_WITHIN, self.cut)

    def _calm(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def _idle(self) -> None:
        if self._place is not None:
            self._gate.idles(self)

    def cut(self) -> None:
        """End it at once."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Let who watches look first."""
        if self.watch is None or self.watch(data):
            heard = self._request_count
            super().data_received(data)
            if self._request_count > heard or self._request_in_progress:
                self._gate.works(self)
                self._calm()
            else:
                self._hurry()
        elif self.transport is not None:
            self.transport.write(VIOLATION)
            self.transport.close()

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

    async def room(self) -> None:
        """Wait while the client reads slower than we write. Raises ConnectionError."""
        await self._drain_helper()

    def limit_buffers(self) -> None:
        """Bound what a client that does not read costs, here and in the kernel."""
        transport = self.transport
        if transport is None:
            raise ConnectionResetError("the client went away")
        transport.set_write_buffer_limits(high=HIGH, low=LOW)
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        if not self.local:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNANSWERED)

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
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self._idle()


def connection_of(request: web.BaseRequest) -> Connection:
    """The connection a request came through."""
    connection = request.protocol
    assert isinstance(connection, Connection)
    return connection
