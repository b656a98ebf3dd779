"""What sensors' levels were in the last day, thinned: for who asks what would have been."""

from array import array
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import isnan, nan
from typing import NamedTuple

from sensors.calibration import CLOSER

DAY = 86_400.0  # seconds
EACH = 10.0  # seconds between two points at the least: people stay for minutes
LOOK = 2.0  # seconds: who passes by is seen in one look; of who trains, every other one may miss
FEW = 3  # looks: of fewer the newest counts
MOST_BYTES = (
    8 * 2**20
)  # of all: 50 plugs each 10 s, 20 radars with their gates each 40 s, 60 each 80 s
MOST_LEVELS = 32  # of one sensor: a radar's gates and what it sums up are 25
WORDS = {None: -1, False: 0, True: 1}
SAID = {value: word for word, value in WORDS.items()}


class Point(NamedTuple):
    """What a sensor said at a moment (monotonic seconds), or what was usual before it."""

    at: float
    active: bool | None
    levels: Mapping[str, float]


@dataclass(slots=True)
class Trail:
    """One sensor's points, oldest first.

    A point stands for ten seconds: of what five looks saw, the second most telling. One sample
    would miss half of what flickers, as radars do; the most telling one, make a visitor of each
    fly. A word before a silence is a point as it is: what speaks on change means it until it
    speaks again.
    """

    step: float = EACH
    """Seconds between two points, at the least."""
    names: tuple[str, ...] = ()
    times: "array[float]" = field(default_factory=lambda: array("d"))
    words: "array[int]" = field(default_factory=lambda: array("b"))
    values: "array[float]" = field(default_factory=lambda: array("f"))
    looks: deque[Point] = field(default_factory=lambda: deque(maxlen=round(EACH / LOOK)))
    heard_at: float = float("-inf")
    active: bool | None = None
    """Since the last look, as `levels`: of each the newest."""
    levels: dict[str, float] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.times) * (9 + 4 * len(self.names))

    def add(self, at: float, active: bool | None, levels: Mapping[str, float]) -> bool:  # noqa: FBT001  a sample's
        """Take a sample; whether there are more points now."""
        before = len(self.times)
        if at - self.heard_at > self.step:
            if (newest := self._newest()) is not None:
                self._keep(newest)
            self.looks.clear()
        self.heard_at = at
        self.active = self.active if active is None else active
        self.levels.update(levels)
        if not self.looks or at - self.looks[-1].at >= LOOK:
            self._look()
        return len(self.times) != before

    def forget(self, before: float) -> None:
        """Points older than that, but for the last of them: it tells how that time began."""
        old = 0
        while old + 1 < len(self.times) and self.times[old + 1] <= before:
            old += 1
        del self.times[:old], self.words[:old], self.values[: old * len(self.names)]

    def thin(self) -> None:
        """Double the step."""
        self.step *= 2
        width, kept = len(self.names), list(self._spaced())
        values = array("f")
        for number in kept:
            values.extend(self.values[number * width : (number + 1) * width])
        self.values = values
        self.times = array("d", [self.times[number] for number in kept])
        self.words = array("b", [self.words[number] for number in kept])

    def copy(self) -> "Trail":
        """As it is now; the original goes on."""
        return replace(
            self,
            times=self.times[:],
            words=self.words[:],
            values=self.values[:],
            looks=self.looks.copy(),
            levels=dict(self.levels),
        )

    def points(self) -> Iterator[Point]:
        """Oldest first, up to the newest word."""
        width = len(self.names)
        for number, at in enumerate(self.times):
            values = self.values[number * width : (number + 1) * width]
            pairs = zip(self.names, values, strict=True)
            levels = {name: value for name, value in pairs if not isnan(value)}
            yield Point(at, SAID[self.words[number]], levels)
        if (newest := self._newest()) is not None:
            yield newest

    def _look(self) -> None:
        self.looks.append(Point(self.heard_at, self.active, self.levels))
        self.active, self.levels = None, {}
        if not self.times or self.heard_at - self.times[-1] >= self.step:
            self._keep(_usual(self._recent()))

    def _recent(self) -> list[Point]:
        return [look for look in self.looks if look.at > self.looks[-1].at - EACH]

    def _newest(self) -> Point | None:
        """What was said last, where no point says so already."""
        if not self.looks:
            return None
        last = self.looks[-1]
        if self.heard_at == last.at == self.times[-1] and len(self._recent()) < FEW:
            return None
        active = last.active if self.active is None else self.active
        return Point(self.heard_at, active, {**last.levels, **self.levels})

    def _keep(self, point: Point) -> None:
        new = sorted(point.levels.keys() - set(self.names))[: MOST_LEVELS - len(self.names)]
        if new:
            self._widen(new)
        self.times.append(point.at)
        self.words.append(WORDS[point.active])
        self.values.extend(point.levels.get(name, nan) for name in self.names)

    def _widen(self, new: list[str]) -> None:
        """A radar tells of its gates from when it is set up on; before, they were not said."""
        width, gap = len(self.names), array("f", [nan]) * len(new)
        values = array("f")
        for number in range(len(self.times)):
            values += self.values[number * width : (number + 1) * width] + gap
        self.names, self.values = (*self.names, *new), values

    def _spaced(self) -> Iterator[int]:
        """The points that a trail of this step would have kept."""
        kept, last = float("-inf"), len(self.times) - 1
        for number, at in enumerate(self.times):
            silence = number == last or self.times[number + 1] - at > self.step
            if silence or at - kept >= self.step:
                kept = at
                yield number


def _usual(looks: list[Point]) -> Point:
    """Of each level the second most telling, where there are enough; the newest moment."""
    newest = looks[-1]
    if len(looks) < FEW:
        return newest
    said = [look.active for look in looks if look.active is not None]
    active = sum(said) >= 2 if said else None  # noqa: PLR2004  the second most telling
    names = {name for look in looks for name in look.levels}
    return Point(newest.at, active, {name: _second(looks, name) for name in names})


def _second(looks: list[Point], name: str) -> float:
    values = [look.levels[name] for look in looks if name in look.levels]
    if len(values) < FEW:
        return values[-1]
    return sorted(values, reverse=name not in CLOSER)[1]


class Trails:
    """By sensor, those that have levels alone; each has an equal share of the memory."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._trails: dict[str, Trail] = {}

    def add(self, sensor: str, active: bool | None, levels: Mapping[str, float], at: float) -> None:  # noqa: FBT001  a sample's
        """Take a sample, if that sensor ever said a level."""
        trail = self._trails.get(sensor)
        if trail is None:
            if not levels:
                return
            trail = self._trails[sensor] = Trail()
        if trail.add(at, active, levels):
            trail.forget(at - DAY)
            if trail.size > self._most_bytes // len(self._trails):
                trail.thin()

    def of(self, sensor: str) -> Trail:
        """A copy of what is remembered of it."""
        trail = self._trails.get(sensor)
        return Trail() if trail is None else trail.copy()

    def keep_only(self, sensors: Mapping[str, object]) -> None:
        """The others are no more."""
        for name in self._trails.keys() - sensors.keys():
            del self._trails[name]
