"""The chain's other branches, as their retained messages tell of them: bounded, read when asked."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from config.sections import DAYS, Day
from gateway.chain import Branch, ChainError, Machine, Payload, Summary, decode, without_machines
from gateway.core.clock import Clock
from gateway.core.events import Status
from gateway.core.opening import Opening
from gateway.readmodel import CategoryView
from gateway.upstream.line import Line

MOST = 1_000  # branches
MOST_BYTES = 16 * 2**20  # of what they told: 1,000 of 60 machines are 12 MB
TOO_OLD = 300.0  # seconds: five summaries were due, or the ration was used up twice
RATION = 64 * 1024  # bytes a second in the long run: a chain of 1,000 must not fill a branch's line
PERIOD = 10.0  # seconds over which the ration is looked at
WORDS = ("branch", "summary", "gateway")
STATUSES = frozenset(status.value for status in Status)
Standing = tuple[str, float | None, str | None]
"""(status, since when, cause)."""
NOT_TOLD: Standing = ("unknown", None, None)
P = TypeVar("P", bound=Payload)


@dataclass(frozen=True, slots=True)
class Overview:
    """What a list of branches shows of one; small, and kept until it says something new."""

    branch: Branch
    """Without its machines."""
    as_of: float
    """When it told how it stands (epoch seconds); 0: never."""
    opening: Opening | None
    categories: tuple[CategoryView, ...]
    unknown: tuple[CategoryView, ...]
    """The same while what it told does not count."""


@dataclass(slots=True)
class Sibling:
    """What one branch told, as it came: it is read when somebody asks."""

    gym: str
    told: dict[str, bytes] = field(default_factory=dict)
    online: bool = True
    overview: Overview | None = None
    heard_at: float = 0.0
    """Monotonic seconds of its newest summary."""


class Siblings:
    """Hears `gyms/+/branch`, `summary`, `gateway`; nothing is stored: they are retained."""

    def __init__(self, gym: str, clock: Clock, changed: Callable[[], None]) -> None:
        """`gym` is our own, which is left out; `changed` may be called often."""
        self._gym = gym
        self._clock = clock
        self._changed = changed
        self._known: dict[str, Sibling] = {}
        self._bytes = 0
        self._spent = 0
        self.dropped: Counter[str] = Counter()
        """What could not be used, by reason."""

    def __len__(self) -> int:
        return len(self._known)

    def gyms(self) -> list[str]:
        """Who has described itself, in order."""
        return [gym for gym in sorted(self._known) if self.overview(gym) is not None]

    def overview(self, gym: str) -> Overview | None:
        """None: unknown, or what it told makes no sense."""
        one = self._known.get(gym)
        if one is None or "branch" not in one.told:
            return None
        if one.overview is None:
            branch, summary = self.read(gym)
            one.overview = None if branch is None else _overview(branch, summary)
        return one.overview

    def read(self, gym: str) -> tuple[Branch | None, Summary | None]:
        """What it told, machines and all; None: nothing that can be read."""
        told = self._known[gym].told
        return self._decode(Branch, gym, told.get("branch")), self._decode(
            Summary, gym, told.get("summary")
        )

    def is_current(self, gym: str) -> bool:
        """Whether what it told still counts."""
        one, overview, clock = self._known[gym], self.overview(gym), self._clock
        if overview is None or not one.online or not overview.as_of:
            return False
        if not clock.synchronised:
            return clock.monotonic() - one.heard_at < TOO_OLD
        return clock.wall() - overview.as_of < TOO_OLD

    # --- hearing ----------------------------------------------------------------------------------

    async def listen(self, line: Line) -> None:
        """As long as one connection lasts; summaries only as far as the ration goes."""
        line.subscribe([("gyms/+/branch", 0), ("gyms/+/gateway", 0)])
        while True:
            line.subscribe([("gyms/+/summary", 0)])
            await self._use_up_the_ration()
            line.unsubscribe(["gyms/+/summary"])
            await asyncio.sleep(self._spent / RATION)

    async def _use_up_the_ration(self) -> None:
        self._spent = 0
        while self._spent <= RATION * PERIOD:
            await asyncio.sleep(PERIOD)
            self._spent = max(0, self._spent - int(RATION * PERIOD))

    def hear(self, topic: str, payload: bytes) -> None:
        """A message of the chain; `gyms/{gymId}/{word}`."""
        parts = topic.split("/")
        if len(parts) != 3 or parts[1] == self._gym or parts[2] not in WORDS:  # noqa: PLR2004
            return
        self._spent += len(payload)
        gym, word = parts[1], parts[2]
        if not payload and word == "branch":
            self._forget(gym)
        elif (one := self._place_for(gym, len(payload))) is not None:
            self._take(one, word, payload)
        self._changed()

    def _place_for(self, gym: str, size: int) -> Sibling | None:
        full = self._bytes + size > MOST_BYTES
        if full or (gym not in self._known and len(self._known) >= MOST):
            self.dropped["full"] += 1
            return None
        return self._known.setdefault(gym, Sibling(gym))

    def _take(self, one: Sibling, word: str, payload: bytes) -> None:
        if word == "gateway":
            one.online = payload == b"online"
            return
        if word == "summary":
            one.heard_at = self._clock.monotonic()
        self._bytes += len(payload) - len(one.told.get(word, b""))
        one.told[word] = payload
        one.overview = None

    def _forget(self, gym: str) -> None:
        if (gone := self._known.pop(gym, None)) is not None:
            self._bytes -= sum(map(len, gone.told.values()))

    def _decode(self, kind: type[P], gym: str, payload: bytes | None) -> P | None:
        if payload is None:
            return None
        try:
            return decode(kind, payload, gym)
        except ChainError:
            self.dropped["malformed"] += 1
            return None


def machines_of(branch: Branch, summary: Summary | None) -> Iterator[tuple[Machine, Standing]]:
    """Each machine that the branch has, and how it stands."""
    told = summary.machines if summary else {}
    for machine in branch.machines:
        yield machine, told.get(machine.machine_id, NOT_TOLD)


def status_of(standing: Standing) -> Status:
    """A word that we do not know says nothing."""
    return Status(standing[0]) if standing[0] in STATUSES else Status.UNKNOWN


def _overview(branch: Branch, summary: Summary | None) -> Overview:
    counts = {one.category: dict.fromkeys(Status, 0) for one in branch.categories}
    unknown = {one.category: dict.fromkeys(Status, 0) for one in branch.categories}
    for machine, standing in machines_of(branch, summary):
        if machine.category in counts:
            counts[machine.category][status_of(standing)] += 1
            unknown[machine.category][Status.UNKNOWN] += 1
    return Overview(
        without_machines(branch),
        summary.as_of if summary else 0.0,
        _opening(branch),
        tuple(CategoryView(c.category, c.name, counts[c.category]) for c in branch.categories),
        tuple(CategoryView(c.category, c.name, unknown[c.category]) for c in branch.categories),
    )


def _opening(branch: Branch) -> Opening | None:
    """None: hours or a zone that nobody understands."""
    hours = branch.opening_hours
    known: dict[Day, str] | None = None
    if hours is not None:
        known = {day: hours[day] for day in DAYS if day in hours}
    try:
        return Opening(known, branch.holidays, branch.timezone)
    except (ValueError, KeyError, OSError):
        return None
