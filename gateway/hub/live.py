"""How a branch stands, from its newest messages: pure steps from one standing to the next."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from gateway.chain import Branch, Summary
from gateway.core.events import Cause, Status

STATUSES: Mapping[str, Status] = {one.value: one for one in Status}
CAUSES: Mapping[str | None, Cause] = {one.value: one for one in Cause}
"""One that a newer branch knows and we do not is an observation to us."""
Why = Literal["offline", "silent"]
"""The broker told us that its gateway is gone; or nobody has heard of it for too long."""


Words = Mapping[str, tuple[str, float | None, str | None]]
"""machine → (status, since when, cause)."""


class Now(NamedTuple):
    """What a machine is, since when, and when that was said (epoch seconds)."""

    status: Status
    cause: Cause
    last_change: float
    timestamp: float


class Change(NamedTuple):
    """An event that has no number yet."""

    gym: str
    machine: str
    now: Now


@dataclass(frozen=True, slots=True)
class Standing:
    """A branch as we know it."""

    gym: str
    described: Branch | None = None
    summary: Summary | None = None
    heard: float = 0.0
    """Epoch seconds of its newest message of any kind."""
    hushed: float | None = None
    """Since when nothing it said counts as now."""
    why: Why | None = None

    def machines(self) -> Iterator[str]:
        """Whatever it told the status of."""
        return iter(self.summary.machines if self.summary else ())

    def now(self, machine: str) -> Now:
        """What that machine is; unknown where nobody said."""
        told = self.summary.machines.get(machine) if self.summary else None
        if self.summary is None or told is None:
            return Now(Status.UNKNOWN, Cause.START, self.heard, self.heard)
        if self.hushed is not None:
            return Now(Status.UNKNOWN, Cause.SILENT, self.hushed, self.hushed)
        status, since, cause = told
        last_change = self.summary.as_of if since is None else since
        return Now(
            STATUSES[status], CAUSES.get(cause, Cause.OBSERVED), last_change, self.summary.as_of
        )

    def words(self) -> Words:
        """What it says of its machines; nothing while none of it counts as now."""
        return self.summary.machines if self.summary and self.hushed is None else {}


def tell(was: Standing, told: Summary, at: float) -> Standing:
    """Its new summary; one that is not newer than what we have says nothing."""
    if was.summary is not None and not _is_newer(told, was.summary):
        return was
    return replace(was, summary=told, heard=at, hushed=None, why=None)


def hear(was: Standing, at: float) -> Standing:
    """Any word of it ends its silence; back from offline it must say how things stand."""
    if was.why == "silent":
        return replace(was, heard=at, hushed=None, why=None)
    return replace(was, heard=at)


def hush(was: Standing, why: Why, at: float) -> Standing:
    """From now on its machines are unknown."""
    return was if was.hushed is not None else replace(was, hushed=at, why=why)


def changes(was: Standing, is_now: Standing) -> list[Change]:
    """What became another status or got another cause; a later `timestamp` alone is no change."""
    if was.summary is is_now.summary and was.hushed == is_now.hushed:
        return []
    found, said, says = [], was.words(), is_now.words()
    for machine in dict.fromkeys((*was.machines(), *is_now.machines())):
        if (word := said.get(machine)) is not None and word == says.get(machine):
            continue  # most of them; one that does not say since when has not changed either
        before, after = was.now(machine), is_now.now(machine)
        fresh = was.summary is None or machine not in was.summary.machines
        if fresh or before[:3] != after[:3]:
            found.append(Change(is_now.gym, machine, after))
    return found


def _is_newer(told: Summary, known: Summary) -> bool:
    """A number goes back under another epoch only."""
    if told.epoch == known.epoch and told.seq != known.seq:
        return told.seq > known.seq
    return told.as_of > known.as_of
