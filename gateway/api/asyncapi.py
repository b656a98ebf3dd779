"""AsyncAPI 3.0: the messages of the streams and of MQTT, from the types that are sent."""

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from config.sections import Config
from gateway.api.examples import MACHINE
from gateway.api.messages import (
    HeartbeatMessage,
    ResetMessage,
    SnapshotMessage,
    Wire,
)
from gateway.api.openapi import VERSION
from gateway.api.schemas import Json, Schemas
from gateway.api.socket import ErrorMessage, Ping, Pong, Subscribe, Unsubscribe
from gateway.messages import AlertMessage, MachineUpdate
from sensors.drivers.native import Payload

OneMessage = (
    MachineUpdate
    | SnapshotMessage
    | AlertMessage
    | ResetMessage
    | HeartbeatMessage
    | Pong
    | ErrorMessage
)


class Batch(Wire, frozen=True, tag_field="type", tag="batch"):
    """Under load several in one, in their order."""

    messages: Sequence[OneMessage]


class Said(NamedTuple):
    """A message: its name, its type (or the words it may be), what it means, and one of it."""

    name: str
    kind: type[msgspec.Struct] | tuple[str, ...]
    meaning: str
    example: object


class Channel(NamedTuple):
    """Where messages go; `heard` is what the gateway takes there."""

    name: str
    address: str
    server: str
    meaning: str
    sent: tuple[str, ...] = ()
    heard: tuple[str, ...] = ()


HERE = "5e0c2f7a9b3d4e61-1047"
ROW = {key: value for key, value in MACHINE.items() if key != "asOf"}
UPDATE = {
    "type": "machine_update",
    "machineId": "leg-press-01",
    "gymId": "hk-central",
    "category": "legs",
    "status": "free",
    "timestamp": 1634567890.0,
    "lastChange": 1634567850.0,
    "cause": "observed",
    "seq": 1047,
    "id": HERE,
}
ALERT = {
    "type": "alert",
    "firingId": "a41d2f3a09b7c6e58-5e0c2f7a9b3d4e61-1047",
    "alertId": "a41d2f3a09b7c6e58",
    "machineId": "leg-press-01",
    "name": "Leg press 1",
    "category": "legs",
    "freeSince": 1634567850.0,
    "place": 1,
    "expiresAt": 1634575090.0,
    "alternatives": [{"machineId": "leg-press-02", "name": "Leg press 2"}],
}
MESSAGES = (
    Said("machine_update", MachineUpdate, "A machine's status has changed.", UPDATE),
    Said(
        "snapshot",
        SnapshotMessage,
        "All machines that are followed, as of the event `id`.",
        {"type": "snapshot", "id": HERE, "asOf": 1634567890.0, "machines": [ROW]},
    ),
    Said(
        "alert",
        AlertMessage,
        "For its member alone, at once and at each connect until it is confirmed.",
        ALERT,
    ),
    Said(
        "reset",
        ResetMessage,
        "What was missed cannot be told exactly; a snapshot follows.",
        {"type": "reset", "reason": "That is too long ago."},
    ),
    Said(
        "heartbeat",
        HeartbeatMessage,
        "At least every 15 s; `id` is where the stream stands.",
        {"type": "heartbeat", "id": HERE},
    ),
    Said(
        "batch",
        Batch,
        "Several messages in one, in their order.",
        {"type": "batch", "messages": [UPDATE]},
    ),
    Said(
        "error",
        ErrorMessage,
        "What you said is not understood; the connection stays.",
        {"type": "error", "code": "unknown_action", "detail": "A message has an action."},
    ),
    Said("pong", Pong, "The answer to ping.", {"type": "pong"}),
    Said(
        "subscribe",
        Subscribe,
        "Follow these and no others; `since` tells first what was missed.",
        {"action": "subscribe", "machines": ["leg-press-01"], "since": HERE},
    ),
    Said(
        "unsubscribe",
        Unsubscribe,
        "Follow these no more; without any: nothing.",
        {"action": "unsubscribe", "machines": ["leg-press-01"]},
    ),
    Said("ping", Ping, "Asks whether we are there.", {"action": "ping"}),
    Said(
        "occupancy",
        Payload,
        "A sensor's word; bare ON, OFF, 1, 0, true and false count too.",
        {"occupied": True, "timestamp": 1634567890.5, "seq": 17},
    ),
    Said("availability", ("online", "offline"), "Retained, and the last will.", "online"),
)
STREAMED = ("snapshot", "machine_update", "alert", "reset", "heartbeat")
MACHINE_TOPIC = "gyms/{gymId}/machines/{machineId}"
CHANNELS = (
    Channel("stream", "/stream", "http", "Server-sent events.", STREAMED),
    Channel(
        "socket",
        "/ws",
        "websocket",
        "JSON text, one message or a batch in a frame.",
        (*STREAMED, "batch", "error", "pong"),
        ("subscribe", "unsubscribe", "ping"),
    ),
    Channel(
        "machineStatus",
        f"{MACHINE_TOPIC}/status",
        "mqtt",
        "Retained: how each machine is.",
        ("machine_update",),
    ),
    Channel(
        "gatewayStatus",
        "gyms/{gymId}/gateway/status",
        "mqtt",
        "Retained; the last will says offline.",
        ("availability",),
    ),
    Channel(
        "sensorOccupancy",
        f"{MACHINE_TOPIC}/occupancy",
        "mqtt",
        "Where native sensors speak, on change.",
        heard=("occupancy",),
    ),
    Channel(
        "sensorAvailability",
        f"{MACHINE_TOPIC}/availability",
        "mqtt",
        "Whether a native sensor is there; optional, retained.",
        heard=("availability",),
    ),
)
NAMES = {"gymId": "The branch's id.", "machineId": "The machine's id."}


def asyncapi(config: Config) -> Json:
    """The whole document. `config` gives the name and the address of the branch."""
    schemas = Schemas(said.kind for said in MESSAGES if isinstance(said.kind, type))
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"Gym gateway: {config.branch.name}",
            "version": VERSION,
            "description": "Times are epoch seconds (UTC); keys may be added, none is renamed."
            " The calls are in `/openapi.json`.",
        },
        "defaultContentType": "application/json",
        "servers": _servers(config.branch.public_url),
        "channels": {channel.name: _channel(channel) for channel in CHANNELS},
        "operations": {name: what for channel in CHANNELS for name, what in _operations(channel)},
        "components": {
            "schemas": _without_mappings(schemas.components),
            "messages": {said.name: _message(said, schemas) for said in MESSAGES},
        },
    }


def _servers(url: str) -> Json:
    parts = urlsplit(url)
    safe = "s" if parts.scheme == "https" else ""
    broker = {
        "default": "localhost:1883",
        "description": "The branch's broker; who installs sensors knows where it listens.",
    }
    return {
        "http": {"host": parts.netloc, "protocol": f"http{safe}"},
        "websocket": {"host": parts.netloc, "protocol": f"ws{safe}"},
        "mqtt": {"host": "{broker}", "protocol": "mqtt", "variables": {"broker": broker}},
    }


def _channel(channel: Channel) -> Json:
    names = (*channel.sent, *channel.heard)
    document: Json = {
        "address": channel.address,
        "description": channel.meaning,
        "servers": [{"$ref": f"#/servers/{channel.server}"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
    }
    used = {name: text for name, text in NAMES.items() if f"{{{name}}}" in channel.address}
    if used:
        document["parameters"] = {name: {"description": text} for name, text in used.items()}
    return document


def _operations(channel: Channel) -> list[tuple[str, Json]]:
    """What the gateway does there: it sends, it receives, or both."""
    ways = (("send", channel.sent), ("receive", channel.heard))
    at = f"#/channels/{channel.name}"
    return [
        (
            f"{action}{channel.name[0].upper()}{channel.name[1:]}",
            {
                "action": action,
                "channel": {"$ref": at},
                "messages": [{"$ref": f"{at}/messages/{name}"} for name in names],
            },
        )
        for action, names in ways
        if names
    ]


def _message(said: Said, schemas: Schemas) -> Json:
    if isinstance(said.kind, tuple):
        payload: Json = {"type": "string", "enum": list(said.kind)}
        how = {"contentType": "text/plain"}
    else:
        payload, how = schemas.of(said.kind), {}
    about = {"name": said.name, "title": said.name, "summary": said.meaning}
    return about | how | {"payload": payload, "examples": [{"payload": said.example}]}


def _without_mappings(components: Json) -> Json:
    """AsyncAPI's `discriminator` is the bare name of a key."""
    batch = components[Batch.__name__]["properties"]["messages"]["items"]
    batch["discriminator"] = batch["discriminator"]["propertyName"]
    return components
