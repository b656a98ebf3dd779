"""Alerts: who waits for which machine, and in what order."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from heapq import heapify, heappop, heappush, merge
from itertools import chain
from math import inf

from gateway.core.events import Cursor
from gateway.core.quiet_hours import QuietHours

SPARE = 100  # old expiries that are kept before they are swept out


class State(StrEnum):
    """What has become of an alert; only an armed one can ring."""

    ARMED = "armed"
    FIRED = "fired"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    ENDED = "ended"


class Reason(StrEnum):
    """Why an alert did not ring although its machine became free."""

    QUIET = "quiet"
    COOLDOWN = "cooldown"
    NOT_PROVEN = "not_proven"
    TOO_OLD = "too_old"
    LATE = "late"
    TAKEN = "taken"
    UNREACHABLE = "unreachable"
    CLOCK = "clock"
    TOLD = "told"
    """Another of the member's alerts has rung for the same."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A member waits for a machine, or for any of a category; times are epoch seconds."""

    number: int
    """Their order: who subscribed first has the smaller one."""
    id: str
    member: str
    machine: str | None
    category: str | None
    quiet: QuietHours | None
    expires: float
    repeat: bool
    cooldown: float
    """Seconds after a ring in which it does not ring again."""
    note: str
    created: float
    since: Cursor
    """Only what happened after this event rings."""
    fired: float | None = None
    state: State = State.ARMED
    ended: float | None = None
    reason: str | None = None
    """Why it has ended, where the state does not say it all."""

    @property
    def target(self) -> str:
        """What it waits for, as one word."""
        return target_of(self.machine, self.category)

    def redated(self, seconds: float, since: float, upto: float) -> "Alert":
        """As the clock says it that was wrong by so much, from `since` to `upto`."""
        fired = self.fired
        if fired is not None and since <= fired <= upto:
            fired += seconds
        if not since <= self.created <= upto:
            return replace(self, fired=fired)
        created, expires = self.created + seconds, self.expires + seconds
        return replace(self, fired=fired, created=created, expires=expires)

    def before(self, epoch: str, seq: int) -> bool:
        """Whether it was made before that event; an older numbering came before this one."""
        return self.since.epoch != epoch or self.since.seq < seq


def target_of(machine: str | None, category: str | None) -> str:
    """What is waited for, as one word."""
    return f"machine:{machine}" if machine else f"category:{category}"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a member asks for; None: as the branch has it."""

    machine: str | None
    category: str | None
    quiet: QuietHours | None
    expires: float | None
    """Epoch seconds."""
    lasts: float | None
    """Seconds from now, instead."""
    repeat: bool
    cooldown: float | None
    note: str
    next: bool
    """Though it is free now: ring when it becomes free again."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An alert as its member sees it."""

    alert: Alert
    place: int | None
    suppressed: dict[str, int]


class Book:
    """The armed alerts, by what they wait for. Who waits for one machine is found by index."""

    def __init__(self, category_of: Mapping[str, str]) -> None:
        self._category_of = category_of
        self._alerts: dict[int, Alert] = {}
        self._queues: dict[str, list[int]] = {}  # what is waited for → numbers, in order
        self._members: dict[str, set[int]] = {}
        self._expiries: list[tuple[float, int]] = []  # a heap; changed terms leave their old ones
        self.newest = 0
        """The highest number so far."""

    def __len__(self) -> int:
        return len(self._alerts)

    def __iter__(self) -> Iterator[Alert]:
        return iter(tuple(self._alerts.values()))

    def get(self, number: int) -> Alert | None:
        """The armed alert of that number."""
        return self._alerts.get(number)

    def put(self, alert: Alert) -> None:
        """Take in a new one, or one that has changed; it keeps its place."""
        if alert.number not in self._alerts:
            insort(self._queues.setdefault(alert.target, []), alert.number)
            self._members.setdefault(alert.member, set()).add(alert.number)
        self._note_expiry(alert)
        self._alerts[alert.number] = alert
        self.newest = max(self.newest, alert.number)

    def _note_expiry(self, alert: Alert) -> None:
        before = self._alerts.get(alert.number)
        if before is None or before.expires != alert.expires:
            heappush(self._expiries, (alert.expires, alert.number))
        if len(self._expiries) > 2 * len(self._alerts) + SPARE:
            self._expiries = [(one.expires, one.number) for one in self._alerts.values()]
            self._expiries.append((alert.expires, alert.number))
            heapify(self._expiries)

    def next_expiry(self) -> float:
        """Epoch seconds; inf: none."""
        while self._expiries and self._is_old(*self._expiries[0]):
            heappop(self._expiries)
        return self._expiries[0][0] if self._expiries else inf

    def _is_old(self, expires: float, number: int) -> bool:
        alert = self._alerts.get(number)
        return alert is None or alert.expires != expires

    def expired(self, wall: float) -> list[Alert]:
        """Those whose time is over at that moment; they are still in the book."""
        found: dict[int, Alert] = {}
        while self.next_expiry() <= wall:
            _, number = heappop(self._expiries)
            found[number] = self._alerts[number]
        for alert in found.values():
            heappush(self._expiries, (alert.expires, alert.number))
        return [*found.values()]

    def remove(self, alert: Alert) -> None:
        """It waits no longer."""
        if self._alerts.pop(alert.number, None) is None:
            return
        queue = self._queues[alert.target]
        del queue[bisect_left(queue, alert.number)]
        if not queue:
            del self._queues[alert.target]
        mine = self._members[alert.member]
        mine.discard(alert.number)
        if not mine:
            del self._members[alert.member]

    def of(self, member: str) -> list[Alert]:
        """What a member waits for, in order."""
        return [self._alerts[number] for number in sorted(self._members.get(member, ()))]

    def waiting(self, machine: str, after: int = 0) -> Iterator[Alert]:
        """Who waits for that machine, first come first, from beyond number `after` on."""
        queues = [_beyond(queue, after) for queue in self._queues_of(machine)]
        numbers = queues[0] if len(queues) == 1 else merge(*queues)
        return (self._alerts[number] for number in numbers)

    def count(self, machine: str) -> int:
        """How many wait for that machine."""
        return sum(len(queue) for queue in self._queues_of(machine))

    def concerns(self, alert: Alert, machine: str) -> bool:
        """Whether it waits for that machine, or for any of its category."""
        if alert.machine is not None:
            return alert.machine == machine
        return alert.category == self._category_of.get(machine)

    def place(self, alert: Alert) -> int:
        """Its place, from 1: how many others came before it for the same, one more."""
        queues = [self._queues.get(alert.target, [])]
        if alert.machine is not None:
            queues = self._queues_of(alert.machine)
        before = chain.from_iterable(queue[: bisect_left(queue, alert.number)] for queue in queues)
        return 1 + len({self._alerts[number].member for number in before} - {alert.member})

    def _queues_of(self, machine: str) -> list[list[int]]:
        targets = (f"machine:{machine}", f"category:{self._category_of.get(machine)}")
        return [self._queues[target] for target in targets if target in self._queues]


def _beyond(queue: list[int], after: int) -> list[int]:
    return queue[bisect_left(queue, after + 1) :]
