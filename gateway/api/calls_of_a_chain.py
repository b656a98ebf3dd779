"""What a hub serves: the same as its branches, by their full paths, to be read only."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from gateway.api.admin import AdminRoutes
from gateway.api.backing import Common
from gateway.api.branches import BranchRoutes
from gateway.api.calls import Calls
from gateway.api.connections import ConnectionRoutes
from gateway.api.documents import DocsPage, DocumentRoutes
from gateway.api.elsewhere import ElsewhereRoutes
from gateway.api.events import EventRoutes
from gateway.api.health import HealthRoutes
from gateway.api.history import HistoryRoutes
from gateway.api.hub import Hub
from gateway.api.keys import KeyRoutes
from gateway.api.machines import MachineRoutes
from gateway.api.metrics import MetricsRoutes
from gateway.api.operation import Operation
from gateway.api.pages import PageRoutes, Pages
from gateway.api.ready import Ready
from gateway.api.screens_of_a_chain import ChainScreens
from gateway.api.socket import SocketRoutes
from gateway.api.stickers import StickerRoutes
from gateway.api.stream import StreamRoutes
from gateway.api.usual import UsualRoutes

SHORT = "/machines/"  # paths of a branch's own machines


@dataclass(frozen=True, slots=True)
class ChainBacking(Common):
    """What a hub's calls stand on."""

    having: Callable[[str], Sequence[str]]
    """The branches in which a machine of that id stands."""


def operations(backing: ChainBacking, hub: Hub, live: Ready, history: Ready) -> list[Operation]:
    """What the documents show; `live` and `history` keep ready bytes."""
    model, nobody = backing.model, backing.config.branch.id
    subjects = (
        BranchRoutes(model, live),
        MachineRoutes(model, nobody, live),
        UsualRoutes(model, history),
        HistoryRoutes(model, nobody, history),
        StreamRoutes(model, hub),
        SocketRoutes(model, hub, backing.config.http.cors_origins),
        StickerRoutes(model, nobody, backing.config.branch.public_url, history),
        EventRoutes(model, nobody),
        ConnectionRoutes(hub),
        HealthRoutes(backing.health),
        MetricsRoutes(backing.metrics),
    )
    every = [operation for subject in subjects for operation in subject.operations()]
    found = [operation for operation in every if not operation.path.startswith(SHORT)]
    return found + DocumentRoutes(found, backing.config).operations()


def beside(backing: ChainBacking, live: Ready) -> list[web.RouteDef]:
    """Pages, what is served at the local socket only, and what a hub does not do."""
    pages = Pages()
    parts = (
        AdminRoutes(backing.admin),
        KeyRoutes(backing.credentials, backing.locksmith),
        ChainScreens(backing.model, backing.config.branch.name, live, pages, backing.wall),
        PageRoutes(pages),
        DocsPage(pages),
        ElsewhereRoutes(backing.model, backing.having),
    )
    return [route for part in parts for route in part.routes()]


OF_A_CHAIN: Calls[ChainBacking] = Calls(operations, beside)
