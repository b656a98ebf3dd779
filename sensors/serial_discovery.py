"""What is heard on a serial line, told apart: which driver fits these bytes, how well."""

from collections.abc import Mapping
from dataclasses import dataclass

from sensors import catalog
from sensors.sample import Channel, Sample

MOST_CHANNELS = 64  # of one line
SPEEDS: Mapping[str, tuple[int, ...]] = {  # bits a second that a family's devices come with
    "ld2410": (256_000, 115_200),
    "ld2450": (256_000,),
    "lines": (115_200, 9_600),
}


@dataclass(frozen=True, slots=True)
class Fit:
    """A driver that understands these bytes."""

    driver: str
    samples: int
    dropped: int
    """Frames or lines that it could not use."""
    channels: tuple[Channel, ...]

    @property
    def confidence(self) -> str:
        """high: nearly all is understood; medium: most; low: some."""
        share = self.samples / (self.samples + self.dropped)
        return "high" if share >= 0.95 else "medium" if share >= 0.5 else "low"  # noqa: PLR2004  as said


def speeds() -> list[int]:
    """To be tried, the likeliest first."""
    return list(dict.fromkeys(speed for of in SPEEDS.values() for speed in of))


def fit(data: bytes, speed: int) -> Fit | None:
    """The family that understands most of these bytes, heard at that speed; None: none does."""
    fits = [found for name in SPEEDS if speed in SPEEDS[name] and (found := _tried(name, data))]
    return max(fits, key=lambda one: (one.samples - one.dropped, one.samples), default=None)


def _tried(name: str, data: bytes) -> Fit | None:
    decoder = catalog.load(name).decoder({})
    said = [saying for saying in decoder.feed(data) if isinstance(saying, Sample)]
    channels = tuple(dict.fromkeys(one.channel for one in said))[:MOST_CHANNELS]
    dropped = decoder.dropped.total()
    return Fit(name, len(said), dropped, channels) if said else None
