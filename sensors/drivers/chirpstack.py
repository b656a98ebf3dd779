"""LoRaWAN devices: uplinks of ChirpStack and The Things Stack with a decoded object."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sensors.decoder import driver
from sensors.fields import FieldsDecoder, Property, levels, number, sample
from sensors.sample import Saying

OBJECT, UPLINK = "object", "uplink_message"
BATTERIES = ("battery", "batteryLevel", "battery_level", "bat")
OTHERS = {"ack", "join", "txack", "log", "location", "integration", "down", "status"}
HOW_FINE = 26  # characters of an ISO time that Python reads: microseconds, the network says nano


class LoraDecoder(FieldsDecoder):
    """`application/ID/device/EUI/event/up`, `v3/APP/devices/ID/up`."""

    def feed(self, data: bytes, topic: str = "") -> list[Saying]:
        """Take one message."""
        said = self.json(data)
        if said is None:
            return []
        if not isinstance(said, dict):
            return self.drop("not_an_object")
        uplink = said.get(UPLINK)
        inner = uplink if isinstance(uplink, dict) else said
        fields = inner.get(OBJECT, inner.get("decoded_payload"))
        if isinstance(fields, dict):
            return [self._sample(fields, said, inner, topic)]
        if (battery := _battery(said)) is not None:
            return [sample(None, battery=battery)]
        return [] if topic.rpartition("/")[2] in OTHERS else self.drop("not_decoded")

    def _sample(
        self,
        fields: Mapping[str, Any],
        said: Mapping[str, Any],
        inner: Mapping[str, Any],
        topic: str,
    ) -> Saying:
        name = self._options.property
        return sample(
            self.active(fields, topic),
            levels(fields),
            strength=number(fields.get(name)) if name is not None else None,
            battery=_battery(fields),
            signal=_signal(inner),
            timestamp=_moment(said.get("time", said.get("received_at"))),
        )


def _battery(fields: Mapping[str, Any]) -> float | None:
    return next(
        (found for name in BATTERIES if (found := number(fields.get(name))) is not None), None
    )


def _signal(inner: Mapping[str, Any]) -> float | None:
    """The strongest gateway's RSSI, dBm."""
    heard = inner.get("rxInfo", inner.get("rx_metadata"))
    if not isinstance(heard, list):
        return None
    rssi = (number(one.get("rssi")) for one in heard if isinstance(one, dict))
    return max((one for one in rssi if one is not None), default=None)


def _moment(text: object) -> float | None:
    """When the network heard it; epoch seconds."""
    if not isinstance(text, str):
        return None
    date, mark, zone = text.partition("Z") if text.endswith("Z") else _zone(text)
    try:
        return datetime.fromisoformat(
            date[:HOW_FINE] + ("+00:00" if mark == "Z" else zone)
        ).timestamp()
    except (ValueError, OverflowError):
        return None


def _zone(text: str) -> tuple[str, str, str]:
    place = max(text.rfind("+"), text.rfind("-", len("2022-07-18")))
    return (text[:place], "", text[place:]) if place > 0 else (text, "", "+00:00")


DRIVER = driver(
    "chirpstack", "mqtt", "LoRaWAN uplinks of ChirpStack and TTN", Property, LoraDecoder
)
