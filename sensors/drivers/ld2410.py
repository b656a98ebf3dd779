"""The HLK-LD2410 radar (also B, C): binary reports ten times a second, basic or engineering."""

import struct
from collections import Counter
from math import inf
from typing import Annotated

from msgspec import Meta

from sensors.decoder import Decoder, Options, driver
from sensors.framing import Frames
from sensors.sample import Sample, Saying

REPORT, ACK = bytes.fromhex("f4f3f2f1"), bytes.fromhex("fdfcfbfa")
TAILS = {REPORT: bytes.fromhex("f8f7f6f5"), ACK: bytes.fromhex("04030201")}
LONGEST = 64  # bytes of payload: engineering reports of nine gates have 35, acks up to 28
ENGINEERING, BASIC, HEAD, TAIL = 0x01, 0x02, 0xAA, 0x55
TARGET = struct.Struct("<BBBHBHBH")  # type, head, state, moving, still, detection
HIGHEST_GATE = 8  # nine gates, 0.75 m each
NAMES = ("moving_cm", "moving_energy", "still_cm", "still_energy", "detection_cm")
MOVES = tuple(f"move_g{gate}" for gate in range(HIGHEST_GATE + 1))
STILLS = tuple(f"still_g{gate}" for gate in range(HIGHEST_GATE + 1))
MOVING, STILL, KNOWN_STATES = 1, 2, 3  # higher states speak of the radar's own calibration
EVERY = 0.1  # seconds between two reports


BEGIN, RANGE, ENERGIES, END = 0xFF, 0x60, 0x62, 0xFE  # commands
ACK_WORD = struct.Struct("<BBH")  # command, 1, status
ACK_WITHIN = 0.5  # seconds; it answers within 50 ms
TRIES = 5  # then the radar is left alone for a while
REST = 10.0  # seconds


class Ld2410Options(Options, frozen=True):
    """What to set in the radar itself at each start; by default it is only listened to.

    `engineering`: report the energies of every gate, which a calibration needs; `farthest_gate`
    (2 to 8, each 0.75 m) and `absent_after` (seconds without anybody): both, or neither.
    """

    engineering: bool = False
    farthest_gate: Annotated[int, Meta(ge=2, le=HIGHEST_GATE)] | None = None
    absent_after: Annotated[int, Meta(ge=0, le=65_535)] | None = None

    def commands(self) -> list[tuple[int, bytes]]:
        """(command, its value), in the order in which the radar takes them; [] for none."""
        wanted: list[tuple[int, bytes]] = []
        if self.farthest_gate is not None and self.absent_after is not None:
            gate, seconds = self.farthest_gate, self.absent_after
            wanted.append((RANGE, struct.pack("<HIHIHI", 0, gate, 1, gate, 2, seconds)))
        if self.engineering:
            wanted.append((ENERGIES, b""))
        return [(BEGIN, b"\x01\x00"), *wanted, (END, b"")] if wanted else []


class Setup:
    """One command after the other, each repeated until the radar has said yes."""

    def __init__(self, commands: list[tuple[int, bytes]], dropped: Counter[str]) -> None:
        self._commands = commands
        self._dropped = dropped
        self._next = 0
        self._tries = 0
        self._quiet_until = -inf

    @property
    def done(self) -> bool:
        """Nothing is left to be said."""
        return self._next >= len(self._commands)

    def begin_again(self) -> None:
        """The radar has forgotten it: it was without power."""
        self._next = self._tries = 0

    def outgoing(self, now: float) -> bytes:
        """The command that is due."""
        if self.done or now < self._quiet_until:
            return b""
        if self._tries >= TRIES:
            self._dropped["no_ack"] += 1
            self._next, self._tries, self._quiet_until = 0, 0, now + REST
            return b""
        self._tries += 1
        self._quiet_until = now + ACK_WITHIN
        return command(*self._commands[self._next])

    def hear(self, payload: bytes) -> None:
        """Take an answer of the radar."""
        if self.done or len(payload) < ACK_WORD.size:
            return
        word, _, status = ACK_WORD.unpack_from(payload)
        if word != self._commands[self._next][0]:
            return
        if status:
            self._dropped["command_refused"] += 1
        self._next, self._tries, self._quiet_until = self._next + 1, 0, -inf


def command(word: int, value: bytes = b"") -> bytes:
    """A frame that asks the radar for something."""
    body = bytes((word, 0)) + value
    return ACK + len(body).to_bytes(2, "little") + body + TAILS[ACK]


class Ld2410Decoder(Decoder):
    """Reports become samples; answers to commands are frames too, and end a command of ours."""

    repeats_every = EVERY

    def __init__(self, options: Ld2410Options) -> None:
        super().__init__()
        self._options = options
        self._setup = Setup(options.commands(), self.dropped)
        self.speaks = not self._setup.done
        self._frames = Frames(TAILS, LONGEST, self.dropped)

    def __len__(self) -> int:
        return len(self._frames)

    def feed(self, data: bytes, topic: str = "") -> list[Saying]:  # noqa: ARG002  a line has none
        """Take the next bytes of the line."""
        sayings: list[Saying] = []
        for head, payload in self._frames.feed(data):
            if head == REPORT:
                sample = _report(payload)
                if sample is None:
                    self.dropped["bad_report"] += 1
                else:
                    sayings.append(sample)
                    self._look_at(sample)
            else:
                self._setup.hear(payload)
        return sayings

    def outgoing(self, now: float) -> bytes:
        """The next command, if the radar is to be set up."""
        return self._setup.outgoing(now)

    def _look_at(self, sample: Sample) -> None:
        """A basic report after all is set means that it was not."""
        if self._options.engineering and self._setup.done and MOVES[0] not in sample.levels:
            self._setup.begin_again()


def _report(payload: bytes) -> Sample | None:
    if len(payload) < TARGET.size + 2 or payload[-2] != TAIL:
        return None
    kind, head, state, *numbers = TARGET.unpack_from(payload)
    if head != HEAD or kind not in {BASIC, ENGINEERING}:
        return None
    levels = dict(zip(NAMES, numbers, strict=True))
    if kind == ENGINEERING and not _add_gates(levels, payload[TARGET.size : -2]):
        return None
    active = None if state > KNOWN_STATES else state != 0
    return Sample(active, _strength(state, levels), "cm" if active else None, levels)


def _strength(state: int, levels: dict[str, float]) -> float | None:
    """The distance of what it sees: who moves first; some firmware swaps the two fields."""
    moving, still = levels["moving_cm"], levels["still_cm"]
    if not 0 < state <= KNOWN_STATES:
        return None
    first, second = (moving, still) if state & MOVING else (still, moving)
    return float(first or second or levels["detection_cm"])


def _add_gates(levels: dict[str, float], rest: bytes) -> bool:
    """Energies by gate; False when the report is shorter than it says, or names no real gate."""
    if len(rest) < 2 or max(rest[:2]) > HIGHEST_GATE:  # noqa: PLR2004  the highest gates' numbers
        return False
    moving, still = rest[0] + 1, rest[1] + 1
    if len(rest) < 2 + moving + still:
        return False
    energies, extra = rest[2 : 2 + moving + still], rest[2 + moving + still :]
    levels.update(zip(MOVES, energies[:moving], strict=False))
    levels.update(zip(STILLS, energies[moving:], strict=False))
    if len(extra) == 2 and extra[1] <= 1:  # noqa: PLR2004  B and C add light and the OUT pin
        levels["light"], levels["out_pin"] = extra
    return True


DRIVER = driver("ld2410", "serial", "HLK-LD2410 presence radar", Ld2410Options, Ld2410Decoder)
