"""The log: every change, by number."""

import asyncio
import re
from collections.abc import Sequence
from typing import Annotated

from aiohttp import web
from msgspec import Meta

from gateway.api.examples import EVENT, EVENT_NAME, EVENT_PATTERN
from gateway.api.messages import Wire, encode
from gateway.api.operation import Operation, Parameter
from gateway.api.query import Query
from gateway.core.access import Role
from gateway.core.events import Cause, Cursor, Event, Status
from gateway.messages import moment
from gateway.readmodel import ReadModel

PATIENCE = 10.0  # seconds a read may take
MOST = 1000  # events of one page: 200 kB
Limit = Annotated[int, Meta(ge=1, le=MOST)]
PARAMETERS = ("after", "limit")
_NAME = re.compile(EVENT_PATTERN)


class EventRow(Wire, frozen=True):
    """One machine's change of status; `id` names it for ever."""

    id: str
    gym_id: str
    machine_id: str
    status: Status
    cause: Cause
    timestamp: float
    last_change: float
    calibration_version: int | None
    """Of the sensor whose word it was, where its levels were judged."""


class EventsReply(Wire, frozen=True):
    """`GET /events`: a page of the log. Ask again after `next` for what follows it."""

    events: Sequence[EventRow]
    next: str
    reset: str | None
    """Why this page does not follow `after` exactly; None if it does."""


class EventRoutes:
    """`/events`."""

    def __init__(self, model: ReadModel, gym: str) -> None:
        """`gym`: of events that name none."""
        self._model = model
        self._gym = gym

    def operations(self) -> list[Operation]:
        """What is served here."""
        after = "Events after this one; without it from the oldest that is kept."
        return [
            Operation(
                method="GET",
                path="/events",
                handler=self.list_events,
                summary="The log of every change, by number",
                tag="Events",
                parameters=(
                    Parameter("after", EVENT_NAME, after, "5e0c2f7a9b3d4e61-1046"),
                    Parameter("limit", Limit, f"At most so many events, 1 to {MOST}.", 100),
                ),
                gives=EventsReply,
                example={"events": [EVENT], "next": "5e0c2f7a9b3d4e61-1047", "reset": None},
                who=Role.STAFF,
                refuses=(503,),
            )
        ]

    async def list_events(self, request: web.Request) -> web.Response:
        """A page of the log."""
        query = Query(request, PARAMETERS)
        limit = query.whole("limit", MOST, 1, MOST)
        name = request.query.get("after", "")
        after = Cursor.parse(name) if _NAME.match(name) else None
        if after is None and query.has("after"):
            query.wrong("after", "is no event's name: <epoch>-<seq>, as in the stream's id")
        query.done()
        async with asyncio.timeout(PATIENCE):
            page = await self._model.page(after, limit)
        rows = [_row(event, self._gym) for event in page.events]
        reply = EventsReply(events=rows, next=str(page.cursor), reset=page.reset)
        headers = {"Cache-Control": "no-store"}
        return web.Response(body=encode(reply), content_type="application/json", headers=headers)


def _row(event: Event, own: str) -> EventRow:
    gym, _, machine = event.machine.rpartition("/")
    return EventRow(
        id=f"{event.epoch}-{event.seq}",
        gym_id=gym or own,
        machine_id=machine,
        status=event.status,
        cause=event.cause,
        timestamp=moment(event.timestamp),
        last_change=moment(event.last_change),
        calibration_version=event.calibration,
    )
