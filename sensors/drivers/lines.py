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
    """The JSON form; channel and word may be under any one of their keys, others are ignored."""

    id: Channel | None = None
    channel: Channel | None = None
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
        lines = (line.strip() for line in self._lines.feed(data))
        said = [_read(line) for line in lines if line and not line.startswith(b"#")]
        self.dropped.update(reason for reason in said if isinstance(reason, str))
        return [saying for saying in said if not isinstance(saying, str)]


def _read(text: bytes) -> Saying | str:
    """What the line says, or the reason why it cannot be used."""
    try:
        line = _line.decode(text) if text.startswith(b"{") else _parse(text)
        channel = _channel(line)
    except (ValueError, RecursionError):  # msgspec's and Unicode's errors are ValueErrors
        return "not_a_line"
    if channel is None:
        return "unknown_channel"
    return _say(line, channel) or "unknown_word"


def _parse(line: bytes) -> Line:
    """`id,value`; ValueError when it is not."""
    name, comma, value = line.decode().partition(",")
    if not comma or not name.strip():
        raise ValueError
    return Line(id=name.strip(), value=value.strip())


def _say(line: Line, channel: Channel) -> Saying | None:
    said = (word for word in (line.value, line.occupied, line.active) if word is not None)
    word = str(next(said, "")).lower()
    if word in AVAILABILITY:
        return Availability(AVAILABILITY[word], channel)
    if word not in WORDS:
        return None
    return Sample(WORDS[word], battery=line.battery, signal=line.signal, channel=channel)


def _channel(line: Line) -> Channel | None:
    """A number where it is one; None for what no configuration could name."""
    name = line.id if line.id is not None else line.channel
    if name is None:
        raise ValueError
    text = str(name)
    if text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER:
        return int(text)
    return text if text.isprintable() and 0 < len(text) <= LONGEST_NAME else None


DRIVER = driver("lines", "serial", "text lines with channels", LinesOptions, LinesDecoder)
