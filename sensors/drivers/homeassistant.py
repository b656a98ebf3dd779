"""Any entity that announces itself to Home Assistant over MQTT; `discover` writes its options."""

from sensors.announcement import dig
from sensors.decoder import driver
from sensors.fields import LARGEST, FieldsDecoder, Property, availability, number, sample, truth
from sensors.sample import Availability, Saying

LEVELS = {  # device class → unit → SPEC's name, and how many of its unit
    "power": {"W": ("power_w", 1.0), "kW": ("power_w", 1000.0)},
    "voltage": {"V": ("voltage_v", 1.0), "mV": ("voltage_v", 0.001)},
    "current": {"A": ("current_a", 1.0), "mA": ("current_a", 0.001)},
    "energy": {"Wh": ("energy_wh", 1.0), "kWh": ("energy_wh", 1000.0)},
    "distance": {"m": ("distance_m", 1.0), "cm": ("distance_m", 0.01), "mm": ("distance_m", 0.001)},
}
CONTACTS = {"door", "window", "opening", "garage_door"}  # on = open
SWITCHES = {"occupancy": "occupancy", "presence": "presence", "vibration": "vibration"}


class EntityOptions(Property, frozen=True):
    """As announced: `field` is a dotted path, `off` the word for not in use."""

    field: str | None = None
    off: tuple[bool | int | float | str, ...] | None = None
    device_class: str | None = None
    unit: str | None = None
    availability_topic: str | None = None
    online: str = "online"
    offline: str = "offline"


class EntityDecoder(FieldsDecoder):
    """The state as the announcement says to read it."""

    def __init__(self, options: EntityOptions) -> None:
        super().__init__(options)
        self._entity = options

    def feed(self, data: bytes, topic: str = "") -> list[Saying]:
        """Take one message."""
        if len(data) > LARGEST:
            return self.drop("too_large")
        word = data.decode(errors="replace").strip()
        if topic and topic == self._entity.availability_topic:
            known = {self._entity.online: True, self._entity.offline: False}
            online = known.get(word, availability(data))
            return self.drop("unknown_word") if online is None else [Availability(online)]
        value = self._value(data, word)
        return [] if value == "" else self._say(value)

    def _value(self, data: bytes, word: str) -> object:
        if self._entity.field is None:
            return word
        said = self.json(data)
        return "" if said is None else dig(said, self._entity.field)

    def _say(self, value: object) -> list[Saying]:
        if value is None or str(value).lower() in {"unknown", "unavailable"}:
            return [sample(None)]
        active = self._active(value)
        if active is not None:
            kind = self._entity.device_class or ""
            name = "contact_open" if kind in CONTACTS else SWITCHES.get(kind)
            found = {} if name is None else {name: float(active)}
            return [sample(active is not self._entity.invert, found)]
        return self._number(value)

    def _active(self, value: object) -> bool | None:
        on, off = self._entity.on, self._entity.off
        if on is not None and value in on:
            return True
        if off is not None and value in off:
            return False
        return truth(None, value) if on is None and off is None else None

    def _number(self, value: object) -> list[Saying]:
        try:
            said = number(float(str(value)))
        except ValueError:
            said = None
        if said is None:
            return self.drop("unknown_word")
        units = LEVELS.get(self._entity.device_class or "", {})
        known = units.get(self._entity.unit or next(iter(units), ""))
        return (
            [sample(None, {known[0]: said * known[1]})] if known else [sample(None, strength=said)]
        )


def topics(topic: str, options: EntityOptions) -> tuple[str, ...]:
    """The state, and the topic that says whether the device is there."""
    there = options.availability_topic
    return (topic,) if there is None else (topic, there)


DRIVER = driver(
    "homeassistant",
    "mqtt",
    "what announces itself to Home Assistant",
    EntityOptions,
    EntityDecoder,
    topics,
)
