"""Every subject of the API, put together: one list of operations, and what is for people only."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from aiohttp import web

from gateway.api.admin import AdminRoutes
from gateway.api.alerts import AlertRoutes
from gateway.api.alerts_local import LocalAlertRoutes
from gateway.api.backing import Backing
from gateway.api.branches import BranchRoutes
from gateway.api.connections import ConnectionRoutes
from gateway.api.documents import DocsPage, DocumentRoutes
from gateway.api.events import EventRoutes
from gateway.api.fits import FitRoutes
from gateway.api.health import HealthRoutes
from gateway.api.history import HistoryRoutes
from gateway.api.hub import Hub
from gateway.api.keys import KeyRoutes
from gateway.api.machines import MachineRoutes
from gateway.api.members import MemberRoutes
from gateway.api.metrics import MetricsRoutes
from gateway.api.operation import Operation
from gateway.api.pages import PageRoutes, Pages
from gateway.api.previews import PreviewRoutes
from gateway.api.push import PushRoutes
from gateway.api.ready import Ready
from gateway.api.recordings import RecordingRoutes
from gateway.api.reload import ReloadRoutes
from gateway.api.samples import SampleRoutes
from gateway.api.screens import ScreenRoutes
from gateway.api.sensors import SensorRoutes
from gateway.api.service import ServiceRoutes
from gateway.api.socket import SocketRoutes
from gateway.api.stickers import StickerRoutes
from gateway.api.stream import StreamRoutes
from gateway.api.upstream import UpstreamRoutes
from gateway.api.usual import UsualRoutes

B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Calls(Generic[B]):
    """What a server serves: calls, and what is beside them for people."""

    operations: Callable[[B, Hub, Ready, Ready], list[Operation]]
    beside: Callable[[B, Ready], list[web.RouteDef]]


def operations(backing: Backing, hub: Hub, live: Ready, history: Ready) -> list[Operation]:
    """What the documents show; `live` and `history` keep ready bytes."""
    model, gym = backing.model, backing.config.branch.id
    service = ServiceRoutes(model, gym, backing.say, backing.write, backing.wall)
    sensors = SensorRoutes(backing.sensors, backing.calibrations)
    subjects = (
        BranchRoutes(model, live),
        MachineRoutes(model, gym, live),
        UsualRoutes(model, history),
        StickerRoutes(model, gym, backing.config.branch.public_url, history),
        HistoryRoutes(model, gym, history),
        service,
        StreamRoutes(model, hub),
        SocketRoutes(model, hub, backing.config.http.cors_origins),
        AlertRoutes(backing.desk, gym, backing.foretell),
        PushRoutes(backing.targets, backing.push_key),
        MemberRoutes(backing.credentials, backing.config),
        sensors,
        SampleRoutes(sensors.names, backing.samples, hub),
        RecordingRoutes(sensors.names, backing.recordings, backing.monotonic),
        FitRoutes(sensors.names, backing.recordings),
        PreviewRoutes(backing.preview, backing.wall_of),
        EventRoutes(model, gym),
        ConnectionRoutes(hub),
        HealthRoutes(backing.health),
        MetricsRoutes(backing.metrics),
    )
    found = [operation for subject in subjects for operation in subject.operations()]
    return found + DocumentRoutes(found, backing.config).operations()


def beside(backing: Backing, live: Ready) -> list[web.RouteDef]:
    """Pages, and what is served at the local socket only."""
    branch, kiosk, pages = backing.config.branch, backing.config.kiosk, Pages()
    parts = (
        UpstreamRoutes(backing.chain),
        AdminRoutes(backing.admin),
        KeyRoutes(backing.credentials, backing.locksmith),
        ReloadRoutes(backing.reload),
        LocalAlertRoutes(
            backing.everybodys,
            branch.id,
            backing.foretell,
            backing.audience.has_stream,
            backing.test_alert,
        ),
        ScreenRoutes(backing.model, branch.id, live, pages, branch.language, kiosk),
        PageRoutes(pages),
        DocsPage(pages),
    )
    return [route for part in parts for route in part.routes()]


OF_A_BRANCH: Calls[Backing] = Calls(operations, beside)


def as_route(operation: Operation) -> web.RouteDef:
    """How the server library is told; a GET that ends answers HEAD too."""
    path = operation.path
    for known in operation.parameters:
        if known.only:
            path = path.replace(f"{{{known.name}}}", f"{{{known.name}:{known.only}}}")
    if operation.method != "GET":
        return web.route(operation.method, path, operation.handler)
    return web.get(path, operation.handler, allow_head=operation.gives is not None)
