"""The one message: what MQTT, SSE and WebSocket alike say of a machine's change; and a ring."""

from collections.abc import Sequence

import msgspec

from gateway.core.events import Cause, Event, Status
from gateway.core.rings import Firing
from gateway.readmodel import MachineView

_encode = msgspec.json.Encoder().encode


class MachineUpdate(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename="camel",
    tag_field="type",
    tag="machine_update",
):
    """`timestamp` = when recorded, `last_change` = since when; both epoch seconds."""

    machine_id: str
    gym_id: str
    category: str
    status: Status
    timestamp: float
    last_change: float
    cause: Cause
    seq: int | msgspec.UnsetType = msgspec.UNSET
    id: str | msgspec.UnsetType = msgspec.UNSET
    """`<epoch>-<seq>`: what a client that comes back says it knows."""
    calibration_version: int | msgspec.UnsetType = msgspec.UNSET
    """Of the sensor, where its levels were judged."""


class Alternative(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Another machine of the category that is free."""

    machine_id: str
    name: str


class AlertMessage(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="alert"
):
    """A machine that a member waits for is free; times are epoch seconds."""

    firing_id: str
    alert_id: str
    machine_id: str
    name: str
    category: str
    free_since: float
    place: int
    expires_at: float
    alternatives: Sequence[Alternative]


def encode_alert(
    firing: Firing, view: MachineView, others: Sequence[Alternative], expires: float
) -> bytes:
    """A ring, as JSON."""
    return _encode(
        AlertMessage(
            firing_id=firing.id,
            alert_id=firing.alert.id,
            machine_id=view.machine,
            name=view.name,
            category=view.category,
            free_since=moment(firing.free_since),
            place=firing.place,
            expires_at=moment(expires),
            alternatives=others,
        )
    )


def moment(seconds: float) -> float:
    """Epoch seconds as we write them: to the millisecond, finer means nothing."""
    return round(seconds, 3)


def encode_update(view: MachineView) -> bytes:
    """A machine as it stands, as JSON."""
    return _encode(_update(view, view))


def encode_event(event: Event, view: MachineView) -> bytes:
    """A stored event of the machine in `view`, as JSON with its `seq` and `id`."""
    name = f"{event.epoch}-{event.seq}"
    return _encode(_update(event, view, event.seq, name, event.calibration))


def _update(
    said: Event | MachineView,
    view: MachineView,
    seq: int | msgspec.UnsetType = msgspec.UNSET,
    name: str | msgspec.UnsetType = msgspec.UNSET,
    calibration: int | None = None,
) -> MachineUpdate:
    return MachineUpdate(
        machine_id=view.machine,
        gym_id=view.gym,
        category=view.category,
        status=said.status,
        timestamp=moment(said.timestamp),
        last_change=moment(said.last_change),
        cause=said.cause,
        seq=seq,
        id=name,
        calibration_version=msgspec.UNSET if calibration is None else calibration,
    )
