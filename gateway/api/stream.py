"""`GET /stream`: the live stream as server-sent events."""

import random

from aiohttp import web

from gateway.api.connection import connection_of
from gateway.api.door import address_of, holder_of
from gateway.api.framing import SSE, SSE_PLAIN
from gateway.api.hub import Hub
from gateway.api.operation import Operation, Parameter
from gateway.api.query import Query
from gateway.api.viewer import MOST_UNNAMED, Follow, Viewer, follow_of
from gateway.readmodel import ReadModel

RETRY = (1000, 4000)  # milliseconds: a thousand clients do not come back at once
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
LAST_ID = "Last-Event-ID"
TICKET = Parameter("ticket", str, "In place of a credential: see `POST /tickets`.")
DOCUMENTED = (
    Parameter("branch", str, "Branches, with commas between; without it all.", "hk-central"),
    Parameter("machines", str, "Machines, with commas between.", "leg-press-01,bench-01"),
    Parameter("category", str, "Categories; they and the machines unite.", "legs"),
    Parameter("lastEventId", str, f"As {LAST_ID}, for who can set no header."),
    TICKET,
    Parameter(LAST_ID, str, "What came after this event is told first.", place="header"),
)
PARAMETERS = tuple(known.name for known in DOCUMENTED if known.place == "query")


class StreamRoutes:
    """`/stream`."""

    def __init__(self, model: ReadModel, hub: Hub) -> None:
        self._model = model
        self._hub = hub

    def operations(self) -> list[Operation]:
        """What is served here."""
        return [
            Operation(
                method="GET",
                path="/stream",
                handler=self.open_stream,
                summary="The live stream as server-sent events",
                tag="Live",
                media="text/event-stream",
                parameters=DOCUMENTED,
            )
        ]

    async def open_stream(self, request: web.Request) -> web.StreamResponse:
        """A snapshot or what was missed, then every change, until the client goes."""
        follow = followed(Query(request, PARAMETERS), self._model)
        since = request.headers.get(LAST_ID) or request.query.get("lastEventId")
        with self._hub.seat(address_of(request)):
            response = web.StreamResponse(headers=HEADERS)
            response.content_type = "text/event-stream"
            if request.version >= (1, 1):
                response.enable_chunked_encoding()
            await response.prepare(request)
            viewer = self._viewer(request, chunked=bool(response.chunked))
            await response.write(b"retry: %d\n\n" % random.randint(*RETRY))  # noqa: S311  no secret
            with self._hub.attended(viewer):
                await self._hub.follow(viewer, follow, since)
                self._hub.greet(viewer)
                await viewer.ended
            response.force_close()
        return response

    def _viewer(self, request: web.Request, *, chunked: bool) -> Viewer:
        connection, holder = connection_of(request), holder_of(request)
        connection.limit_buffers()
        framing = SSE if chunked else SSE_PLAIN
        name = None if holder is None else str(holder)
        return Viewer(connection, framing, self._hub.catch_up, address_of(request), name)


def followed(query: Query, model: ReadModel) -> Follow:
    """The machines of `machines` and of `category`, within `branch`; None without any of these.

    Raises InvalidError, naming every unknown name.
    """
    branches = query.names("branch", [branch.gym for branch in model.branches()])
    views = [v for v in model.snapshot().machines if not branches or v.gym in branches]
    machines = query.names("machines", {name for v in views for name in (v.machine, v.key)})
    categories = query.names("category", {view.category for view in views})
    if not (branches or machines or categories) and len(views) > MOST_UNNAMED:
        query.wrong("branch", f"name some: there are {len(views)} machines here")
    query.done()
    if machines or categories:
        return follow_of(views, machines, categories)
    return frozenset(view.key for view in views) if branches else None
