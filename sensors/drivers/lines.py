"""Lines of text on a serial bus with channels: `3,ON` or `{"id": 3, "value": 1}`."""

from typing import Annotated

import msgspec

from sensors.decoder import Decoder, Options, driver
from sensors.framing import Lines
from sensors.sample import Availability, Channel, Sample, Saying

LONGEST = 512  # bytes of a line; a word in JSON has some 40
WORDS = {"on": True, "1": True, "true": True, "off": False, "0": False, "false": False}
AVAILABILITY = {"online": True, "offline": False}
LONGEST_NAME = 64  # characters of a channel's name, as of an id
LONGEST_NUMBER = 18  # digits that fit 64 bits


class LinesOptions(Options, frozen=True):
    """`repeats_every`: seconds between two words of a channel; 0: it speaks on change."""

    repeats_every: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 1.0


class Line(msgspec.Struct, frozen=True, gc=False):
    """The JSON form; the word is under any one of three keys, other keys are ignored."""

    id: int | str
    value: bool | int | str | None = None
    occupied: bool | int | str | None = None
    active: bool | int | str | None = None
    battery: float | None = None
    signal: float | None = None


_line = msgspec.json.Decoder(Line)


class LinesDecoder(Decoder):
    """Each line is one channel's word; empty ones and `# comments` say nothing."""

    def __init__(self, options: LinesOptions) -> None:
        super().__init__()
        self.repeats_every = options.repeats_every or None
        self._lines = Lines(LONGEST, self.dropped)

    def __len__(self) -> int:
        return len(self._lines)

    def feed(self, data: bytes, topic: str = "") -> list[Saying]:  # noqa: ARG002  a line has none
        """Take the next bytes of the line."""
        said = [self._saying(line.strip()) for line in self._lines.feed(data)]
        return [saying for saying in said if saying is not None]

    def _saying(self, line: bytes) -> Saying | None:
        if not line or line.startswith(b"#"):
            return None
        try:
            found = _line.decode(line) if line.startswith(b"{") else _parse(line)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
            self.dropped["not_a_line"] += 1
            return None
        saying = _say(found)
        if saying is None:
            self.dropped["unknown_word"] += 1
        return saying


def _parse(line: bytes) -> Line:
    """`id,value`; ValueError when it is not."""
    name, comma, value = line.decode("ascii").partition(",")
    if not comma or not name.strip():
        raise ValueError
    return Line(name.strip(), value.strip())


def _say(line: Line) -> Saying | None:
    channel = _channel(line.id)
    said = (word for word in (line.value, line.occupied, line.active) if word is not None)
    word = str(next(said, "")).lower()
    if channel is None:
        return None
    if word in AVAILABILITY:
        return Availability(AVAILABILITY[word], channel)
    if word not in WORDS:
        return None
    return Sample(WORDS[word], battery=line.battery, signal=line.signal, channel=channel)


def _channel(name: Channel) -> Channel | None:
    """A number where it is one; None for what no configuration could name."""
    text = str(name)
    if text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER:
        return int(text)
    return text if text.isprintable() and len(text) <= LONGEST_NAME else None


DRIVER = driver("lines", "serial", "text lines with channels", LinesOptions, LinesDecoder)
