"""What the API reads: implemented by the store, and by any other that serves branches."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.core.bins import Bin
from gateway.core.events import Cause, Cursor, Event, Status
from gateway.core.forecast import HORIZON, Prediction


@dataclass(frozen=True, slots=True)
class MachineView:
    """A machine and what we know of it now; times are epoch seconds."""

    gym: str
    machine: str
    name: str
    category: str
    status: Status
    cause: Cause
    timestamp: float
    """When the status was recorded."""
    last_change: float
    """Since when it holds."""
    metadata: dict[str, str]
    position: tuple[float, float] | None = None
    """Metres on the floor plan."""
    in_log: str | None = None
    """Its name in a log that tells of many branches; None: its id."""

    @property
    def key(self) -> str:
        """What events call it."""
        return self.in_log or self.machine


@dataclass(frozen=True, slots=True)
class CategoryView:
    """A category's machines, counted by status."""

    category: str
    name: str
    counts: dict[Status, int]


@dataclass(frozen=True, slots=True)
class BranchView:
    """A branch as a list of branches shows it."""

    gym: str
    name: str
    latitude: float | None
    longitude: float | None
    timezone: str
    open: bool
    source: str
    """`local`, or `remote` for a sibling heard upstream."""
    as_of: float
    categories: tuple[CategoryView, ...]
    public_url: str | None = None
    """Where its own gateway is, for what can be done there only."""


@dataclass(frozen=True, slots=True)
class Patterns:
    """The usual week: `weekday[day][slot]` is a ratio over observed time, or None; Monday first."""

    weekday: tuple[tuple[float | None, ...], ...]
    busiest: tuple[str, ...]
    quietest: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Usual:
    """A branch's usual week, in its own time."""

    timezone: str
    patterns: Patterns


@dataclass(frozen=True, slots=True)
class History:
    """A machine's bins in [start, end), the open one included, and its usual week."""

    start: int
    end: int
    timezone: str
    bins: tuple[Bin, ...]
    patterns: Patterns


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All machines as of one place in the log."""

    cursor: Cursor
    machines: tuple[MachineView, ...]


@dataclass(frozen=True, slots=True)
class Replay:
    """What a returning client missed; `reset` says why it cannot be told exactly."""

    events: Sequence[Event]
    cursor: Cursor
    """Everything up to here is in `events`."""
    reset: str | None = None


class ReadModel(Protocol):
    """What can be read of one or more branches. KeyError: no such gym, category or machine."""

    def synchronised(self) -> bool:
        """Whether our wall clock can be trusted."""

    def branches(self) -> tuple[BranchView, ...]:
        """Every branch known here."""

    def branch(self, gym: str) -> BranchView:
        """One branch."""

    def category(self, gym: str, category: str) -> tuple[MachineView, ...]:
        """The machines of a category."""

    def machine(self, gym: str, machine: str) -> MachineView:
        """One machine."""

    async def history(self, gym: str, machine: str, start: float, end: float) -> History:
        """Bins between two moments (epoch seconds), widened to whole bins."""

    async def usual(self, gym: str) -> Usual:
        """The usual week of a branch, all its machines together."""

    def foretell(self, gym: str, machine: str, horizon: float = HORIZON) -> Prediction | None:
        """How likely it is free in `horizon` seconds; None where nobody can say."""

    def snapshot(self) -> Snapshot:
        """Everything, at the newest published event."""

    async def since(self, cursor: Cursor) -> Replay:
        """The events after `cursor`, up to the newest published one."""

    async def page(self, after: Cursor | None, limit: int) -> Replay:
        """At most `limit` events of the log after `after`, or from the oldest that is kept."""
