"""Messages of branches, read and held against the rules; what breaks one becomes a dead letter."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from config import values
from gateway.chain import (
    LARGEST_BINS,
    Bins,
    Branch,
    ChainError,
    Digest,
    Summary,
    decode,
    rows_of,
)
from gateway.core.digests import Row
from gateway.core.events import Status
from gateway.core.opening import Opening

FUTURE = 3600.0  # seconds a branch's clock may be ahead of ours
DIGESTS_KEPT = 100 * 86_400.0  # seconds: branches clear theirs after 90 days
MOST_BRANCHES = 5000  # a chain of a thousand is large
MOST_MACHINES = 5000  # of one branch, those of its past included: no gym has a tenth of them
ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
EARLY = 60.0  # seconds a summary may come before the description of its branch
STATUSES = frozenset(status.value for status in Status)


class Message(NamedTuple):
    """What the broker brought; `receipt` tells it that we have it."""

    topic: str
    payload: bytes
    receipt: Callable[[], None]
    retained: bool = False
    """The broker kept it: when it was said, nobody knows."""


class Letter(NamedTuple):
    """What could not be used, and why."""

    gym: str
    topic: str
    payload: bytes
    reason: str


class Told(NamedTuple):
    """A branch's word on itself, with the bytes it came in.

    A `bool`: whether its gateway is online; None: its description was taken back, it is gone.
    """

    gym: str
    word: Branch | Summary | bool | None
    payload: bytes = b""
    retained: bool = False


@dataclass(slots=True)
class Sorted:
    """What a batch of messages says."""

    rows: list[tuple[str, Row]] = field(default_factory=list)
    """(gymId, bin)."""
    told: list[Told] = field(default_factory=list)
    digests: list[tuple[Digest, bytes]] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    heard: set[str] = field(default_factory=set)
    """Branches that said anything just now that could be used."""
    outdated: int = 0
    """Bins that are older than what we keep."""


class Sorter:
    """Knows who may send. `machines(gym)`: those that are known of it already."""

    def __init__(
        self,
        allowed: Collection[str],
        known: Collection[str],
        machines: Callable[[str], Collection[str]],
        kept: float,
        wall: Callable[[], float],
    ) -> None:
        """`allowed`: none named, then whoever is `known` or describes itself; `kept` in seconds."""
        self._allowed = frozenset(allowed)
        self._described = set(known)  # at most as many as the broker has users
        self._machines = machines
        self._kept = kept
        self._wall = wall
        self._epochs: dict[str, tuple[str, str]] = {}
        self._early: dict[str, tuple[Message, float]] = {}  # gymId → its summary, waiting since

    def sort(self, messages: Iterable[Message]) -> Sorted:
        """Every message as what it says, or as a letter; one that is cleared says nothing."""
        found = Sorted()
        for message in self._in_order([*messages]):
            gym = message.topic.split("/", 2)[1] if message.topic.count("/") > 1 else ""
            try:
                if message.payload:
                    if self._read(message, gym, found) and not message.retained:
                        found.heard.add(gym)
                elif message.topic == f"gyms/{gym}/branch":
                    self._gone(gym, found)
            except ChainError as error:
                found.letters.append(Letter(gym, *message[:2], str(error)))
        return found

    def _in_order(self, messages: list[Message]) -> Iterator[Message]:
        """Descriptions first: brokers keep no order between retained topics."""
        yield from [one for one in messages if _describes(one)]
        for gym in [gym for gym in self._early if gym in self._described]:
            yield self._early.pop(gym)[0]
        yield from [one for one in messages if not _describes(one)]

    def _comes_early(self, gym: str, message: Message) -> bool:
        """Whether it waits for who it is of: at QoS 0 it overtakes the description."""
        _, since = self._early.get(gym, (message, self._wall()))
        is_full = gym not in self._early and len(self._early) >= MOST_BRANCHES
        if self._allowed or is_full or self._wall() - since > EARLY:
            return False
        self._early[gym] = message, since
        return True

    def _read(self, message: Message, gym: str, found: Sorted) -> bool:
        """False: it waits."""
        kind = message.topic.removeprefix(f"gyms/{gym}/")
        if not ID.fullmatch(gym):
            raise ChainError("the topic is no branch's")
        if kind == "branch":
            self._branch(gym, message.payload, found)
            return True
        may_come_first = not self._allowed and kind.startswith("digest/")  # retained: see `sort`
        if gym not in (self._allowed or self._described) and not may_come_first:
            if kind == "summary" and self._comes_early(gym, message):
                return False
            raise ChainError(f"{gym!r} is not allowed, or has not described itself yet")
        if kind == "bins":
            self._bins(gym, message.payload, found)
        elif kind == "summary":
            self._summary(gym, message, found)
        elif kind == "gateway":
            found.told.append(Told(gym, _is_online(message.payload)))
        elif kind.startswith("digest/"):
            self._digest(gym, kind.removeprefix("digest/"), message.payload, found)
        else:
            raise ChainError("nothing is known of this topic")
        return True

    def _gone(self, gym: str, found: Sorted) -> None:
        if gym in self._described:
            self._described.discard(gym)
            found.told.append(Told(gym, None))
            found.heard.add(gym)

    def _branch(self, gym: str, payload: bytes, found: Sorted) -> None:
        told = decode(Branch, payload, gym)
        if self._allowed and gym not in self._allowed:
            raise ChainError(f"{gym!r} is not one of [hub] branches")
        _must_make_sense(told)
        if gym not in self._described and len(self._described) >= MOST_BRANCHES:
            raise ChainError(f"more than {MOST_BRANCHES} branches")
        self._described.add(gym)
        found.told.append(Told(gym, told, payload))

    def _bins(self, gym: str, payload: bytes, found: Sorted) -> None:
        told = decode(Bins, payload, gym, LARGEST_BINS)
        rows = rows_of(told)
        self._must_fit(gym, told.machines)
        oldest, latest = self._wall() - self._kept, self._wall() + FUTURE
        found.rows += [(gym, row) for row in rows if oldest <= row.start <= latest]
        found.outdated += sum(row.start < oldest for row in rows)
        if ahead := [row.start for row in rows if row.start > latest]:  # its clock, not the rest
            raise ChainError(f"{len(ahead)} of {len(rows)} bins lie in the future, as {ahead[0]}")

    def _summary(self, gym: str, message: Message, found: Sorted) -> None:
        told = decode(Summary, message.payload, gym)
        latest = self._wall() + FUTURE
        if told.as_of > latest:
            raise ChainError(f"asOf: {told.as_of:.0f} lies in the future")
        for machine, (status, since, _) in told.machines.items():
            if status not in STATUSES:
                raise ChainError(f"machines.{machine}: {status[:64]!r} is no status")
            if since is not None and since > latest:
                raise ChainError(f"machines.{machine}: {since:.0f} lies in the future")
        self._must_fit(gym, told.machines)
        self._must_be_one(gym, told.epoch)
        found.told.append(Told(gym, told, message.payload, message.retained))

    def _must_fit(self, gym: str, machines: Iterable[str]) -> None:
        """Machines are numbered for good: their names must not be made up without end."""
        known = self._machines(gym)
        if len(known) + len(set(machines).difference(known)) > MOST_MACHINES:
            raise ChainError(f"more than {MOST_MACHINES} machines")

    def _must_be_one(self, gym: str, epoch: str) -> None:
        """An epoch that comes back is another box's: each ended one is gone for ever."""
        before, newest = self._epochs.get(gym, ("", ""))
        if epoch == newest:
            return
        self._epochs[gym] = (newest, epoch)
        if epoch == before:
            raise ChainError("two boxes run as this branch: each shows an epoch of its own in turn")

    def _digest(self, gym: str, day: str, payload: bytes, found: Sorted) -> None:
        told = decode(Digest, payload, gym)
        if told.day != day:
            raise ChainError(f"says it is of {told.day}, under the topic of {day[:10]!r}")
        now, begin = self._wall(), begin_of(day)
        if max(told.as_of, begin) > now + FUTURE:
            raise ChainError("asOf or day lies in the future")
        if begin > now - DIGESTS_KEPT:
            found.digests.append((told, payload))


def _must_make_sense(told: Branch) -> None:
    """What a description says is shown to everyone: it must have been checked before."""
    opening_of(told)
    if len(told.machines) > MOST_MACHINES:
        raise ChainError(f"more than {MOST_MACHINES} machines")
    if told.public_url is not None and (wrong := values.origin(told.public_url)):
        raise ChainError(f"publicUrl: {wrong[0]}")
    if not (-90 <= (told.latitude or 0) <= 90 and -180 <= (told.longitude or 0) <= 180):  # noqa: PLR2004  degrees
        raise ChainError("its place is not on Earth")


def _describes(message: Message) -> bool:
    """A description that is taken back keeps its place behind the last words."""
    return bool(message.payload) and message.topic.endswith("/branch")


def _is_online(payload: bytes) -> bool:
    if payload not in {b"online", b"offline"}:
        raise ChainError("is neither online nor offline")
    return payload == b"online"


def opening_of(told: Branch) -> Opening:
    """When that branch is open. ChainError: its hours or its zone mean nothing."""
    hours = tuple((told.opening_hours or {}).items())
    return _opening(told.opening_hours is None, hours, told.holidays, told.timezone)


@lru_cache(1024)  # branches, at most as many sets of hours
def _opening(
    always: bool,  # noqa: FBT001  a key of the cache
    hours: tuple[tuple[str, str], ...],
    holidays: tuple[str, ...],
    timezone: str,
) -> Opening:
    try:
        opening = Opening(None if always else dict(hours), holidays, timezone)  # type: ignore[arg-type]  # a day that is none is an error here
    except (ValueError, KeyError, OSError) as error:
        raise ChainError(f"openingHours, holidays or timezone: {error}") from None
    return opening


def begin_of(day: str) -> float:
    """Of a UTC day, epoch seconds. ChainError: there is no such day."""
    try:
        return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise ChainError(f"{day[:10]!r} is no day") from None
