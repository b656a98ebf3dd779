"""A machine's past in bins, as JSON or CSV."""

import asyncio
import csv
import io
from dataclasses import replace
from math import ceil
from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta

from gateway.api import examples
from gateway.api.lookup import identifier, looking_up
from gateway.api.machines import own_or_named_gym
from gateway.api.messages import HistoryReply, bin_row, clock_of, encode, history_reply
from gateway.api.operation import Operation, Parameter
from gateway.api.query import LATEST, Query
from gateway.api.ready import Body, Ready, body_of, reply
from gateway.core.bins import BIN_SECONDS
from gateway.readmodel import History, ReadModel

HOUR = 3600
LONGEST = 31 * 24  # hours
PATIENCE = 10.0  # seconds a read may take; it takes milliseconds while the disk is well
FORMATS = ("json", "csv")
Hours = Annotated[float, Meta(ge=0.25, le=LONGEST)]
Moment = Annotated[float, Meta(ge=0, le=LATEST)]
QUERY = (
    Parameter("hours", Hours, "Hours up to `to`; not together with `from` or `to`.", 24),
    Parameter("from", Moment, "Epoch seconds; at most 31 days before `to`.", None),
    Parameter("to", Moment, "Epoch seconds; by default the end of the running bin.", None),
    Parameter("format", Literal["json", "csv"], "JSON, or CSV by RFC 4180.", "json"),
)
COLUMNS = ("start", "occupancyRatio", "occupiedSeconds", "observedSeconds", "sessions", "open")


class HistoryRoutes:
    """`/machines/{machineId}/history` of our own gym, and the full path of any."""

    def __init__(self, model: ReadModel, own_gym: str, ready: Ready) -> None:
        self._model = model
        self._own_gym = own_gym
        self._ready = ready

    def operations(self) -> list[Operation]:
        """What is served here."""
        short = Operation(
            method="GET",
            path="/machines/{machineId}/history",
            handler=self.show_history,
            summary="A machine's past in quarter hours, and its usual week",
            tag="Machines",
            parameters=(examples.MACHINE_ID, *QUERY),
            gives=HistoryReply,
            other_media="text/csv",
            example=examples.HISTORY,
            live=True,
            refuses=(503,),
        )
        full = replace(
            short,
            path="/branches/{gymId}/machines/{machineId}/history",
            summary="The past of a machine of any branch known here",
            parameters=(examples.GYM_ID, examples.MACHINE_ID, *QUERY),
            refuses=(409, 503),
        )
        return [short, full]

    async def show_history(self, request: web.Request) -> web.Response:
        """Bins and the usual week."""
        gym = own_or_named_gym(request, self._own_gym)
        machine = identifier(request, "machineId", "machine")
        with looking_up("branch", gym):
            now = self._model.branch(gym).as_of
        start, end, form = span(Query(request, ("hours", "from", "to", "format")), now)
        asked = (gym, machine, start, end, form)
        key = (*asked, self._since(gym, machine))  # what was foretold before a change is not so now
        body = self._ready.get(key) or self._ready.put(key, await self._read(*asked))
        return reply(request, body)

    def _since(self, gym: str, machine: str) -> tuple[str, float] | None:
        """How it stands, since when; None: it is removed, and its past is final."""
        try:
            view = self._model.machine(gym, machine)
        except KeyError:
            return None
        return view.status.value, view.last_change

    async def _read(self, gym: str, machine: str, start: float, end: float, form: str) -> Body:
        with looking_up("machine", machine):
            async with asyncio.timeout(PATIENCE):
                history = await self._model.history(gym, machine, start, end)
        if form == "csv":
            name = {"Content-Disposition": f'attachment; filename="{machine}.csv"'}
            return body_of(_csv(history), "text/csv", **name)
        told, clock = self._model.foretell(gym, machine), clock_of(self._model)
        return body_of(encode(history_reply(gym, machine, history, clock, told)))


def span(query: Query, now: float) -> tuple[float, float, str]:
    """(from, to, format) that are asked for; by default the last 24 hours, running bin included.

    Raises InvalidError, naming every wrong parameter.
    """
    running = ceil((now + 1) / BIN_SECONDS) * BIN_SECONDS
    form = query.choice("format", FORMATS)
    hours = query.number("hours", 24, 0.25, LONGEST)
    end = query.number("to", running, 0, LATEST)
    start = query.number("from", end - hours * HOUR, 0, LATEST)
    if query.has("hours") and (query.has("from") or query.has("to")):
        query.wrong("hours", "cannot be given together with from or to")
    if start >= end:
        query.wrong("from", "must be before to")
    elif end - start > LONGEST * HOUR:
        query.wrong("from", "must be at most 31 days before to")
    query.done()
    return start, end, form


def _csv(history: History) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\r\n")  # RFC 4180
    rows.writerow(COLUMNS)
    for row in map(bin_row, history.bins):
        ratio = "" if row.occupancy_ratio is None else row.occupancy_ratio
        numbers = (row.occupied_seconds, row.observed_seconds, row.sessions)
        rows.writerow((row.start, ratio, *numbers, str(row.open).lower()))
    return text.getvalue().encode()
