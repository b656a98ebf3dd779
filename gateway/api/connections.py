"""`GET /connections`: who has a live stream open, and how it fares."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from aiohttp import web
from msgspec import Meta

from gateway.api.framing import Transport
from gateway.api.hub import Hub
from gateway.api.messages import Wire, encode
from gateway.api.operation import Operation, Parameter
from gateway.api.query import Query
from gateway.api.viewer import Viewer
from gateway.core.access import Role
from gateway.messages import moment

SHOWN, MOST_SHOWN = 200, 5000  # connections; at most some MB where each follows many machines
Limit = Annotated[int, Meta(ge=1, le=MOST_SHOWN)]


class ConnectionRow(Wire, frozen=True):
    """An open stream. `dropped`: changes that a newer one made needless while it did not read."""

    id: str
    transport: Transport
    address: str
    holder: str | None
    since: float
    follows: Sequence[str] | None
    """Machines; null: all of them."""
    delivered: int
    dropped: int
    behind: bool


class ConnectionsReply(Wire, frozen=True):
    """`GET /connections`, the newest first; `total` counts those not shown too."""

    as_of: float
    connections: Sequence[ConnectionRow]
    total: int


EXAMPLE = {
    "asOf": 1634567890.0,
    "connections": [
        {
            "id": "9f2c41d7",
            "transport": "sse",
            "address": "192.168.1.23",
            "holder": "member:b1946ac9",
            "since": 1634567800.0,
            "follows": ["leg-press-01"],
            "delivered": 12,
            "dropped": 0,
            "behind": False,
        }
    ],
    "total": 1,
}


class ConnectionRoutes:
    """`/connections`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def operations(self) -> list[Operation]:
        """What is served here."""
        return [
            Operation(
                method="GET",
                path="/connections",
                handler=self.list_connections,
                summary="Open live streams, what they follow and what they were told",
                tag="Live",
                gives=ConnectionsReply,
                example=EXAMPLE,
                parameters=(
                    Parameter("limit", Limit, f"At most so many, 1 to {MOST_SHOWN}.", SHOWN),
                ),
                who=Role.STAFF,
            )
        ]

    async def list_connections(self, request: web.Request) -> web.Response:
        """Open streams, the newest first."""
        query = Query(request, ("limit",))
        limit = query.whole("limit", SHOWN, 1, MOST_SHOWN)
        query.done()
        streams = self._hub.streams()
        as_of = self._hub.as_of()
        rows = [_row(viewer, as_of) for viewer in streams[: -limit - 1 : -1]]
        reply = ConnectionsReply(as_of=moment(as_of), connections=rows, total=len(streams))
        headers = {"Cache-Control": "no-store"}
        return web.Response(body=encode(reply), content_type="application/json", headers=headers)


def _row(viewer: Viewer, as_of: float) -> ConnectionRow:
    """`since` is counted back from now: a clock that was corrected meanwhile does not matter."""
    age = asyncio.get_running_loop().time() - viewer.since
    return ConnectionRow(
        id=viewer.id,
        transport=viewer.framing.transport,
        address=viewer.address,
        holder=viewer.holder,
        since=moment(as_of - age),
        follows=None if viewer.follow is None else sorted(viewer.follow),
        delivered=viewer.delivered,
        dropped=viewer.dropped,
        behind=viewer.behind_since is not None,
    )
