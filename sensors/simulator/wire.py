"""What simulated sensors put on the wire: MQTT messages, lines of text, radar reports.

Every sensor here sees movement with its family's eyes, and errs by chance and by seed.
`now` is seconds since the start of the sensor, in real time: only people can be hurried.
"""

import struct
from abc import ABC, abstractmethod
from collections.abc import Mapping

import msgspec

from sensors.sample import Channel
from sensors.simulator.noise import Spells, blips, chance, damaged, outages
from sensors.simulator.people import Move

LINES_EVERY = 1.0  # seconds between two words of a channel on a text line
REPORTS_EVERY = 0.1  # seconds between two radar reports
OCCUPANCY, AVAILABILITY = "/occupancy", "/availability"  # the ends of a native sensor's topics
BARE = 4  # every fourth native sensor speaks a bare word instead of JSON
BARE_WORDS = ((b"OFF", b"ON"), (b"0", b"1"), (b"false", b"true"))
REPORT = struct.Struct("<4sHBBBHBHBHBB4s")  # the LD2410's basic report, 23 bytes
REPORT_HEAD, REPORT_TAIL = bytes.fromhex("f4f3f2f1"), bytes.fromhex("f8f7f6f5")
MOVING, STILL = 1, 2  # bits of the radar's state


class Message(msgspec.Struct, frozen=True, gc=False):
    """One MQTT message, retained: whoever comes later learns how it stands."""

    topic: str
    payload: bytes


class NativeSensor:
    """Speaks on change: most in JSON and with availability, some a bare word and no more."""

    def __init__(self, topic: str, number: int, seed: int) -> None:
        """`number` is its place among the native sensors; it chooses the form."""
        self._topic = topic
        self._bare = BARE_WORDS[number // BARE % 3] if number % BARE == BARE - 1 else None
        present = self._bare is None and topic.endswith(OCCUPANCY)
        self._availability = topic.removesuffix(OCCUPANCY) + AVAILABILITY if present else None
        self._blips, self._outages = _faults(seed, topic)
        self._online: bool | None = None
        self._word: bool | None = None
        self._seq = 0

    def restart(self) -> None:
        """Say everything again at the next occasion: the connection is new."""
        self._online = self._word = None

    def say(self, now: float, timestamp: float, move: Move) -> list[Message]:
        """What changed; `timestamp` (epoch seconds) goes into the payload."""
        online = not self._outages.holds(now)
        said = self._presence(online=online) if online != self._online else []
        self._online = online
        word = move.active != self._blips.holds(now)
        if not online or word == self._word:
            return said
        self._word = word
        self._seq += 1
        return [*said, Message(self._topic, self._payload(word, timestamp))]

    def goodbye(self) -> list[Message]:
        """What its last will would say."""
        return self._presence(online=False)

    def _presence(self, *, online: bool) -> list[Message]:
        self._word = None  # whoever comes back tells how it stands
        payload = b"online" if online else b"offline"
        return [Message(self._availability, payload)] if self._availability else []

    def _payload(self, word: bool, timestamp: float) -> bytes:  # noqa: FBT001  the word itself
        if self._bare is not None:
            return self._bare[word]
        said = {"occupied": word, "timestamp": round(timestamp, 3), "seq": self._seq}
        return msgspec.json.encode(said)


class Line(ABC):
    """A serial line: `speak` gives what it carries every so many seconds."""

    every: float

    @abstractmethod
    def speak(self, now: float, moves: Mapping[str, Move]) -> bytes:
        """The next bytes, by the newest move of each machine."""


class TextLine(Line):
    """Several channels on one bus, each heard every second: JSON and `id,value` in turns."""

    every = LINES_EVERY

    def __init__(self, machines: Mapping[Channel, str], who: str, seed: int) -> None:
        """`machines` by their channel; `who` is the line's id."""
        self._random = chance(seed, who)
        self._machines = machines
        self._faults = {channel: _faults(seed, who, channel) for channel in machines}

    def speak(self, now: float, moves: Mapping[str, Move]) -> bytes:
        """One word of each channel that is not silent."""
        said = []
        for number, (channel, machine) in enumerate(self._machines.items()):
            blips, outages = self._faults[channel]
            word, silent = moves[machine].active != blips.holds(now), outages.holds(now)
            if not silent:
                said.append(damaged(self._random, _line(channel, word=word, json=number % 2 == 0)))
        return b"".join(said)


class Radar(Line):
    """An LD2410: it also sees who sits still, most of the time."""

    every = REPORTS_EVERY

    def __init__(self, machine: str, who: str, seed: int) -> None:
        self._machine = machine
        self._random = chance(seed, who)
        self._blips, self._outages = _faults(seed, who)
        self._lost = Spells(chance(seed, who, "lost"), every=60, lasting=(1, 5))

    def speak(self, now: float, moves: Mapping[str, Move]) -> bytes:
        """The tenth of a second's report; nothing while it is silent."""
        state = self._state(now, moves[self._machine])
        return b"" if self._outages.holds(now) else damaged(self._random, self._encode(state))

    def _state(self, now: float, move: Move) -> int:
        blip, lost = self._blips.holds(now), self._lost.holds(now)
        if not move.truth:
            return MOVING if blip else 0
        if move.active:
            return 0 if blip else MOVING | STILL
        return 0 if lost else STILL

    def _encode(self, state: int) -> bytes:
        """A body of distances (cm) and energies (0 to 100), as the vendor lays it out."""
        gauss, energy = self._random.gauss, self._energy
        moving = (round(gauss(80, 6)), energy(75)) if state & MOVING else (0, energy(6))
        still = (round(gauss(90, 3)), energy(60)) if state & STILL else (0, energy(9))
        detection = moving[0] or still[0]
        body = (0x02, 0xAA, state, *moving, *still, detection, 0x55, 0x00)
        return REPORT.pack(REPORT_HEAD, 13, *body, REPORT_TAIL)

    def _energy(self, usual: float) -> int:
        return min(100, max(0, round(self._random.gauss(usual, usual / 5))))


def _faults(seed: int, *who: object) -> tuple[Spells, Spells]:
    return blips(chance(seed, *who, "blips")), outages(chance(seed, *who, "outages"))


def _line(channel: Channel, *, word: bool, json: bool) -> bytes:
    if json:
        return msgspec.json.encode({"id": channel, "occupied": word}) + b"\n"
    return f"{channel},{int(word)}\n".encode()
