"""Shelly devices: plugs, relays and inputs of the first generation, and of those with RPC."""

from collections.abc import Iterator, Mapping
from typing import Any

from sensors.decoder import driver
from sensors.fields import FieldsDecoder, Property, levels, number, relay, sample, there, truth
from sensors.sample import Channel, Saying

OLD = "shellies/"
WATT_MINUTES = 60.0  # of the first generation, in a watt hour
METERS = ("switch", "pm1", "cover", "light", "em1", "pm")  # components that measure
INPUT = "input"
AVAILABLE = "/online"
RPC = "/events/rpc"


class ShellyDecoder(FieldsDecoder):
    """`shellies/ID/relay/0/power` and `ID/status/switch:0`, `ID/events/rpc`."""

    def feed(self, data: bytes, topic: str = "") -> list[Saying]:
        """Take one message."""
        if topic.endswith(AVAILABLE):
            return there(data, self.drop)
        if topic.startswith(OLD):
            return self._old(data.decode(errors="replace").strip(), topic.split("/")[2:])
        said = self.json(data)
        if said is None:
            return []
        if not isinstance(said, dict):
            return self.drop("not_an_object")
        return self._notified(said) if topic.endswith(RPC) else self._status(said, topic)

    # --- the first generation ---------------------------------------------------------------

    def _old(self, word: str, path: list[str]) -> list[Saying]:
        """`relay/0`, `relay/0/power`, `relay/0/energy`, `input/0`; rollers leave the number out."""
        if not any(path):
            return self.drop("no_component")
        kind, *rest = path
        channel = int(rest[0]) if rest and rest[0].isdecimal() and len(rest[0]) < 4 else 0  # noqa: PLR2004
        what = rest[-1] if rest and not rest[-1].isdecimal() else ""
        if what in {"power", "energy"}:
            return self._measured(word, what, channel)
        if kind == INPUT and not what:
            return self._input(truth(None, word), channel)
        if kind == "relay" and not what:
            on = relay(word)
            return self._say(channel, {} if on is None else {"relay": float(on)})
        return []  # temperature, commands, announcements

    def _measured(self, word: str, what: str, channel: Channel) -> list[Saying]:
        try:
            value = number(float(word))
        except ValueError:
            value = None
        if value is None:
            return self.drop("no_number")
        if what == "power":
            return self._say(channel, {"power_w": value})
        return self._say(channel, {"energy_wh": round(value / WATT_MINUTES, 2)})

    # --- with RPC ---------------------------------------------------------------------------

    def _notified(self, said: Mapping[str, Any]) -> list[Saying]:
        """NotifyStatus and NotifyFullStatus: components with what has changed of them."""
        params = said.get("params")
        if not isinstance(params, dict):
            return self.drop("not_an_object")
        found = [one for name, body in _components(params) for one in self._component(name, body)]
        return found or self._say(0, {})

    def _status(self, said: Mapping[str, Any], topic: str) -> list[Saying]:
        name = topic.rpartition("/")[2]
        return self._component(name, said) or self._say(0, {})

    def _component(self, name: str, body: Mapping[str, Any]) -> list[Saying]:
        kind, _, number_ = name.partition(":")
        channel = int(number_) if number_.isdecimal() and len(number_) < 4 else 0  # noqa: PLR2004
        if kind == INPUT:
            return self._input(truth(None, body.get("state")), channel)
        if kind not in METERS:
            return []
        found = levels({**body, "power": body.get("apower", body.get("act_power"))})
        total = body.get("aenergy")
        if isinstance(total, dict) and (wh := number(total.get("total"))) is not None:
            found["energy_wh"] = wh
        return self._say(channel, found)

    def _input(self, on: bool | None, channel: Channel) -> list[Saying]:  # noqa: FBT001
        found = {} if on is None else {"input": float(on)}
        asked = self._options.property in {None, INPUT}
        active = on is not self._options.invert if on is not None and asked else None
        return [sample(active, found, channel=channel)]

    def _say(self, channel: Channel, found: dict[str, float]) -> list[Saying]:
        return [sample(None, found, channel=channel)]


def _components(params: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, body in params.items():
        if isinstance(body, dict) and ":" in name:
            yield name, body


def topics(topic: str, _options: Property) -> tuple[str, ...]:
    """All that the device says; `topic` is its prefix, such as `shellyplus1pm-a8032abe2f18`."""
    return (f"{topic}/#",)


DRIVER = driver(
    "shelly", "mqtt", "Shelly plugs, relays and inputs", Property, ShellyDecoder, topics
)
