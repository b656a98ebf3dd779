"""What devices call things, and what that means: shared by the families that send JSON objects."""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Annotated, Any

import msgspec

from sensors.decoder import Decoder, Options
from sensors.sample import NO_LEVELS, Availability, Channel, Sample, Saying

LARGEST = 64 * 1024  # bytes of a message: a bridge's longest has 20 KiB
MOST_TOPICS = 64  # of which a decoder remembers what said presence: a device has a handful
LONGEST_NAME = 64  # characters
WORDS = {
    **dict.fromkeys(("on", "true", "1", "yes", "open", "detected", "occupied", "presence"), True),
    **dict.fromkeys(("motion", "moving", "move", "active", "vibration", "present", "busy"), True),
    **dict.fromkeys(("off", "false", "0", "no", "closed", "clear", "unoccupied"), False),
    **dict.fromkeys(("none", "idle", "still", "inactive", "absent", "free", "close"), False),
}
ONLINE = {"online": True, "offline": False, "true": True, "false": False}
PRESENCE = (
    *("presence", "occupancy", "occupied", "motion", "pir", "moving"),
    *("presence_state", "motion_state", "occupancy_1", "occupancy_2"),
)
SAYS_PRESENCE = (PRESENCE, ("vibration",), ("contact",))  # who has the first, is asked nothing else
LEVELS: Mapping[str, tuple[str, float]] = {  # property → SPEC's name, and how many of its unit
    "power": ("power_w", 1.0),
    "apower": ("power_w", 1.0),
    "active_power": ("power_w", 1.0),
    "voltage": ("voltage_v", 1.0),
    "current": ("current_a", 1.0),
    "energy": ("energy_wh", 1000.0),
    "target_distance": ("distance_m", 1.0),
    "distance": ("distance_m", 1.0),
    "rssi": ("rssi", 1.0),
}
STRENGTHS = (("power_w", "W"), ("distance_m", "m"))  # the first that is said counts
MILLIVOLTS = 1000.0  # above it a voltage is a battery's, in mV


class Property(Options, frozen=True):
    """What says that the machine is in use.

    `property`: its name (default: presence, occupancy, vibration, contact, whichever it has);
    `on`: the values that mean in use (default: true, ON, open …); `invert`: the other way round;
    `repeats_every`: seconds between two words; 0: it speaks on change.
    """

    property: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)] | None = None
    on: tuple[bool | int | float | str, ...] | None = None
    invert: bool = False
    repeats_every: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 0.0


class FieldsDecoder(Decoder):
    """A decoder of messages that are JSON objects, with a device's properties in them."""

    def __init__(self, options: Property) -> None:
        super().__init__()
        self.repeats_every = options.repeats_every or None
        self._options = options
        self._ranks: dict[str, int] = {}  # topic → which of SAYS_PRESENCE it has shown

    def drop(self, reason: str) -> list[Saying]:
        """Count what cannot be used."""
        self.dropped[reason] += 1
        return []

    def json(self, data: bytes) -> Any:
        """The message, or None, counted: too large, or no JSON."""
        if len(data) > LARGEST:
            self.drop("too_large")
            return None
        try:
            return msgspec.json.decode(data)
        except (ValueError, RecursionError):  # msgspec's and Unicode's errors are ValueErrors
            self.drop("not_json")
            return None

    def active(self, fields: Mapping[str, object], topic: str = "") -> bool | None:
        """What these properties say about presence; None: nothing."""
        name = self._options.property
        if name is None:
            name = self._speaker(fields, topic)
        value = fields.get(name) if name is not None else None
        if value is None:
            return None
        says = value in self._options.on if self._options.on is not None else truth(name, value)
        return says if says is None else says is not self._options.invert

    def _speaker(self, fields: Mapping[str, object], topic: str) -> str | None:
        """The property to ask: a device that has shown a better one is asked no other."""
        known = self._ranks.get(topic, len(SAYS_PRESENCE))
        for rank, names in enumerate(SAYS_PRESENCE[: known + 1]):
            for name in names:
                if name in fields:
                    if len(self._ranks) < MOST_TOPICS:
                        self._ranks[topic] = rank
                    return name
        return None


def truth(name: str | None, value: object) -> bool | None:
    """What a value means by itself; a contact that is closed (true) is at rest."""
    if isinstance(value, bool):
        return value is not (name == "contact")
    if isinstance(value, str):
        return WORDS.get(value.strip().lower())
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value) is not (name == "contact")
    return None


def relay(value: object) -> bool | None:
    """Whether a switch lets current through: no word on whether anybody uses it."""
    if isinstance(value, bool):
        return value
    return {"on": True, "off": False, "1": True, "0": False}.get(str(value).lower())


def number(value: object) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if isfinite(found) else None


def levels(fields: Mapping[str, object]) -> dict[str, float]:
    """The numbers and switches that SPEC has names for."""
    found: dict[str, float] = {}
    for name, value in fields.items():
        if (known := LEVELS.get(name)) is not None:
            if (said := number(value)) is not None:
                found[known[0]] = said * known[1]
        elif (switch := SWITCHES.get(name)) is not None:
            flag = relay(value) if switch == "relay" else truth(name, value)
            if flag is not None:
                found[switch] = float(flag)
    if found.get("voltage_v", 0.0) > MILLIVOLTS:
        found["voltage_v"] /= 1000
    return found


SWITCHES = {
    "occupancy": "occupancy",
    "presence": "presence",
    "vibration": "vibration",
    "contact": "contact_open",
    "state": "relay",
    "output": "relay",
}


def sample(  # a sample has that many sides
    active: bool | None,  # noqa: FBT001  as the sample's own
    found: Mapping[str, float] = NO_LEVELS,
    *,
    strength: float | None = None,
    battery: object = None,
    signal: object = None,
    channel: Channel = 0,
    timestamp: float | None = None,
) -> Sample:
    """A sample whose strength is its power or distance, where it has one."""
    unit = None
    if strength is None:
        for name, of in STRENGTHS:
            if name in found:
                strength, unit = found[name], of
                break
    return Sample(
        active, strength, unit, found, number(battery), number(signal), channel, timestamp
    )


def availability(data: bytes, word: Callable[[str], bool | None] | None = None) -> bool | None:
    """`online`, `{"state": "offline"}`, `true`: whether it is there; None: it does not say."""
    if len(data) > LARGEST:
        return None
    text = data.decode(errors="replace").strip()
    if text.startswith("{"):
        try:
            said = msgspec.json.decode(data)
        except (ValueError, RecursionError):
            return None
        text = str(said.get("state")) if isinstance(said, dict) else ""
    return (word or (lambda text: ONLINE.get(text.lower())))(text)


def there(data: bytes, drop: Callable[[str], list[Saying]]) -> list[Saying]:
    """Availability, or a counted drop."""
    online = availability(data)
    return drop("unknown_word") if online is None else [Availability(online)]
