"""Branches and their categories."""

from collections.abc import Callable

from aiohttp import web

from gateway.api import examples
from gateway.api.lookup import identifier, looking_up
from gateway.api.messages import (
    Branches,
    BranchRow,
    CategoryMachines,
    Wire,
    branch_row,
    clock_of,
    encode,
    machine_row,
)
from gateway.api.operation import Operation
from gateway.api.query import no_parameters
from gateway.api.ready import Ready, body_of, reply
from gateway.messages import moment
from gateway.readmodel import ReadModel


class BranchRoutes:
    """`/branches…`."""

    def __init__(self, model: ReadModel, ready: Ready) -> None:
        self._model = model
        self._ready = ready

    def operations(self) -> list[Operation]:
        """What is served here."""
        return [
            Operation(
                method="GET",
                path="/branches",
                handler=self.list_branches,
                summary="Every branch known here",
                tag="Branches",
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
        """Every branch known here."""
        return self._live(request, self._branches)

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
        key = request.path
        body = self._ready.get(key) or self._ready.put(key, body_of(encode(read())))
        return reply(request, body)

    def _branches(self) -> Branches:
        clock = clock_of(self._model)
        views = self._model.branches()
        as_of = max((view.as_of for view in views), default=0.0)
        rows = [branch_row(view, clock) for view in views]
        return Branches(as_of=moment(as_of), branches=rows, clock=clock)

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
