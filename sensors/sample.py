"""What a sensor says, decoded."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

Channel = int | str
NO_LEVELS: Mapping[str, float] = MappingProxyType({})


class Sample(msgspec.Struct, frozen=True, gc=False):
    """One decoded saying of a sensor.

    `active` is None when it says nothing about presence. `strength` carries its `unit`;
    `levels` are named numbers (SPEC's names, two-valued ones as 0/1). `battery` is percent,
    `signal` as the family counts it. `channel` tells the sensors of one line apart, from 0.
    `timestamp` is the payload's own (epoch seconds), `seq` the sensor's own number.
    """

    active: bool | None
    strength: float | None = None
    unit: str | None = None
    levels: Mapping[str, float] = NO_LEVELS
    battery: float | None = None
    signal: float | None = None
    channel: Channel = 0
    timestamp: float | None = None
    seq: int | None = None

    def plain(self) -> dict[str, object]:
        """What it says, as JSON shows it: all but the payload's own time and number."""
        return {
            "active": self.active,
            "strength": self.strength,
            "unit": self.unit,
            "levels": dict(self.levels),
            "battery": self.battery,
            "signal": self.signal,
            "channel": self.channel,
        }


class Availability(msgspec.Struct, frozen=True, gc=False):
    """The device itself says that it is there, or its last will that it is not."""

    online: bool
    channel: Channel | None = None
    """None: every channel of the device."""
    bridge: bool = False
    """It speaks of what stands between us and the device: of that one only its end says a thing."""


Saying = Sample | Availability
