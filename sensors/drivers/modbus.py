"""Energy meters and inputs on an RS-485 line, polled by Modbus RTU."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sensors.decoder import Decoder, Options, driver
from sensors.sample import Sample, Saying

LARGEST = 256  # bytes of a frame, by the standard
EXCEPTION = 0x80  # set in the function of an answer that is none
BITS = (1, 2)  # functions whose answers are single bits
SHORTEST = 5  # bytes: unit, function, a code, CRC
REQUEST = 8  # bytes of a question: unit, function, address, count, CRC
ANSWER_WITHIN = 0.5  # seconds; meters take 20 to 200 ms
Unit = Annotated[int, Meta(ge=1, le=247)]
Word = Annotated[int, Meta(ge=0, le=65_535)]
Format = Literal["uint16", "int16", "uint32", "int32", "float32", "bit"]
FORMATS: dict[Format, tuple[int, str]] = {  # registers, and struct's name
    "uint16": (1, ">H"),
    "int16": (1, ">h"),
    "uint32": (2, ">I"),
    "int32": (2, ">i"),
    "float32": (2, ">f"),
    "bit": (1, ""),
}


class Poll(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question; its answer is the word of that `channel`. A value is `scale` of its unit."""

    unit: Unit
    address: Word
    function: Literal[1, 2, 3, 4] = 4
    format: Format = "float32"
    swap: bool = False
    """The low word comes first."""
    level: str = "power_w"
    scale: float = 1.0
    channel: int = 0

    @property
    def count(self) -> int:
        """Registers, or bits."""
        return FORMATS[self.format][0]


class ModbusOptions(Options, frozen=True):
    """What to ask, in turn; `every` seconds each."""

    polls: Annotated[tuple[Poll, ...], Meta(max_length=64)] = ()
    every: Annotated[float, Meta(ge=0.1, le=3600)] = 1.0


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that makes sense; `values` are registers of an answer, bits as 0 and 1."""

    unit: int
    function: int
    crc_ok: bool
    address: int | None = None
    count: int | None = None
    values: tuple[int, ...] = ()
    exception: int | None = None


class ModbusDecoder(Decoder):
    """Asks and hears one answer at a time: what comes unasked or late is counted."""

    def __init__(self, options: ModbusOptions) -> None:
        super().__init__()
        self._polls = options.polls
        self._every = options.every
        self.repeats_every = options.every
        self._rest = b""
        self._turn = 0
        self._asked: Poll | None = None
        self._asked_at = -ANSWER_WITHIN
        self._due = 0.0
        self._began = self._in_noise = False
        self.speaks = bool(options.polls)

    def __len__(self) -> int:
        return len(self._rest)

    def outgoing(self, now: float) -> bytes:
        """The next question, once the one before is answered or given up."""
        if not self._polls:
            return b""
        if self._asked is not None:
            if now - self._asked_at < ANSWER_WITHIN:
                return b""
            self.dropped["no_answer"] += 1
        if self._turn == 0:
            if self._began and now < self._due:
                self._asked = None
                return b""
            self._began, self._due = True, now + self._every
        self._asked, self._asked_at, self._rest = self._polls[self._turn], now, b""
        self._in_noise = False
        self._turn = (self._turn + 1) % len(self._polls)
        return question(self._asked)

    def feed(self, data: bytes, topic: str = "") -> list[Saying]:  # noqa: ARG002  a line has none
        """Take the next bytes of the line."""
        if self._asked is None:
            self._count_noise(data)
            return []
        self._rest = (self._rest + data)[-LARGEST:]
        poll, found = self._asked, self._answer(self._asked)
        if found is None:
            return []
        self._asked, self._rest = None, b""
        if found.exception is not None:
            self.dropped["refused"] += 1
            return []
        return self._say(poll, found.values)

    def frame(self, data: bytes) -> dict[str, object]:
        """A frame on its own, asked or not, for who looks at a recording."""
        found = parse(data)
        if found is None or not found.crc_ok:
            self.dropped["bad_frame"] += 1
        if found is None:
            return {"crc_ok": False}
        return {
            "unit": found.unit,
            "function": found.function,
            "address": found.address,
            "count": found.count,
            "registers": list(found.values) or None,
            "exception": found.exception,
            "crc_ok": found.crc_ok,
        }

    def _count_noise(self, data: bytes) -> None:
        """Once, until the next question."""
        if data and not self._in_noise:
            self.dropped["not_asked"] += 1
            self._in_noise = True

    def _answer(self, poll: Poll) -> Frame | None:
        """The answer, wherever noise before it ends."""
        size = answer_size(poll)
        for begin in range(len(self._rest) - SHORTEST + 1):
            piece = self._rest[begin:]
            for length in (size, SHORTEST):
                found = parse(piece[:length]) if len(piece) >= length else None
                if found and found.crc_ok and _fits(found, poll):
                    return found
        return None

    def _say(self, poll: Poll, values: Sequence[int]) -> list[Saying]:
        value = _value(poll, values)
        if not isfinite(value):
            self.dropped["no_number"] += 1
            return []
        if poll.format == "bit":
            return [Sample(bool(value), None, None, {poll.level: value}, channel=poll.channel)]
        unit = "W" if poll.level == "power_w" else None
        return [Sample(None, value, unit, {poll.level: value}, channel=poll.channel)]


def question(poll: Poll) -> bytes:
    """As it goes onto the line."""
    head = struct.pack(">BBHH", poll.unit, poll.function, poll.address, poll.count)
    return head + crc(head)


def answer_size(poll: Poll) -> int:
    """Bytes of a good answer."""
    return SHORTEST + (1 if poll.function in BITS else 2 * poll.count)


def parse(data: bytes) -> Frame | None:
    """A question or an answer, whichever its length says; None: neither."""
    if not SHORTEST <= len(data) <= LARGEST:
        return None
    unit, function, body, good = data[0], data[1], data[2:-2], crc(data[:-2]) == data[-2:]
    if function & EXCEPTION:
        return Frame(unit, function & ~EXCEPTION, good, exception=body[0])
    if body[0] == len(body) - 1:
        return Frame(unit, function, good, values=_values(function, body[1:]))
    if len(data) == REQUEST:
        address, count = struct.unpack(">HH", body)
        return Frame(unit, function, good, address, count)
    return None


def _values(function: int, body: bytes) -> tuple[int, ...]:
    if function in BITS:
        return tuple(byte >> bit & 1 for byte in body for bit in range(8))
    return struct.unpack(f">{len(body) // 2}H", body[: len(body) // 2 * 2])


def _fits(found: Frame, poll: Poll) -> bool:
    same = (found.unit, found.function) == (poll.unit, poll.function)
    return same and (found.exception is not None or len(found.values) >= poll.count)


def _value(poll: Poll, values: Sequence[int]) -> float:
    if poll.format == "bit":
        return float(values[0])
    words = values[: poll.count]
    packed = struct.pack(f">{len(words)}H", *(reversed(words) if poll.swap else words))
    (value,) = struct.unpack(FORMATS[poll.format][1], packed)
    scaled = float(value) * poll.scale
    return scaled if isfinite(scaled) else nan


def crc(data: bytes) -> bytes:
    """CRC-16 of Modbus, low byte first."""
    register = 0xFFFF
    for byte in data:
        register = register >> 8 ^ _TABLE[(register ^ byte) & 0xFF]
    return register.to_bytes(2, "little")


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0xA001 if byte & 1 else 0)
    return byte


_TABLE = tuple(map(_entry, range(256)))

DRIVER = driver("modbus", "serial", "meters and inputs by Modbus RTU", ModbusOptions, ModbusDecoder)
