"""What sensors' levels were in the last day, thinned: for who asks what would have been."""

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import compress, cycle

DAY = 86_400.0  # seconds
EACH = 10.0  # seconds between two points at the least: people stay for minutes
MOST_BYTES = 4 * 2**20  # of all sensors: a day of 100 plugs in full, of 60 radars each 2 minutes
MOST_LEVELS = 32  # of one sensor: a radar's gates and what it sums up
WORDS = {None: -1, False: 0, True: 1}
SAID = {value: word for word, value in WORDS.items()}


@dataclass(frozen=True, slots=True)
class Point:
    """What a sensor said at one moment (monotonic seconds)."""

    at: float
    active: bool | None
    levels: Mapping[str, float]


@dataclass(slots=True)
class _Line:
    """One sensor's points; when it is full every other one goes, and the step doubles."""

    names: tuple[str, ...]
    step: float = EACH
    next_at: float = float("-inf")
    times: "array[float]" = field(default_factory=lambda: array("d"))
    words: "array[int]" = field(default_factory=lambda: array("b"))
    values: "array[float]" = field(default_factory=lambda: array("f"))

    @property
    def point_bytes(self) -> int:
        return 9 + 4 * len(self.names)

    def add(self, at: float, active: bool | None, levels: Mapping[str, float], room: int) -> None:  # noqa: FBT001
        self.next_at = at + self.step
        self.times.append(at)
        self.words.append(WORDS[active])
        self.values.extend(levels[name] for name in self.names)
        if at - self.times[0] > DAY + self.step:
            del self.times[0], self.words[0], self.values[: len(self.names)]
        if len(self.times) * self.point_bytes > room:
            self._thin()

    def _thin(self) -> None:
        self.step *= 2
        width = len(self.names)
        rows = [self.values[n : n + width] for n in range(0, len(self.values), 2 * width)]
        self.values = array("f", [value for row in rows for value in row])
        self.times = array("d", compress(self.times, cycle((True, False))))
        self.words = array("b", compress(self.words, cycle((True, False))))


class Trails:
    """By sensor, those that have levels alone; each has an equal share of the memory."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lines: dict[str, _Line] = {}

    def add(self, sensor: str, active: bool | None, levels: Mapping[str, float], at: float) -> None:  # noqa: FBT001  a sample's
        """Keep it, if the last point is long enough ago."""
        line = self._lines.get(sensor)
        if line is not None and at < line.next_at:
            return
        if not levels:
            return
        if line is None or not levels.keys() >= set(line.names):
            line = self._lines[sensor] = _Line(tuple(sorted(levels)[:MOST_LEVELS]))
        line.add(at, active, levels, self._most_bytes // len(self._lines))

    def of(self, sensor: str) -> Iterator[Point]:
        """Its points as of now, oldest first; they may be read in another thread."""
        line = self._lines.get(sensor)
        if line is None:
            return iter(())
        copied = replace(line, times=line.times[:], words=line.words[:], values=line.values[:])
        return _points(copied)

    def step(self, sensor: str) -> float:
        """Seconds between two of its points."""
        line = self._lines.get(sensor)
        return EACH if line is None else line.step

    def keep_only(self, sensors: Mapping[str, object]) -> None:
        """The others are no more."""
        for name in self._lines.keys() - sensors.keys():
            del self._lines[name]


def _points(line: _Line) -> Iterator[Point]:
    width = len(line.names)
    for number, at in enumerate(line.times):
        values = line.values[number * width : (number + 1) * width]
        yield Point(at, SAID[line.words[number]], dict(zip(line.names, values, strict=True)))
