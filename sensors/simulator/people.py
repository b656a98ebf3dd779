"""A branch of people: who comes when, what they use, how long they work and rest."""

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random

import msgspec

HOUR, DAY = 3600.0, 86400.0
WARM_UP = 2 * HOUR  # longer than a visit, so that a branch starts with people at every stage
STATIONS = (2, 5)  # machines that one visitor wants
PER_MACHINE = 2  # visitors at once; whoever finds the branch fuller than that goes home
LOOK_AGAIN = 15.0  # seconds between two looks whether a machine has become free
PATIENCE = (60.0, 240.0)  # seconds that a visitor waits for a machine, then does without it
WALK = (20.0, 90.0)  # seconds between two machines

# The share of the machines that visitors want, by local hour.
WEEKDAY = (
    *(0.07, 0.06, 0.05, 0.05, 0.05, 0.09, 0.26, 0.42, 0.38, 0.28, 0.24, 0.26),
    *(0.38, 0.34, 0.24, 0.26, 0.36, 0.54, 0.64, 0.60, 0.48, 0.34, 0.22, 0.12),
)
WEEKEND = (
    *(0.07, 0.06, 0.05, 0.05, 0.05, 0.06, 0.08, 0.14, 0.26, 0.38, 0.46, 0.48),
    *(0.40, 0.34, 0.32, 0.34, 0.36, 0.34, 0.28, 0.22, 0.17, 0.13, 0.10, 0.08),
)
ZEAL = (
    1.1,
    1.08,
    1.0,
    0.96,
    0.8,
    1.0,
    0.9,
)  # Monday is the fullest day, Friday evening the emptiest
BUSIEST = max(WEEKDAY) * max(ZEAL)
EPOCH_WEEKDAY = 3  # 1 January 1970 was a Thursday; Monday is 0


class Move(msgspec.Struct, frozen=True, gc=False):
    """From `at` on (epoch seconds), `machine` shows movement (`active`) or none.

    `truth`: a person has it, resting or not; the gateway's statuses are held against this.
    """

    at: float
    machine: str
    active: bool
    truth: bool

    def dated(self, at: float) -> "Move":
        """The same at another time."""
        return msgspec.structs.replace(self, at=at)


@dataclass(frozen=True, slots=True)
class Habit:
    """How a category's machines are used: (least, most) sets; (least, most, usual) seconds."""

    sets: tuple[int, int]
    work: tuple[float, float, float]
    rest: tuple[float, float, float]

    @property
    def session(self) -> float:
        """Seconds that a visitor has such a machine, on average."""
        sets = sum(self.sets) / 2
        return (sets * sum(self.work) + (sets - 1) * sum(self.rest)) / 3


STRENGTH = Habit(sets=(2, 5), work=(20, 75, 40), rest=(25, 100, 50))
HABITS = {  # a category that is not named here is used as strength machines are
    "cardio": Habit(sets=(1, 3), work=(360, 1200, 700), rest=(10, 60, 30)),
    "core": Habit(sets=(2, 4), work=(30, 90, 50), rest=(15, 60, 30)),
}


def wanted(local: float) -> float:
    """The share of the machines that visitors want at `local` (epoch seconds of the wall clock)."""
    days, seconds = divmod(local, DAY)
    weekday = int(days + EPOCH_WEEKDAY) % 7
    hours = WEEKDAY if weekday < len(ZEAL) - 2 else WEEKEND
    return hours[int(seconds // HOUR)] * ZEAL[weekday]


class Branch:
    """Visitors on machines; the same seed gives the same moves, however time is cut."""

    def __init__(
        self, machines: Sequence[tuple[str, str]], seed: int, start: float, offset: float = 0.0
    ) -> None:
        """`machines` are (id, category); `start` in epoch seconds, `offset` of local time to UTC.

        The first moves, at `start`, tell how each machine stands then.
        """
        self._random = Random(seed)  # noqa: S311  a seed must give the same branch again
        self._machines = machines
        self._offset = offset
        self._last = {
            machine: Move(start, machine, active=False, truth=False) for machine, _ in machines
        }
        self._moves: list[Move] = []
        self._due: list[tuple[float, int, Iterator[float]]] = []  # one entry per visitor, and one
        self._number = 0  # breaks ties of time, so that iterators are never compared
        self._visitors = 0
        self._now = start - WARM_UP
        self._measure()
        self._go_on(self._arrivals())
        self.advance(start)
        self._moves = [last.dated(start) for last in self._last.values()]

    def advance(self, to: float) -> list[Move]:
        """What happens up to `to` (epoch seconds), in order of time."""
        while self._due and self._due[0][0] <= to:
            self._now, _, process = heappop(self._due)
            self._go_on(process)
        moves, self._moves = self._moves, []
        return moves

    def _measure(self) -> None:
        """Weights that load all categories alike, and arrivals a second in the busiest hour."""
        sizes = Counter(category for _, category in self._machines)
        self._weights = {c: size / habit(c).session for c, size in sizes.items()}
        self._rate = BUSIEST * sum(self._weights.values()) / (sum(STATIONS) / 2)

    def _go_on(self, process: Iterator[float]) -> None:
        """Let a process run up to its next pause."""
        pause = next(process, None)
        if pause is not None:
            self._number += 1
            heappush(self._due, (self._now + pause, self._number, process))

    def _arrivals(self) -> Iterator[float]:
        """Come as often as in the busiest hour, and turn around as the hour says."""
        limit = PER_MACHINE * len(self._machines)
        while self._weights:
            yield self._random.expovariate(self._rate)
            comes = self._random.random() * BUSIEST < wanted(self._now + self._offset)
            if comes and self._visitors < limit:
                self._go_on(self._visit())

    def _visit(self) -> Iterator[float]:
        self._visitors += 1
        for category in self._plan():
            machine = yield from self._wait_for(category)
            if machine is not None:
                yield from self._session(machine, habit(category))
            yield self._random.uniform(*WALK)
        self._visitors -= 1

    def _plan(self) -> list[str]:
        """The categories that a visitor uses: long sessions first, to warm up."""
        stations = self._random.randint(*STATIONS)
        plan = self._random.choices(list(self._weights), list(self._weights.values()), k=stations)
        return sorted(plan, key=lambda category: -habit(category).session)

    def _wait_for(self, category: str) -> Generator[float, None, str | None]:
        """Return a free machine, or None when patience ends first."""
        ends = self._now + self._random.uniform(*PATIENCE)
        while not (free := self._free(category)):
            if self._now >= ends:
                return None
            yield LOOK_AGAIN
        return self._random.choice(free)

    def _free(self, category: str) -> list[str]:
        return [m for m, kind in self._machines if kind == category and not self._last[m].truth]

    def _session(self, machine: str, use: Habit) -> Iterator[float]:
        sets = self._random.randint(*use.sets)
        for number in range(sets):
            self._move(machine, active=True, truth=True)
            yield self._random.triangular(*use.work)
            if number < sets - 1:
                self._move(machine, active=False, truth=True)
                yield self._random.triangular(*use.rest)
        self._move(machine, active=False, truth=False)

    def _move(self, machine: str, *, active: bool, truth: bool) -> None:
        self._last[machine] = Move(self._now, machine, active, truth)
        self._moves.append(self._last[machine])


def habit(category: str) -> Habit:
    """How machines of `category` are used."""
    return HABITS.get(category, STRENGTH)
