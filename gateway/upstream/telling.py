"""What the branch tells of itself: who it is, and how it stands."""

from config.sections import Config
from gateway.chain import Branch, Category, Counted, Machine, Place, Summary
from gateway.core.events import Status
from gateway.messages import moment
from gateway.readmodel import CategoryView, MachineView, ReadModel


def branch_of(config: Config) -> Branch:
    """The branch as it is configured."""
    branch = config.branch
    hours = branch.opening_hours
    return Branch(
        gym_id=branch.id,
        name=branch.name,
        latitude=branch.latitude,
        longitude=branch.longitude,
        timezone=branch.timezone,
        public_url=branch.public_url,
        opening_hours=None if hours is None else {str(day): span for day, span in hours.items()},
        holidays=branch.holidays,
        categories=tuple(
            Category(category=name, name=section.name)
            for name, section in config.categories.items()
        ),
        machines=tuple(
            Machine(
                machine_id=machine.id,
                name=machine.name,
                category=machine.category,
                position=Place(machine.position.x, machine.position.y)
                if machine.position
                else None,
                metadata=dict(machine.metadata),
            )
            for machine in config.machines
        ),
    )


def summary_of(model: ReadModel, gym: str) -> Summary:
    """The branch as it stands now."""
    snapshot, view = model.snapshot(), model.branch(gym)
    return Summary(
        gym_id=gym,
        epoch=snapshot.cursor.epoch,
        seq=snapshot.cursor.seq,
        as_of=moment(view.as_of),
        open=view.open,
        machines={machine.machine: _standing(machine) for machine in snapshot.machines},
        categories=tuple(map(_counted, view.categories)),
    )


def _standing(view: MachineView) -> tuple[str, float | None, str | None]:
    since = moment(view.last_change) if view.last_change else None
    return view.status.value, since, view.cause.value


def _counted(view: CategoryView) -> Counted:
    counts = view.counts
    return Counted(
        category=view.category,
        name=view.name,
        total=sum(counts.values()),
        free=counts[Status.FREE],
        occupied=counts[Status.OCCUPIED],
        unknown=counts[Status.UNKNOWN],
        out_of_service=counts[Status.OUT_OF_SERVICE],
    )
