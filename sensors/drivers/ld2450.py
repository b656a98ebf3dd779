"""The HLK-LD2450 radar: up to three targets with their places, ten times a second."""

import struct
from math import hypot
from typing import Annotated

import msgspec

from sensors.decoder import Decoder, Options, driver
from sensors.framing import FixedFrames
from sensors.sample import Sample, Saying

HEAD, TAIL = bytes.fromhex("aaff0300"), bytes.fromhex("55cc")
TARGET = struct.Struct("<HHHH")  # x, y, speed, resolution
TARGETS = 3
SIGN = 0x8000  # set: positive, which no other device does
EVERY = 0.1  # seconds between two reports
Metres = Annotated[float, msgspec.Meta(ge=-10, le=10)]


class Ld2450Options(Options, frozen=True):
    """The zone that counts, metres from the radar: `x` to its right, `y` ahead; default: all."""

    x: tuple[Metres, Metres] | None = None
    y: tuple[Metres, Metres] | None = None


class Ld2450Decoder(Decoder):
    """Active while a target is in the zone; its strength is the distance of the nearest."""

    repeats_every = EVERY

    def __init__(self, options: Ld2450Options) -> None:
        super().__init__()
        self._options = options
        self._frames = FixedFrames(HEAD, TARGETS * TARGET.size, TAIL, self.dropped)

    def __len__(self) -> int:
        return len(self._frames)

    def feed(self, data: bytes, topic: str = "") -> list[Saying]:  # noqa: ARG002  a line has none
        """Take the next bytes of the line."""
        return [self._report(payload) for payload in self._frames.feed(data)]

    def _report(self, payload: bytes) -> Sample:
        places = [
            (_signed(x) / 1000, _signed(y) / 1000)
            for x, y, _, _ in TARGET.iter_unpack(payload)
            if x or y
        ]
        near = [hypot(x, y) for x, y in places if self._counts(x, y)]
        if not near:
            return Sample(active=False)
        distance = round(min(near), 3)
        strength = round(distance * 100, 1)
        return Sample(active=True, strength=strength, unit="cm", levels={"distance_m": distance})

    def _counts(self, x: float, y: float) -> bool:
        return _within(x, self._options.x) and _within(y, self._options.y)


def _signed(value: int) -> int:
    return value - SIGN if value & SIGN else -value


def _within(value: float, zone: tuple[float, float] | None) -> bool:
    return zone is None or zone[0] <= value <= zone[1]


DRIVER = driver("ld2450", "serial", "HLK-LD2450 tracking radar", Ld2450Options, Ld2450Decoder)
