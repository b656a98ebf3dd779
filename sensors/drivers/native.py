"""Native sensors: SPEC's MQTT topics; they speak on change."""

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
    """The JSON form; other keys are ignored."""

    occupied: bool
    timestamp: float | None = None
    seq: int | None = None


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
        except (msgspec.DecodeError, UnicodeDecodeError):
            active = WORDS.get(data.strip().lower())
            return self._drop("unknown_word") if active is None else [Sample(active)]
        return [Sample(said.occupied, timestamp=said.timestamp, seq=said.seq)]

    def _drop(self, reason: str) -> list[Saying]:
        self.dropped[reason] += 1
        return []


def topics(topic: str) -> tuple[str, ...]:
    """The occupancy topic and, beside it, the one that says whether the device is there."""
    if not topic.endswith(OCCUPANCY_TOPIC):
        return (topic,)
    return topic, topic.removesuffix(OCCUPANCY_TOPIC) + AVAILABILITY_TOPIC


DRIVER = driver("native", "mqtt", "occupancy words over MQTT", NativeOptions, NativeDecoder, topics)
