"""`GET /stream`: the live stream as server-sent events."""

import socket

from aiohttp import web

from gateway.api.connection import Connection, connection_of
from gateway.api.hub import Hub
from gateway.api.query import Query
from gateway.api.viewer import Follow, Viewer
from gateway.readmodel import ReadModel

SEND_BUFFER = 32 * 1024  # bytes in the kernel, which doubles it: some 300 events
HIGH, LOW = 64 * 1024, 16 * 1024  # bytes of ours: above HIGH only the newest are remembered
UNANSWERED = 30_000  # milliseconds without an acknowledgement until the kernel gives up
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
PARAMETERS = ("branch", "machines", "category", "lastEventId")


class StreamRoutes:
    """`/stream`."""

    def __init__(self, model: ReadModel, hub: Hub) -> None:
        self._model = model
        self._hub = hub

    def routes(self) -> list[web.RouteDef]:
        """What is served here."""
        return [web.get("/stream", self.stream, allow_head=False)]

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """A snapshot or what was missed, then every change, until the client goes."""
        follow = followed(Query(request, PARAMETERS), self._model)
        last_id = request.headers.get("Last-Event-ID") or request.query.get("lastEventId")
        with self._hub.seat(request.remote or None):
            response = web.StreamResponse(headers=HEADERS)
            response.content_type = "text/event-stream"
            if request.version >= (1, 1):
                response.enable_chunked_encoding()
            await response.prepare(request)
            connection = connection_of(request)
            limit_buffers(connection)
            viewer = Viewer(connection, response, follow, self._hub.catch_up)
            await self._hub.serve(viewer, last_id)
            response.force_close()
        return response


def followed(query: Query, model: ReadModel) -> Follow:
    """The machines of `machines` and of `category`, within `branch`; None without any of these.

    Raises InvalidError, naming every unknown name.
    """
    branches = query.names("branch", [branch.gym for branch in model.branches()])
    views = [v for v in model.snapshot().machines if not branches or v.gym in branches]
    machines = query.names("machines", [view.machine for view in views])
    categories = query.names("category", [view.category for view in views])
    query.done()
    if machines or categories:
        return machines.union(v.machine for v in views if v.category in categories)
    return frozenset(view.machine for view in views) if branches else None


def limit_buffers(connection: Connection) -> None:
    """Bound what a client that does not read costs, here and in the kernel."""
    transport = connection.transport
    if transport is None:
        raise ConnectionResetError("the client went away")
    transport.set_write_buffer_limits(high=HIGH, low=LOW)
    sock: socket.socket = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if not connection.local:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNANSWERED)
