"""All branches as they stand now, in memory; a branch is made anew when it says something."""

from collections.abc import Iterable, Mapping

from gateway.chain import Branch, ChainError, Machine
from gateway.core.events import Cursor, Status
from gateway.core.opening import Opening
from gateway.hub.live import Standing, Words
from gateway.hub.sorting import opening_of
from gateway.readmodel import BranchView, CategoryView, MachineView, Snapshot

NONE = dict.fromkeys(Status, 0)


class Shown:
    """One branch: what its views are made of, and the views."""

    def __init__(
        self, standing: Standing, described: Branch, opening: Opening, was: "Shown | None"
    ) -> None:
        """`was`: as it was shown before; what is the same goes on."""
        self.standing = standing
        self.described = described
        self.opening = opening
        known: Mapping[str, MachineView] = {}
        if was and was.described.machines == described.machines:
            said, says = was.standing.words(), standing.words()
            known = {name: was.machines[name] for name in was.machines if _same(name, said, says)}
        self.machines: dict[str, MachineView] = {
            one.machine_id: known.get(one.machine_id) or _machine(standing, one)
            for one in described.machines
        }
        self.view = _branch(standing, described, opening, self.machines.values())


class Picture:
    """What is shown: as many branches as may describe themselves. `cursor`: its newest event."""

    def __init__(self) -> None:
        self.cursor = Cursor("", 0)
        self._shown: dict[str, Shown] = {}
        self._branches: tuple[BranchView, ...] | None = None
        self._machines: tuple[MachineView, ...] | None = None

    def __getitem__(self, gym: str) -> Shown:
        return self._shown[gym]

    def take(self, standings: Mapping[str, Standing], *, whole: bool = False) -> bool:
        """How these stand now (`whole`: of all); True: other machines are shown."""
        gone = self._shown.keys() - standings.keys() if whole else frozenset()
        for gym in gone:
            del self._shown[gym]
        others = bool(gone)
        for gym, standing in standings.items():
            was = self._shown.get(gym)
            if (described := standing.described) is None:
                others |= self._shown.pop(gym, None) is not None
                continue
            try:
                self._shown[gym] = Shown(standing, described, opening_of(described), was)
            except ChainError:  # this hub does not know its time zone
                continue
            others |= was is None or was.described.machines != described.machines
        self._branches = self._machines = None
        return others

    def branches(self) -> tuple[BranchView, ...]:
        """By name."""
        if self._branches is None:
            views = (shown.view for shown in self._shown.values())
            self._branches = tuple(sorted(views, key=lambda view: (view.name, view.gym)))
        return self._branches

    def snapshot(self) -> Snapshot:
        """Every machine of every branch."""
        if self._machines is None:
            self._machines = tuple(
                view for shown in self._shown.values() for view in shown.machines.values()
            )
        return Snapshot(self.cursor, self._machines)

    def having(self, machine: str) -> list[str]:
        """The branches in which a machine of that id stands."""
        return [gym for gym, shown in self._shown.items() if machine in shown.machines]

    def silent(self) -> list[str]:
        """The branches that nobody hears."""
        return [gym for gym, shown in self._shown.items() if shown.standing.hushed is not None]


def _same(machine: str, said: Words, says: Words) -> bool:
    """Then its view goes on: new objects would be work for the collector."""
    word = says.get(machine)
    return word is not None and word == said.get(machine)


def _machine(standing: Standing, told: Machine) -> MachineView:
    status, cause, last_change, _ = standing.now(told.machine_id)
    return MachineView(
        gym=standing.gym,
        machine=told.machine_id,
        name=told.name,
        category=told.category,
        status=status,
        cause=cause,
        timestamp=last_change,  # the moment of the summary that told it is not kept
        last_change=last_change,
        metadata=told.metadata,
        position=None if told.position is None else (told.position.x, told.position.y),
        in_log=f"{standing.gym}/{told.machine_id}",
    )


def _branch(
    standing: Standing, told: Branch, opening: Opening, machines: Iterable[MachineView]
) -> BranchView:
    counts = {one.category: NONE.copy() for one in told.categories}
    for view in machines:
        if view.category not in counts:
            counts[view.category] = NONE.copy()
        counts[view.category][view.status] += 1
    names = {one.category: one.name for one in told.categories}
    summary = standing.summary
    return BranchView(
        gym=standing.gym,
        name=told.name,
        latitude=told.latitude,
        longitude=told.longitude,
        timezone=told.timezone,
        open=summary.open if summary else opening.is_open(standing.heard),
        source="remote",
        as_of=summary.as_of if summary else standing.heard,
        categories=tuple(CategoryView(one, names.get(one, one), n) for one, n in counts.items()),
        public_url=told.public_url,
    )
