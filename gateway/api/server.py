"""The HTTP server: its routes, its two listeners, its orderly end."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

from aiohttp import web

from config.sections import Config, Limits
from gateway.api.backing import Common
from gateway.api.calls import Calls, as_route
from gateway.api.connection import Connection
from gateway.api.door import exemption, share_of
from gateway.api.gate import Gate
from gateway.api.hub import Hub
from gateway.api.listeners import listen_locally, listen_tcp, room_for
from gateway.api.middleware.errors import refuse
from gateway.api.passage import application, tls_of
from gateway.api.ready import Ready
from gateway.core.events import Event

LIVE, LIVE_MOST = 15.0, 2 * 2**20  # seconds, bytes: 100 machines and their lists are 150 kB
HISTORY, HISTORY_MOST = 60.0, 8 * 2**20  # seconds, bytes: 24 hours of 400 machines
MORE_CONNECTIONS = 500  # beyond the streams: short requests, and clients between two of them
GRACE = 0.4  # seconds for requests under way when we stop; the library may take it twice
MOST_FORMER = 4  # sets of rules by which old streams go on; a fifth ends the oldest's, to resume
SELF_CHECK = 2.0  # seconds in which our own socket must answer


B = TypeVar("B", bound=Common)


class Server(Generic[B]):
    """Serves what stands behind `backing` over HTTP, by these calls."""

    def __init__(self, backing: B, calls: Calls[B]) -> None:
        self._calls = calls
        config = backing.config
        self._bus, self._config = backing.bus, config
        self._socket_path = backing.socket_path
        self._live = Ready(LIVE, LIVE_MOST)
        self._history = Ready(HISTORY, HISTORY_MOST)
        self.hub = Hub(
            backing.model,
            backing.bus,
            config.limits,
            share=share_of(config.limits),
            audience=backing.audience,
        )
        backing.credentials.when_ended(self.hub.end_streams_of)
        self._tls = tls_of(config)
        self._backing = backing
        self._runner = self._assembled()
        self._former: list[web.AppRunner] = []  # each ends its requests by the rules of then
        self._gate = Gate(*_places(config.limits))
        self._servers: list[asyncio.Server] = []
        self._undo: list[Callable[[], None]] = []
        self._local = False  # whether the socket at that path is ours

    def _assembled(self) -> web.AppRunner:
        backing = self._backing
        operations = self._calls.operations(backing, self.hub, self._live, self._history)
        app = application(backing, operations, self._tls)
        app.add_routes([as_route(operation) for operation in operations])
        app.add_routes(self._calls.beside(backing, self._live))
        return web.AppRunner(app, shutdown_timeout=GRACE)

    @property
    def port(self) -> int:
        """The TCP port we listen on."""
        port: int = self._servers[0].sockets[0].getsockname()[1]
        return port

    async def start(self) -> None:
        """`open`, then `serve`."""
        await self.open()
        await self.serve()

    async def open(self) -> None:
        """Take our places. Raises OSError that says which is taken and what to do."""
        await self._runner.setup()
        self._undo.append(self._bus.listen(self._forget))
        self.hub.start()
        http = self._config.http
        try:
            context = self._tls.context if self._tls else None
            tcp = await listen_tcp(self._connection, http.host, http.port, context)
            self._servers.append(tcp)
            self._servers.append(await listen_locally(self._connection, self._socket_path))
            self._local = True
        except OSError:
            await self.stop()
            raise

    async def serve(self) -> None:
        """Answer from now on."""
        for server in self._servers:
            await server.start_serving()

    async def stop(self) -> None:
        """Take no more, end the streams, let requests under way finish for a moment."""
        for server in self._servers:
            server.close()
        while self._undo:
            self._undo.pop()()
        self.hub.close()
        for runner in (self._runner, *self._former):
            await runner.cleanup()
        if self._local:
            self._socket_path.unlink(missing_ok=True)

    async def reconfigure(self, config: Config) -> None:
        """Other limits, names, origins and proxies: for every request from now on.

        Open streams go on, and so does what is under way; connections in between are closed.
        """
        limits, before = config.limits, self._runner
        self._config = config
        self._backing = replace(self._backing, config=config)
        self.hub.limit(limits, share_of(limits))
        self._gate.limit(*_places(limits))
        self._runner = self._assembled()
        await self._runner.setup()
        if before.server is not None:
            before.server.pre_shutdown()
        self._former.append(before)
        while len(self._former) > MOST_FORMER:
            await self._former.pop(0).cleanup()
        self._live.clear()

    def look_at_the_certificate(self) -> None:
        """Serve a replaced one from now on; to be called each minute."""
        if self._tls is not None:
            self._tls.reload_if_changed()

    def forget(self) -> None:
        """What is shown of other branches is not so any more."""
        self._live.clear()

    def reset_streams(self, reason: str) -> None:
        """What was shown is not right any more: streams begin anew, ready bytes are dropped."""
        self._live.clear()
        self._history.clear()
        self.hub.reset_all(reason)

    async def answers(self) -> bool:
        """Whether a request to our own socket is answered in time."""
        try:
            async with asyncio.timeout(SELF_CHECK):
                return await self._ask_ourselves()
        except (OSError, TimeoutError):
            return False

    async def _ask_ourselves(self) -> bool:
        reader, writer = await asyncio.open_unix_connection(self._socket_path)
        try:
            writer.write(
                b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )
            return (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        finally:
            writer.close()

    def _connection(self) -> Connection:
        manager = self._runner.server
        assert manager is not None
        return Connection(manager, self._gate, refuse)

    def _forget(self, _events: Sequence[Event]) -> None:
        self._live.clear()


def _places(limits: Limits) -> tuple[int, int, Callable[[str], bool]]:
    """As a gate takes them."""
    most = room_for(limits.streams + MORE_CONNECTIONS)
    return most, limits.connections_per_address, exemption(limits)
