"""What people say of machines: staff that one is out of service, anybody that we are wrong."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta

from gateway.api.body import body_as
from gateway.api.credentials import Write
from gateway.api.door import holder_of, must_hold
from gateway.api.examples import MACHINE, MACHINE_ID
from gateway.api.lookup import identifier, looking_up
from gateway.api.messages import MachineReply, Wire, clock_of, encode, machine_reply
from gateway.api.operation import Operation
from gateway.api.query import no_parameters
from gateway.core.access import Role
from gateway.readmodel import ReadModel
from gateway.store import notebook

PATIENCE = 10.0  # seconds until a change must be stored; it takes milliseconds
Note = Annotated[str, Meta(max_length=500)]
Say = Callable[[str, bool], "asyncio.Future[None]"]
"""(machine, out of service) → done once it is stored and shown."""


class ServiceChange(Wire, frozen=True, forbid_unknown_fields=True):
    """Out of service, or back."""

    out_of_service: bool
    note: Note = ""


class WrongReport(Wire, frozen=True, forbid_unknown_fields=True):
    """What we show is wrong."""

    actually: Literal["free", "occupied", "out_of_service"] | None = None
    note: Note = ""


class ReportReply(Wire, frozen=True):
    """Noted; what was shown at that moment goes with it."""

    machine_id: str
    shown: str
    actually: str | None
    noted_at: float


class ServiceRoutes:
    """`/machines/{machineId}/service` and `/machines/{machineId}/wrong`."""

    def __init__(
        self, model: ReadModel, gym: str, say: Say, write: Write, wall: Callable[[], float]
    ) -> None:
        self._model = model
        self._gym = gym
        self._say = say
        self._write = write
        self._wall = wall

    def operations(self) -> list[Operation]:
        """What is served here."""
        return [
            Operation(
                method="PUT",
                path="/machines/{machineId}/service",
                handler=self.set_service,
                summary="Take a machine out of service, or back",
                tag="Machines",
                parameters=(MACHINE_ID,),
                accepts=ServiceChange,
                body_example={"outOfService": True, "note": "The cable is torn."},
                gives=MachineReply,
                example=MACHINE,
                who=Role.STAFF,
                rate="write",
                refuses=(503,),
            ),
            Operation(
                method="POST",
                path="/machines/{machineId}/wrong",
                handler=self.report_wrong,
                summary="Tell us that what we show of a machine is wrong",
                tag="Machines",
                parameters=(MACHINE_ID,),
                status=201,
                accepts=WrongReport,
                body_example={"actually": "free", "note": "Nobody has been here for an hour."},
                gives=ReportReply,
                example={
                    "machineId": "leg-press-01",
                    "shown": "occupied",
                    "actually": "free",
                    "notedAt": 1634567890.0,
                },
                rate="write",
            ),
        ]

    async def set_service(self, request: web.Request) -> web.Response:
        """The machine as it stands then."""
        machine = self._machine(request)
        asked = await body_as(request, ServiceChange)
        who, now = str(must_hold(request)), self._wall()
        async with asyncio.timeout(PATIENCE):
            await self._write(lambda conn: _note(conn, machine, asked, who, now))
            await self._say(machine, asked.out_of_service)
        view = self._model.machine(self._gym, machine)
        as_of = self._model.branch(self._gym).as_of
        told = self._model.foretell(self._gym, machine)
        return _json(machine_reply(view, as_of, clock_of(self._model), told), 200)

    async def report_wrong(self, request: web.Request) -> web.Response:
        """Noted, with what was shown."""
        machine = self._machine(request)
        asked = await body_as(request, WrongReport)
        holder, now = holder_of(request), self._wall()
        shown = self._model.machine(self._gym, machine).status.value
        who = str(holder) if holder else "anonymous"
        report = notebook.Report(now, machine, shown, asked.actually, asked.note, who)
        async with asyncio.timeout(PATIENCE):
            await self._write(lambda conn: notebook.report(conn, report))
        reply = ReportReply(machine_id=machine, shown=shown, actually=asked.actually, noted_at=now)
        return _json(reply, 201)

    def _machine(self, request: web.Request) -> str:
        machine = identifier(request, "machineId", "machine")
        no_parameters(request)
        with looking_up("machine", machine):
            self._model.machine(self._gym, machine)
        return machine


def _note(
    conn: sqlite3.Connection, machine: str, asked: ServiceChange, who: str, now: float
) -> None:
    what = "out of service" if asked.out_of_service else "back in service"
    notebook.audit(conn, notebook.Entry(now, who, what, machine, asked.note))
    if asked.out_of_service:
        notebook.set_service(conn, notebook.Service(machine, asked.note, now, who))
    else:
        notebook.end_service(conn, machine)


def _json(said: Wire, status: int) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    return web.Response(
        status=status, body=encode(said), content_type="application/json", headers=headers
    )
