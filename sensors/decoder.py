"""The contract of a decoder: bytes in, sayings out, no I/O, no clock."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import msgspec

from sensors.sample import Saying

Transport = Literal["mqtt", "serial"]


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a driver lets the configuration choose; each driver subclasses it."""


Chosen = TypeVar("Chosen", bound=Options)


class Decoder(ABC):
    """Turns one device's (or one line's) bytes into sayings.

    Rules: `feed` never raises, whatever the bytes; a stream may be cut anywhere; memory is
    bounded whatever arrives; what cannot be used is counted in `dropped` by a fixed reason.
    """

    repeats_every: float | None = None
    """Seconds between two words of a healthy sensor; None: it speaks on change."""

    speaks = False
    """Whether `outgoing` is to be asked; it may change."""

    def __init__(self) -> None:
        self.dropped: Counter[str] = Counter()

    @abstractmethod
    def feed(self, data: bytes, topic: str = "") -> list[Saying]:
        """Take the next bytes of the stream, or one whole message that came on `topic`."""

    def frame(self, data: bytes) -> dict[str, object] | None:  # noqa: ARG002  most have none
        """A frame on its own, taken apart for who looks at a recording; None: no such family."""
        return None

    def outgoing(self, now: float) -> bytes:  # noqa: ARG002  most families only speak
        """Bytes that the port shall write at `now` (monotonic seconds); b"" for nothing."""
        return b""


@dataclass(frozen=True, slots=True)
class Driver:
    """A sensor family as the catalog knows it."""

    name: str
    transport: Transport
    summary: str
    """One line for `gateway sensors` and for messages."""
    options: type[Options]
    decoder: Callable[[Mapping[str, object]], Decoder]
    """Builds a decoder from the configured options; msgspec.ValidationError if they are wrong."""
    topics: Callable[[str, Mapping[str, object]], tuple[str, ...]]
    """The MQTT topics to listen to for a sensor with that topic and those options; `…/#` a tree."""


def driver(
    name: str,
    transport: Transport,
    summary: str,
    options: type[Chosen],
    make: Callable[[Chosen], Decoder],
    topics: Callable[[str, Chosen], tuple[str, ...]] = lambda topic, _options: (topic,),
) -> Driver:
    """Describe a family; a module in `drivers/` binds the result to `DRIVER`."""

    def decoder(given: Mapping[str, object]) -> Decoder:
        return make(msgspec.convert(dict(given), options))

    def heard(topic: str, given: Mapping[str, object]) -> tuple[str, ...]:
        return topics(topic, msgspec.convert(dict(given), options))

    return Driver(name, transport, summary, options, decoder, heard)
