"""The HTTP server: its routes, its two listeners, its orderly end."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from aiohttp import web

from config.sections import Config
from gateway.api.admin import AdminHandler, AdminRoutes
from gateway.api.branches import BranchRoutes
from gateway.api.connection import Connection
from gateway.api.health import Health, HealthRoutes
from gateway.api.history import HistoryRoutes
from gateway.api.hub import Hub
from gateway.api.listeners import listen_locally, listen_tcp
from gateway.api.machines import MachineRoutes
from gateway.api.middleware.errors import errors_to_problems, refuse
from gateway.api.middleware.host import only_known_hosts
from gateway.api.middleware.request_id import add_request_id
from gateway.api.middleware.security_headers import add_security_headers
from gateway.api.pages import PageRoutes
from gateway.api.ready import Ready
from gateway.api.stream import StreamRoutes
from gateway.bus import Bus
from gateway.core.events import Event
from gateway.readmodel import ReadModel

LIVE, LIVE_MOST = 15.0, 2 * 2**20  # seconds, bytes: 100 machines and their lists are 150 kB
HISTORY, HISTORY_MOST = 60.0, 8 * 2**20  # seconds, bytes: 24 hours of 400 machines
MORE_CONNECTIONS = 500  # beyond the streams: short requests, and clients between two of them
GRACE = 0.4  # seconds for requests under way when we stop; the library may take it twice
SELF_CHECK = 2.0  # seconds in which our own socket must answer


class Server:
    """Serves the read model over HTTP. `admin` handlers answer at the local socket only."""

    def __init__(
        self,
        model: ReadModel,
        bus: Bus,
        config: Config,
        *,
        health: Callable[[], Health],
        admin: Mapping[str, AdminHandler],
        socket_path: Path,
    ) -> None:
        self._bus = bus
        self._config = config
        self._socket_path = socket_path
        self._live = Ready(LIVE, LIVE_MOST)
        self._history = Ready(HISTORY, HISTORY_MOST)
        self.hub = Hub(model, bus, config.limits)
        gym = config.branch.id
        app = web.Application(
            middlewares=[errors_to_problems, only_known_hosts(config.http.allowed_hosts)]
        )
        for part in (
            BranchRoutes(model, self._live),
            MachineRoutes(model, gym, self._live),
            HistoryRoutes(model, gym, self._history),
            HealthRoutes(health),
            StreamRoutes(model, self.hub),
            AdminRoutes(admin),
            PageRoutes(),
        ):
            app.add_routes(part.routes())
        app.on_response_prepare.append(add_request_id)
        app.on_response_prepare.append(add_security_headers)
        app.on_shutdown.append(self._end_streams)
        self._runner = web.AppRunner(app, shutdown_timeout=GRACE)
        self._servers: list[asyncio.Server] = []
        self._undo: list[Callable[[], None]] = []
        self._local = False  # whether the socket at that path is ours

    @property
    def port(self) -> int:
        """The TCP port we listen on."""
        port: int = self._servers[0].sockets[0].getsockname()[1]
        return port

    async def start(self) -> None:
        """Listen. Raises OSError that says which place is taken and what to do."""
        await self._runner.setup()
        self._undo.append(self._bus.listen(self._forget))
        self.hub.start()
        http = self._config.http
        try:
            self._servers.append(await listen_tcp(self._connection, http.host, http.port))
            self._servers.append(await listen_locally(self._connection, self._socket_path))
            self._local = True
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Take no more, end the streams, let requests under way finish for a moment."""
        for server in self._servers:
            server.close()
        while self._undo:
            self._undo.pop()()
        await self._runner.cleanup()
        if self._local:
            self._socket_path.unlink(missing_ok=True)

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
        return Connection(manager, self._config.limits.streams + MORE_CONNECTIONS, refuse)

    def _forget(self, _events: Sequence[Event]) -> None:
        self._live.clear()

    async def _end_streams(self, _app: web.Application) -> None:
        self.hub.close()
