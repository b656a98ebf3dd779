"""Branches and their categories."""

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from math import inf
from typing import Annotated

from aiohttp import web
from msgspec import UNSET, Meta, Raw

from gateway.api import examples
from gateway.api.lookup import identifier, looking_up
from gateway.api.messages import (
    Branches,
    BranchRow,
    CategoryMachines,
    Clock,
    Wire,
    branch_row,
    clock_of,
    encode,
    machine_row,
)
from gateway.api.operation import Operation, Parameter
from gateway.api.query import PLACE, Query, no_parameters
from gateway.api.ready import Ready, body_of, reply
from gateway.core.distance import Place, kilometres
from gateway.messages import moment
from gateway.readmodel import BranchView, ReadModel

NEAR = Parameter(
    "near",
    Annotated[str, Meta(pattern=f"^{PLACE}$")],
    "Latitude and longitude in degrees: the nearest first, each with `distanceKm`.",
    "22.28,114.16",
)
_Row = tuple[BranchView, Clock, Raw]
"""What a branch's bytes were made of, and they."""


class _Branches(Wire, frozen=True):
    """As `Branches`, of rows that are encoded already."""

    as_of: float
    branches: Sequence[Raw]
    clock: Clock = UNSET


class BranchRoutes:
    """`/branches…`."""

    def __init__(self, model: ReadModel, ready: Ready) -> None:
        self._model = model
        self._ready = ready
        self._rows: dict[str, _Row] = {}  # by branch

    def operations(self) -> list[Operation]:
        """What is served here."""
        return [
            Operation(
                method="GET",
                path="/branches",
                handler=self.list_branches,
                summary="Every branch known here",
                tag="Branches",
                parameters=(NEAR,),
                gives=Branches,
                example=examples.BRANCHES,
                live=True,
            ),
            Operation(
                method="GET",
                path="/branches/{gymId}",
                handler=self.show_branch,
                summary="One branch",
                tag="Branches",
                parameters=(examples.GYM_ID,),
                gives=BranchRow,
                example=examples.BRANCH,
                live=True,
            ),
            Operation(
                method="GET",
                path="/branches/{gymId}/categories/{category}/machines",
                handler=self.list_machines,
                summary="The machines of one category",
                tag="Branches",
                parameters=(examples.GYM_ID, examples.CATEGORY),
                gives=CategoryMachines,
                example=examples.CATEGORY_MACHINES,
                live=True,
            ),
        ]

    async def list_branches(self, request: web.Request) -> web.Response:
        """Every branch known here; the nearest first, where a place is given."""
        query = Query(request, (NEAR.name,))
        place = query.place(NEAR.name)
        query.done()
        read = self._all if place is None else partial(self._near, place)
        return self._ready_reply(request, (request.path, place), read)

    async def show_branch(self, request: web.Request) -> web.Response:
        """One branch."""
        gym = identifier(request, "gymId", "branch")
        return self._live(request, lambda: self._branch(gym))

    async def list_machines(self, request: web.Request) -> web.Response:
        """The machines of one category."""
        gym = identifier(request, "gymId", "branch")
        category = identifier(request, "category", "category")
        return self._live(request, lambda: self._machines(gym, category))

    def _live(self, request: web.Request, read: Callable[[], Wire]) -> web.Response:
        no_parameters(request)
        return self._ready_reply(request, request.path, read)

    def _ready_reply(
        self, request: web.Request, key: Hashable, read: Callable[[], Wire]
    ) -> web.Response:
        body = self._ready.get(key) or self._ready.put(key, body_of(encode(read())))
        return reply(request, body)

    def _all(self) -> Wire:
        """Of a chain's 500, most are as they were when it was asked for last: their bytes are."""
        clock, views = clock_of(self._model), self._model.branches()
        known = self._rows
        self._rows = {view.gym: _row(view, clock, known.get(view.gym)) for view in views}
        rows = [row for _, _, row in self._rows.values()]
        return _Branches(as_of=_newest(views), branches=rows, clock=clock)

    def _near(self, place: Place) -> Branches:
        """Branches that do not say where they are come last."""
        clock, views = clock_of(self._model), self._model.branches()
        far = [(_distance(place, view), view) for view in views]
        far.sort(key=lambda pair: inf if pair[0] is None else pair[0])
        rows = [branch_row(view, clock, distance) for distance, view in far]
        return Branches(as_of=_newest(views), branches=rows, clock=clock)

    def _branch(self, gym: str) -> Wire:
        with looking_up("branch", gym):
            view = self._model.branch(gym)
        return branch_row(view, clock_of(self._model))

    def _machines(self, gym: str, category: str) -> CategoryMachines:
        with looking_up("branch", gym):
            as_of = self._model.branch(gym).as_of
        with looking_up("category", category):
            views = self._model.category(gym, category)
        return CategoryMachines(
            gym_id=gym,
            category=category,
            as_of=moment(as_of),
            machines=[
                machine_row(view, self._model.foretell(view.gym, view.machine)) for view in views
            ],
            clock=clock_of(self._model),
        )


def _row(view: BranchView, clock: Clock, known: _Row | None) -> _Row:
    """A view that is the same object says the same."""
    if known is not None and known[0] is view and known[1] is clock:
        return known
    return view, clock, Raw(encode(branch_row(view, clock)))


def _newest(views: Sequence[BranchView]) -> float:
    return moment(max((view.as_of for view in views), default=0.0))


def _distance(place: Place, view: BranchView) -> float | None:
    if view.latitude is None or view.longitude is None:
        return None
    return kilometres(place, (view.latitude, view.longitude))
