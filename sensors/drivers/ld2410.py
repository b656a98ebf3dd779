"""The HLK-LD2410 radar (also B, C): binary reports ten times a second, basic or engineering."""

import struct

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


class Ld2410Options(Options, frozen=True):
    """Nothing to choose."""


class Ld2410Decoder(Decoder):
    """Reports become samples; answers to commands are frames too, and say nothing here."""

    repeats_every = EVERY

    def __init__(self, _options: Ld2410Options) -> None:
        super().__init__()
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
        return sayings


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
