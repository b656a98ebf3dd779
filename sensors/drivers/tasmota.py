"""Tasmota devices: plugs that measure power, switches, and radars on their serial port."""

from collections.abc import Mapping
from typing import Any

from sensors.decoder import driver
from sensors.fields import FieldsDecoder, Property, number, relay, sample, there, truth
from sensors.sample import Saying

SNS = "StatusSNS"  # what STATUS8 and STATUS10 wrap their sensors in
ENERGY = (("Power", "power_w", 1.0), ("Voltage", "voltage_v", 1.0), ("Current", "current_a", 1.0))
TOTAL = ("Total", "energy_wh", 1000.0)  # kWh
RADARS = ("LD2410", "LD2402")
FIRST_SWITCH, FIRST_RELAYS = "Switch1", ("POWER", "POWER1")
PREFIXES = ("tele", "stat", "cmnd")
HEARD = (
    ("tele", ("SENSOR", "STATE", "LWT")),
    ("stat", ("RESULT", "STATUS8", "STATUS10", "POWER", "POWER1")),
)


class TasmotaDecoder(FieldsDecoder):
    """`tele/NAME/SENSOR` and its neighbours, in any FullTopic."""

    def feed(self, data: bytes, topic: str = "") -> list[Saying]:
        """Take one message."""
        *_, last = levels = topic.split("/")
        if last == "LWT":
            return there(data, self.drop)
        if "cmnd" in levels or not data.strip():
            return []  # what others ask of it
        if last.startswith("POWER"):
            return self._power(data.decode(errors="replace").strip())
        said = self.json(data)
        if said is None:
            return []
        if not isinstance(said, dict):
            return self.drop("not_an_object")
        inner = said.get(SNS, said)
        return [self._sample(inner if isinstance(inner, dict) else {})]

    def _power(self, word: str) -> list[Saying]:
        on = relay(word)
        if on is None:
            return self.drop("unknown_word")
        return [sample(None, {"relay": float(on)})]

    def _sample(self, said: Mapping[str, Any]) -> Saying:
        found = _energy(said.get("ENERGY"))
        for name, flag in (
            ("relay", _first(said, FIRST_RELAYS)),
            ("input", said.get(FIRST_SWITCH)),
        ):
            if (on := relay(flag)) is not None:
                found[name] = float(on)
        radar = next((said[name] for name in RADARS if isinstance(said.get(name), dict)), None)
        seen = None if radar is None else _radar(radar, found)
        wifi = said.get("Wifi")
        signal = None
        if isinstance(wifi, dict):
            signal = number(wifi.get("Signal", wifi.get("RSSI")))
            if (dbm := number(wifi.get("Signal"))) is not None:
                found["rssi"] = dbm
        return sample(self._active(said, seen), found, signal=signal)

    def _active(self, said: Mapping[str, Any], seen: bool | None) -> bool | None:  # noqa: FBT001
        """By the property that was asked for, else by a radar, else by the first switch."""
        if self._options.property is not None:
            return self.active(said)
        active = truth(None, said.get(FIRST_SWITCH)) if seen is None else seen
        return active if active is None else active is not self._options.invert


def _energy(energy: object) -> dict[str, float]:
    """SPEC's levels; of several outlets the sum of power and current."""
    found: dict[str, float] = {}
    if not isinstance(energy, dict):
        return found
    for name, level, unit in (*ENERGY, TOTAL):
        said = energy.get(name)
        values = [number(one) for one in (said if isinstance(said, list) else [said])]
        good = [value for value in values if value is not None]
        if good:
            found[level] = (good[0] if name == "Voltage" else sum(good)) * unit
    return found


def _radar(radar: Mapping[str, object], found: dict[str, float]) -> bool | None:
    """Tasmota's LD2410: distances in cm and energies of what moves, what is still, what is seen."""
    distances, energies = radar.get("Distance"), radar.get("Energy")
    for names, said in (
        (("moving_cm", "still_cm", "detection_cm"), distances),
        (("moving_energy", "still_energy"), energies),
    ):
        if isinstance(said, list):
            values = zip(names, map(number, said), strict=False)
            found.update((name, value) for name, value in values if value is not None)
    return any(found.get(name) for name in ("moving_cm", "still_cm", "detection_cm"))


def _first(said: Mapping[str, object], names: tuple[str, ...]) -> object:
    return next((said[name] for name in names if name in said), None)


def topics(topic: str, _options: Property) -> tuple[str, ...]:
    """What the device sends beside the topic that was configured, its last will included."""
    levels = topic.split("/")
    place = next((number for number, level in enumerate(levels) if level in PREFIXES), None)
    if place is None:
        return (topic,)
    names = {name for _, names in HEARD for name in names}
    rest = levels[place + 1 : -1] if levels[-1] in names else levels[place + 1 :]
    found = [topic]
    for prefix, lasts in HEARD:
        found += ["/".join([*levels[:place], prefix, *rest, last]) for last in lasts]
    return tuple(dict.fromkeys(found))


DRIVER = driver("tasmota", "mqtt", "Tasmota devices", Property, TasmotaDecoder, topics)
