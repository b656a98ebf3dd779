"""Our own branch and its siblings as one read model; only now is known of the others."""

from gateway.chain import Branch
from gateway.core.clock import Clock
from gateway.core.errors import ElsewhereError
from gateway.core.events import Cause, Cursor, Status
from gateway.core.forecast import HORIZON, Prediction
from gateway.readmodel import (
    BranchView,
    History,
    MachineView,
    ReadModel,
    Replay,
    Snapshot,
    Usual,
)
from gateway.upstream.siblings import Description, Siblings, machines_of, status_of

CAUSES = frozenset(cause.value for cause in Cause)


class ChainModel:
    """What is ours is asked of `own`; of a sibling that is silent every machine is unknown."""

    def __init__(self, gym: str, own: ReadModel, siblings: Siblings, clock: Clock) -> None:
        self._gym = gym
        self._own = own
        self._siblings = siblings
        self._clock = clock

    def synchronised(self) -> bool:
        """Whether our wall clock can be trusted."""
        return self._own.synchronised()

    def branches(self) -> tuple[BranchView, ...]:
        """Ours first, then the others by id."""
        others = (self.branch(gym) for gym in self._siblings.gyms())
        return (*self._own.branches(), *others)

    def branch(self, gym: str) -> BranchView:
        """One branch."""
        if gym == self._gym:
            return self._own.branch(gym)
        described = self._described(gym)
        told, opening = described.branch, described.opening
        return BranchView(
            gym=gym,
            name=told.name,
            latitude=told.latitude,
            longitude=told.longitude,
            timezone=told.timezone,
            open=opening is not None and opening.is_open(self._clock.wall()),
            source="remote",
            as_of=self._siblings.as_of(gym),
            categories=self._siblings.categories(gym),
        )

    def category(self, gym: str, category: str) -> tuple[MachineView, ...]:
        """The machines of a category."""
        if gym == self._gym:
            return self._own.category(gym, category)
        if all(one.category != category for one in self._described(gym).branch.categories):
            raise KeyError(category)
        return tuple(view for view in self._machines(gym) if view.category == category)

    def machine(self, gym: str, machine: str) -> MachineView:
        """One machine."""
        if gym == self._gym:
            return self._own.machine(gym, machine)
        for view in self._machines(gym):
            if view.machine == machine:
                return view
        raise KeyError(machine)

    async def history(self, gym: str, machine: str, start: float, end: float) -> History:
        """Ours; a sibling keeps its own. Raises ElsewhereError."""
        if gym == self._gym:
            return await self._own.history(gym, machine, start, end)
        self.machine(gym, machine)
        raise _elsewhere(
            self._described(gym).branch, f"The history of {machine!r}", f"/m/{machine}"
        )

    async def usual(self, gym: str) -> Usual:
        """Ours; a sibling keeps its own. Raises ElsewhereError."""
        if gym == self._gym:
            return await self._own.usual(gym)
        raise _elsewhere(self._described(gym).branch, "The usual week", "/")

    def foretell(self, gym: str, machine: str, horizon: float = HORIZON) -> Prediction | None:
        """Of our own machines."""
        return self._own.foretell(gym, machine, horizon) if gym == self._gym else None

    def snapshot(self) -> Snapshot:
        """Our own branch: others have numbers of their own."""
        return self._own.snapshot()

    async def since(self, cursor: Cursor) -> Replay:
        """Of our own branch."""
        return await self._own.since(cursor)

    async def page(self, after: Cursor | None, limit: int) -> Replay:
        """Of our own branch."""
        return await self._own.page(after, limit)

    def _described(self, gym: str) -> Description:
        found = self._siblings.description(gym)
        if found is None:
            raise KeyError(gym)
        return found

    def _machines(self, gym: str) -> list[MachineView]:
        self._described(gym)
        as_of = self._siblings.as_of(gym)
        branch, summary = self._siblings.read(gym)
        current = self._siblings.is_current(gym)
        views = []
        for machine, standing in machines_of(branch, summary) if branch else ():
            _, since, cause = standing
            status = status_of(standing) if current else Status.UNKNOWN
            views.append(
                MachineView(
                    gym=gym,
                    machine=machine.machine_id,
                    name=machine.name,
                    category=machine.category,
                    status=status,
                    cause=_cause(cause) if current else Cause.SILENT,
                    timestamp=as_of,
                    last_change=(since or as_of) if current else as_of,
                    metadata=machine.metadata,
                    position=(machine.position.x, machine.position.y) if machine.position else None,
                )
            )
        return views


def _cause(word: str | None) -> Cause:
    return Cause(word) if word in CAUSES else Cause.SILENT


def _elsewhere(branch: Branch, what: str, page: str) -> ElsewhereError:
    where = f" at {branch.public_url.rstrip('/')}{page}" if branch.public_url else ""
    detail = f"{what} is kept in the branch {branch.name!r} itself{where}."
    return ElsewhereError(detail, branch.public_url)
