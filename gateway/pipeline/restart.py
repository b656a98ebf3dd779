"""A start: what an earlier process said, continued by SPEC's rules or admitted as unknown."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.core.bins import Bins
from gateway.core.clock import Clock
from gateway.core.events import Cause, Change, Status
from gateway.core.machine import Machine
from gateway.core.occupancy import Verdict
from gateway.pipeline.judge import Hearing
from gateway.store.history import Past
from gateway.store.marks import Standing


@dataclass(frozen=True, slots=True)
class Restart:
    """The moments that a start is judged by; monotonic seconds of this boot."""

    now: float
    alive_at: float
    """When the earlier process was last alive."""
    fresh: bool
    """In this boot: its monotonic times are ours."""


def resume(
    past: Past,
    machines: Mapping[str, Machine],
    hearings: Mapping[str, Hearing],
    stale_after: Mapping[str, float],
    clock: Clock,
) -> list[Change]:
    """Restore machines and sensors; the changes say what is not as it was stored."""
    restart = _restart(past, clock)
    changes: list[Change] = []
    for name, machine in machines.items():
        recent = restart.fresh and restart.now - restart.alive_at < stale_after[name]
        changes += _resume(machine, past.standings.get(name), restart, clock, recent=recent)
        _resume_words(past, hearings, name, recent=recent)
    return changes


def rebuild(past: Past, bins: Bins) -> None:
    """Lay the stored events of the bins that are not closed yet on the timelines.

    From the last sign of life on nothing was seen, until a change says more. A boot whose time
    never came enters no bin.
    """
    if not past.same_boot and past.alive is not None and not past.alive.synchronised:
        return
    lay = bins.apply if past.same_boot else bins.remember
    for name, standing in past.before_tail.items():
        lay(name, standing.at if past.same_boot else standing.last_change, standing.status)
    for event, at in past.tail:
        known_at = event.timestamp if event.cause is Cause.RESTORED else event.last_change
        in_this_boot = at + known_at - event.last_change
        lay(event.machine, in_this_boot if past.same_boot else known_at, event.status)
    if past.alive is not None:
        for name in past.standings:
            lay(name, past.alive.monotonic if past.same_boot else past.alive.wall, Status.UNKNOWN)


def _restart(past: Past, clock: Clock) -> Restart:
    now = clock.monotonic()
    if past.alive is None:
        return Restart(now, now, fresh=False)
    if past.same_boot:
        return Restart(now, past.alive.monotonic, fresh=True)
    return Restart(now, min(now, past.alive.wall - clock.offset), fresh=False)


def _resume(
    machine: Machine, was: Standing | None, restart: Restart, clock: Clock, *, recent: bool
) -> list[Change]:
    if was is None:
        return machine.start(restart.now)
    at = was.at if restart.fresh else was.last_change - clock.offset
    verdict = Verdict(was.status, was.cause, at, restart.now)
    if was.status.observed and recent:
        verdict = Verdict(was.status, Cause.RESTORED, at, restart.now)
    elif was.status.observed:
        verdict = Verdict(Status.UNKNOWN, Cause.START, restart.alive_at, restart.now)
    machine.restore(verdict, restart.alive_at)
    changed = verdict.status.observed or verdict.status is not was.status
    return [
        Change(machine.machine, verdict.status, verdict.cause, verdict.at, restart.now)
    ] * changed


def _resume_words(
    past: Past, hearings: Mapping[str, Hearing], machine: str, *, recent: bool
) -> None:
    """Words and leanings go on if the stop was short; the sensors' numbers always."""
    for sensor, hearing in hearings.items():
        if hearing.machine.machine != machine:
            continue
        if recent and not hearing.repeats:
            hearing.machine.resume(sensor, past.held.get(sensor))
        hearing.detector.newest_seq = past.seqs.get(sensor)
