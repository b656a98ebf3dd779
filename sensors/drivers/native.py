"""Native sensors: SPEC's MQTT topics; they speak on change."""

from typing import Annotated

import msgspec

from sensors.decoder import Decoder, Options, driver
from sensors.sample import Availability, Sample, Saying

LARGEST = 4096  # bytes; a word has some 60
WORDS = {b"on": True, b"1": True, b"true": True, b"off": False, b"0": False, b"false": False}
AVAILABILITY = {b"online": True, b"offline": False}
OCCUPANCY_TOPIC, AVAILABILITY_TOPIC = "/occupancy", "/availability"


class NativeOptions(Options, frozen=True):
    """Nothing to choose."""


class Payload(msgspec.Struct, frozen=True, gc=False):
    """The JSON form; `occupied` may be one of the words too, other keys are ignored."""

    occupied: bool | int | str
    timestamp: float | None = None
    seq: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | None = None  # as SQLite holds


_payload = msgspec.json.Decoder(Payload)


class NativeDecoder(Decoder):
    """`{"occupied": true, "timestamp": 1634567890.5, "seq": 17}`, or a bare word."""

    def __init__(self, _options: NativeOptions) -> None:
        super().__init__()

    def feed(self, data: bytes, topic: str = "") -> list[Saying]:
        """Take one message."""
        if len(data) > LARGEST:
            return self._drop("too_large")
        if topic.endswith(AVAILABILITY_TOPIC):
            online = AVAILABILITY.get(data.strip().lower())
            return self._drop("unknown_word") if online is None else [Availability(online)]
        try:
            said = _payload.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            active = WORDS.get(data.strip().lower())
            return self._unusable(error) if active is None else [Sample(active)]
        active = _active(said.occupied)
        if active is None:
            return self._drop("wrong_value")
        return [Sample(active, timestamp=said.timestamp, seq=said.seq)]

    def _unusable(self, error: Exception) -> list[Saying]:
        wrong = isinstance(error, msgspec.ValidationError)
        return self._drop("wrong_value" if wrong else "unknown_word")

    def _drop(self, reason: str) -> list[Saying]:
        self.dropped[reason] += 1
        return []


def _active(word: bool | int | str) -> bool | None:  # noqa: FBT001  the word itself
    if isinstance(word, bool):
        return word
    return WORDS.get(str(word).lower().encode())


def topics(topic: str, _options: NativeOptions) -> tuple[str, ...]:
    """The occupancy topic and, beside it, the one that says whether the device is there."""
    if not topic.endswith(OCCUPANCY_TOPIC):
        return (topic,)
    return topic, topic.removesuffix(OCCUPANCY_TOPIC) + AVAILABILITY_TOPIC


DRIVER = driver("native", "mqtt", "occupancy words over MQTT", NativeOptions, NativeDecoder, topics)
