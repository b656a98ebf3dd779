"""The chain's other branches, as their retained messages tell of them: bounded, read when asked."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from config.sections import DAYS, Day
from gateway.chain import (
    Branch,
    ChainError,
    Counted,
    Machine,
    Payload,
    Summary,
    SummaryHead,
    decode,
    without_machines,
)
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
LISTENS, RESTS = 2.0, 120.0  # seconds: all retained ones arrive, and none becomes too old
WORDS = ("branch", "summary", "gateway")
STATUSES = frozenset(status.value for status in Status)
Standing = tuple[str, float | None, str | None]
"""(status, since when, cause)."""
NOT_TOLD: Standing = ("unknown", None, None)
P = TypeVar("P", bound=Payload)


@dataclass(frozen=True, slots=True)
class Description:
    """What a list of branches shows of one whatever its machines do."""

    branch: Branch
    """Without its machines."""
    opening: Opening | None
    """None: nobody understands its hours."""
    totals: dict[str, int]
    """Category → machines."""


@dataclass(slots=True)
class Sibling:
    """What one branch told, as it came: it is read when somebody asks."""

    gym: str
    told: dict[str, bytes] = field(default_factory=dict)
    online: bool = True
    heard_at: float = 0.0
    """Monotonic seconds of its newest summary."""
    description: Description | None = None
    head: SummaryHead | None = None
    unread: set[str] = field(default_factory=set)
    """Words of which there is a newer payload than what was read."""


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
        self._used_up = asyncio.Event()
        self.dropped: Counter[str] = Counter()
        """What could not be used, by reason."""

    def __len__(self) -> int:
        return len(self._known)

    def gyms(self) -> list[str]:
        """Who has described itself, in order."""
        return [gym for gym in sorted(self._known) if self.description(gym) is not None]

    def description(self, gym: str) -> Description | None:
        """None: unknown, or what it told makes no sense."""
        one = self._known.get(gym)
        if one is not None and "branch" in one.unread:
            one.unread.discard("branch")
            branch = self._decode(Branch, gym, one.told["branch"])
            one.description = None if branch is None else _description(branch)
        return None if one is None else one.description

    def head(self, gym: str) -> SummaryHead | None:
        """Its newest summary, without machines."""
        one = self._known[gym]
        if "summary" in one.unread:
            one.unread.discard("summary")
            one.head = self._decode(SummaryHead, gym, one.told["summary"])
        return one.head

    def read(self, gym: str) -> tuple[Branch | None, Summary | None]:
        """What it told, machines and all; None: nothing that can be read."""
        told = self._known[gym].told
        return self._decode(Branch, gym, told.get("branch")), self._decode(
            Summary, gym, told.get("summary")
        )

    def as_of(self, gym: str) -> float:
        """When it last told how it stands (epoch seconds); 0: never. Its clock may be ahead."""
        head = self.head(gym)
        return min(head.as_of, self._clock.wall()) if head else 0.0

    def is_current(self, gym: str) -> bool:
        """Whether what it told still counts: by its clock and by ours."""
        one, head, clock = self._known[gym], self.head(gym), self._clock
        if head is None or not one.online or clock.monotonic() - one.heard_at >= TOO_OLD:
            return False
        return not clock.synchronised or clock.wall() - head.as_of < TOO_OLD

    def categories(self, gym: str) -> tuple[CategoryView, ...]:
        """Its machines, counted by status."""
        description, head = self.description(gym), self.head(gym)
        if description is None:
            return ()
        current = head.categories if head is not None and self.is_current(gym) else ()
        told = {counted.category: _counts(counted) for counted in current}
        nothing = dict.fromkeys(Status, 0)
        return tuple(
            CategoryView(
                one.category,
                one.name,
                told.get(one.category)
                or nothing | {Status.UNKNOWN: description.totals.get(one.category, 0)},
            )
            for one in description.branch.categories
        )

    # --- hearing ----------------------------------------------------------------------------------

    async def listen(self, line: Line) -> None:
        """As long as one connection lasts; summaries only as far as the ration goes."""
        line.subscribe([("gyms/+/branch", 0), ("gyms/+/gateway", 0)])
        while True:
            self._spent = 0
            self._used_up.clear()
            line.subscribe([("gyms/+/summary", 0)])
            await asyncio.sleep(LISTENS)
            while not self._used_up.is_set():
                await self._within_the_ration()
            line.unsubscribe(["gyms/+/summary"])
            await asyncio.sleep(min(RESTS, self._spent / RATION))

    async def _within_the_ration(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(PERIOD):
                await self._used_up.wait()
                return
        self._spent = max(0, self._spent - int(RATION * PERIOD))

    def hear(self, topic: str, payload: bytes) -> None:
        """A message of the chain; `gyms/{gymId}/{word}`."""
        parts = topic.split("/")
        if len(parts) != 3 or parts[1] == self._gym or parts[2] not in WORDS:  # noqa: PLR2004
            return
        self._spent += len(payload)
        if self._spent > RATION * PERIOD:
            self._used_up.set()
        gym, word = parts[1], parts[2]
        if not payload and word == "branch":
            self._forget(gym)
        elif (one := self._place_for(gym, word, len(payload))) is not None:
            self._take(one, word, payload)
        self._changed()

    def _place_for(self, gym: str, word: str, size: int) -> Sibling | None:
        known = self._known.get(gym)
        grows = size - (len(known.told.get(word, b"")) if known else 0)
        full = grows > 0 and self._bytes + grows > MOST_BYTES
        if full or (known is None and len(self._known) >= MOST):
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
        one.unread.add(word)

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


def _description(branch: Branch) -> Description:
    totals = Counter(machine.category for machine in branch.machines)
    return Description(without_machines(branch), _opening(branch), dict(totals))


def _counts(told: Counted) -> dict[Status, int]:
    return {
        Status.FREE: told.free,
        Status.OCCUPIED: told.occupied,
        Status.UNKNOWN: told.unknown,
        Status.OUT_OF_SERVICE: told.out_of_service,
    }


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
