"""Zigbee devices through Zigbee2MQTT: presence, contact, vibration, plugs; JSON or attributes."""

from collections.abc import Mapping

import msgspec

from sensors.decoder import driver
from sensors.fields import (
    LARGEST,
    LEVELS,
    SAYS_PRESENCE,
    SWITCHES,
    WORDS,
    FieldsDecoder,
    Property,
    availability,
    levels,
    number,
    sample,
    there,
)
from sensors.sample import Availability, Saying

AVAILABILITY, BRIDGE = "/availability", "/bridge/state"
ATTRIBUTES = {
    *LEVELS,
    *SWITCHES,
    *(name for names in SAYS_PRESENCE for name in names),
    "battery",
    "linkquality",
}


class Zigbee2MqttDecoder(FieldsDecoder):
    """`zigbee2mqtt/NAME` with a JSON object, or `zigbee2mqtt/NAME/ATTRIBUTE` with a bare value."""

    def feed(self, data: bytes, topic: str = "") -> list[Saying]:
        """Take one message."""
        if len(data) > LARGEST:
            return self.drop("too_large")
        if topic.endswith(BRIDGE):
            return self._bridge(data)
        if topic.endswith(AVAILABILITY):
            return there(data, self.drop)
        if "/bridge/" in topic or not data.strip():
            return []  # the bridge's own affairs; an attribute without a value
        fields = self._fields(data, topic)
        return [] if fields is None else [self._sample(fields, topic)]

    def _bridge(self, data: bytes) -> list[Saying]:
        online = availability(data)
        return self.drop("unknown_word") if online is None else [Availability(online, bridge=True)]

    def _fields(self, data: bytes, topic: str) -> Mapping[str, object] | None:
        name = topic.rpartition("/")[2]
        if not data.lstrip().startswith(b"{") and (
            name in ATTRIBUTES or name == self._options.property
        ):
            return self._attribute(name, _bare(data))
        said = self.json(data)
        if said is not None and not isinstance(said, dict):
            self.drop("not_an_object")
            return None
        return said

    def _attribute(self, name: str, value: object) -> Mapping[str, object] | None:
        if isinstance(value, str) and value.lower() not in WORDS:
            self.drop("unknown_word")
            return None
        return {name: value}

    def _sample(self, fields: Mapping[str, object], topic: str) -> Saying:
        if fields.get("action") == "vibration":  # Aqara's says it as an action, and takes it back
            fields = {**fields, "vibration": True}
        found, chosen = levels(fields), self._options.property
        if "power" not in fields and (power := _only_power(fields)) is not None:
            found["power_w"] = power
        strength = number(fields.get(chosen)) if chosen is not None else None
        return sample(
            self.active(fields, topic),
            found,
            strength=number(fields.get("strength")) if strength is None else strength,
            battery=fields.get("battery"),
            signal=fields.get("linkquality"),
        )


def _bare(data: bytes) -> object:
    """An attribute's value: JSON where it is some, else a word."""
    try:
        return msgspec.json.decode(data)
    except (ValueError, RecursionError):
        return data.decode(errors="replace").strip()


def _only_power(fields: Mapping[str, object]) -> float | None:
    """Of a device that measures one of its outlets, under a name such as `power_l2`."""
    names = [name for name in fields if name.startswith("power_")]
    said = [value for name in names if (value := number(fields[name])) is not None]
    return said[0] if len(said) == 1 else None


def topics(topic: str, _options: Property) -> tuple[str, ...]:
    """The device's topic, its availability, and the bridge's state."""
    base, _, name = topic.partition("/")
    device = topic.rpartition("/")[0] if name.rpartition("/")[2] in ATTRIBUTES else topic
    return topic, f"{device}{AVAILABILITY}", f"{base}{BRIDGE}"


DRIVER = driver(
    "zigbee2mqtt",
    "mqtt",
    "Zigbee devices through Zigbee2MQTT",
    Property,
    Zigbee2MqttDecoder,
    topics,
)
