"""The wire types of REST and of the stream's own events, and how views become them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from gateway.core.bins import BIN_SECONDS, Bin
from gateway.core.events import Cause, Status
from gateway.core.forecast import Prediction
from gateway.messages import moment
from gateway.readmodel import (
    BranchView,
    CategoryView,
    History,
    MachineView,
    Patterns,
    ReadModel,
    Snapshot,
)

Clock = Literal["unsynchronised"] | msgspec.UnsetType
"""Present only while the wall clock cannot be trusted."""

INELIGIBLE: dict[Status, Literal["free_now", "out_of_service"]] = {
    Status.FREE: "free_now",
    Status.OUT_OF_SERVICE: "out_of_service",
}
"""Why nobody needs to, or can, wait for a machine."""

HealthStatus = Literal["ok", "degraded", "unavailable"]


def _plain(value: object) -> object:
    """Read-only mappings are objects too."""
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(f"{type(value).__name__} has no JSON form")


encode = msgspec.json.Encoder(enc_hook=_plain).encode


class Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A JSON object with camelCase keys."""


class Place(Wire, frozen=True):
    """Metres on the floor plan."""

    x: float
    y: float


class MachineRow(Wire, frozen=True):
    """A machine as lists, snapshots and its own page show it."""

    machine_id: str
    gym_id: str
    name: str
    category: str
    status: Status
    cause: Cause
    timestamp: float
    last_change: float
    alert_eligible: bool
    alert_ineligible_reason: Literal["free_now", "out_of_service"] | None
    likely_free_in_30m: float | None = msgspec.field(name="likelyFreeIn30m")
    """Probability; null where nobody can say."""
    expected_free_at: float | None
    position: Place | None
    metadata: dict[str, str]


class MachineReply(MachineRow, frozen=True):
    """`GET /machines/{machineId}`."""

    as_of: float
    clock: Clock = msgspec.UNSET


class CategoryMachines(Wire, frozen=True):
    """`GET /branches/{gymId}/categories/{category}/machines`."""

    gym_id: str
    category: str
    as_of: float
    machines: Sequence[MachineRow]
    clock: Clock = msgspec.UNSET


class CategoryCounts(Wire, frozen=True):
    """A category's machines, counted by status."""

    category: str
    name: str
    total: int
    free: int
    occupied: int
    unknown: int
    out_of_service: int


class BranchRow(Wire, frozen=True):
    """A branch in a list of branches."""

    gym_id: str
    name: str
    latitude: float | None
    longitude: float | None
    timezone: str
    open: bool
    source: str
    as_of: float
    categories: Sequence[CategoryCounts]
    public_url: str | msgspec.UnsetType = msgspec.UNSET
    """Where its own gateway is."""
    distance_km: float | msgspec.UnsetType = msgspec.UNSET
    """From the place that was asked for; of branches that say where they are."""
    clock: Clock = msgspec.UNSET


class Branches(Wire, frozen=True):
    """`GET /branches`."""

    as_of: float
    branches: Sequence[BranchRow]
    clock: Clock = msgspec.UNSET


class BinRow(Wire, frozen=True, omit_defaults=True):
    """A quarter hour; only the one that still runs has `open`."""

    start: int
    occupancy_ratio: float | None
    occupied_seconds: int
    observed_seconds: int
    sessions: int
    open: bool = False


class Week(Wire, frozen=True):
    """The usual week: 7 days from Monday of 96 ratios, and its busiest and quietest moments."""

    weekday: tuple[tuple[float | None, ...], ...]
    busiest: tuple[str, ...]
    quietest: tuple[str, ...]


class UsualReply(Wire, frozen=True):
    """`GET /branches/{gymId}/usual`: all its machines together."""

    gym_id: str
    timezone: str
    patterns: Week


class PredictionRow(Wire, frozen=True):
    """What is foretold; times are null while the machine is free."""

    horizon_seconds: int
    probability_free: float
    likely_free: bool
    expected_free_at: float | None
    interval: tuple[float, float] | None
    basis: str


class HistoryReply(Wire, frozen=True):
    """`GET /machines/{machineId}/history`."""

    machine_id: str
    gym_id: str
    start: int = msgspec.field(name="from")
    end: int = msgspec.field(name="to")
    bin_seconds: int
    timezone: str
    bins: Sequence[BinRow]
    patterns: Week
    prediction: PredictionRow | None
    clock: Clock = msgspec.UNSET


class SnapshotMessage(Wire, frozen=True, tag_field="type", tag="snapshot"):
    """The stream's first word: all that is followed, as of the event `id`."""

    id: str
    as_of: float
    machines: Sequence[MachineRow]
    clock: Clock = msgspec.UNSET


class ResetMessage(Wire, frozen=True, tag_field="type", tag="reset"):
    """What was missed cannot be told exactly; a snapshot follows."""

    reason: str


class HeartbeatMessage(Wire, frozen=True, tag_field="type", tag="heartbeat"):
    """Nothing else was to be said; `id` is where the stream stands."""

    id: str


class FaultRow(Wire, frozen=True):
    """One wrong value of a request."""

    pointer: str
    detail: str


class Problem(Wire, frozen=True):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    category: str
    request_id: str
    errors: Sequence[FaultRow] = ()
    public_url: str | msgspec.UnsetType = msgspec.UNSET
    """Of the branch whose own gateway is to be asked."""


class HealthReply(Wire, frozen=True):
    """`GET /health`; the parts only for who asks locally."""

    status: HealthStatus
    ready: bool
    parts: Mapping[str, str] | msgspec.UnsetType = msgspec.UNSET
    details: Mapping[str, object] | msgspec.UnsetType = msgspec.UNSET


class LiveReply(Wire, frozen=True):
    """`GET /health/live`."""

    status: Literal["ok"]


def clock_of(model: ReadModel) -> Clock:
    """The `clock` key of a reply."""
    return msgspec.UNSET if model.synchronised() else "unsynchronised"


def machine_row(view: MachineView, told: Prediction | None = None) -> MachineRow:
    """A machine of a list, and what is foretold of it."""
    return MachineRow(
        machine_id=view.machine,
        gym_id=view.gym,
        name=view.name,
        category=view.category,
        status=view.status,
        cause=view.cause,
        timestamp=moment(view.timestamp),
        last_change=moment(view.last_change),
        alert_eligible=view.status not in INELIGIBLE,
        alert_ineligible_reason=INELIGIBLE.get(view.status),
        likely_free_in_30m=None if told is None else round(told.probability_free, 3),
        expected_free_at=None if told is None else whole(told.expected_free_at),
        position=Place(x=view.position[0], y=view.position[1]) if view.position else None,
        metadata=view.metadata,
    )


def whole(at: float | None) -> float | None:
    """A foretold moment: nobody knows it better than to the second."""
    return None if at is None else round(at)


def prediction_row(told: Prediction | None) -> PredictionRow | None:
    """What is foretold."""
    if told is None:
        return None
    return PredictionRow(
        horizon_seconds=round(told.horizon),
        probability_free=round(told.probability_free, 3),
        likely_free=told.likely_free,
        expected_free_at=whole(told.expected_free_at),
        interval=told.interval and (round(told.interval[0]), round(told.interval[1])),
        basis=told.basis,
    )


def machine_reply(
    view: MachineView, as_of: float, clock: Clock, told: Prediction | None = None
) -> MachineReply:
    """A machine on its own."""
    row = msgspec.structs.asdict(machine_row(view, told))
    return MachineReply(**row, as_of=moment(as_of), clock=clock)


def branch_row(view: BranchView, clock: Clock, distance: float | None = None) -> BranchRow:
    """A branch with its categories' counts; `distance` in kilometres."""
    return BranchRow(
        gym_id=view.gym,
        name=view.name,
        latitude=view.latitude,
        longitude=view.longitude,
        timezone=view.timezone,
        open=view.open,
        source=view.source,
        as_of=moment(view.as_of),
        categories=[_counts(category) for category in view.categories],
        public_url=view.public_url or msgspec.UNSET,
        distance_km=msgspec.UNSET if distance is None else round(distance, 2),
        clock=clock,
    )


def _counts(view: CategoryView) -> CategoryCounts:
    return CategoryCounts(
        category=view.category,
        name=view.name,
        total=sum(view.counts.values()),
        **{status.value: view.counts.get(status, 0) for status in Status},
    )


def bin_row(done: Bin) -> BinRow:
    """A quarter hour in whole seconds; the ratio is taken before they are rounded."""
    return BinRow(
        start=done.start,
        occupancy_ratio=None if done.ratio is None else round(done.ratio, 3),
        occupied_seconds=round(done.occupied),
        observed_seconds=round(done.observed),
        sessions=done.sessions,
        open=done.open,
    )


def history_reply(
    gym: str, machine: str, history: History, clock: Clock, told: Prediction | None = None
) -> HistoryReply:
    """A machine's bins, its usual week, and what is foretold."""
    return HistoryReply(
        machine_id=machine,
        gym_id=gym,
        start=history.start,
        end=history.end,
        bin_seconds=BIN_SECONDS,
        timezone=history.timezone,
        bins=[bin_row(done) for done in history.bins],
        patterns=week_of(history.patterns),
        prediction=prediction_row(told),
        clock=clock,
    )


def week_of(patterns: Patterns) -> Week:
    """As a reply carries it."""
    return Week(weekday=patterns.weekday, busiest=patterns.busiest, quietest=patterns.quietest)


def snapshot_message(
    snapshot: Snapshot, machines: Iterable[MachineRow], as_of: float, clock: Clock
) -> SnapshotMessage:
    """Those `machines` of a snapshot that are followed."""
    return SnapshotMessage(
        id=str(snapshot.cursor),
        as_of=moment(as_of),
        machines=[*machines],
        clock=clock,
    )
