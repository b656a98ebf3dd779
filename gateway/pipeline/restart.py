"""A start: what an earlier process said, continued by SPEC's rules or admitted as unknown."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from gateway.core.bins import SLEWED, Bins
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
        was = past.standings.get(name)
        if was is None:
            changes += machine.start(restart.now)
        else:
            machine.restore(_verdict(was, restart, clock, recent=recent), restart.alive_at)
        _resume_words(past, hearings, name, recent=recent)
        if was is not None and _is_news(machine.verdict, was):
            v = machine.verdict
            changes.append(Change(name, v.status, v.cause, v.at, restart.now))
    changes += [  # nobody watches what is not configured: nothing of it may be restored later
        Change(name, Status.UNKNOWN, Cause.START, restart.alive_at, restart.now)
        for name, was in past.standings.items()
        if name not in machines and was.status.observed
    ]
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
    ends = _ends(past)
    for event, at in past.tail:
        while ends and ends[0] < at + event.timestamp - event.last_change:
            gap = ends.pop(0)
            for name in past.standings:
                lay(name, gap, Status.UNKNOWN)
        known_at = event.timestamp if event.cause is Cause.RESTORED else event.last_change
        in_this_boot = at + known_at - event.last_change
        lay(event.machine, in_this_boot if past.same_boot else known_at, event.status)
    if past.alive is not None:
        for name in past.standings:
            lay(name, past.alive.monotonic if past.same_boot else past.alive.wall, Status.UNKNOWN)


def shown(past: Past, clock: Clock) -> dict[str, Standing]:
    """How every machine stood, dated by the clock as it is now: nothing is so since tomorrow."""
    if past.same_boot:
        return {name: _by_our_clock(was, clock.offset) for name, was in past.standings.items()}
    latest = clock.wall() if clock.synchronised else inf
    return {
        name: was.moved(min(0.0, latest - was.last_change)) for name, was in past.standings.items()
    }


def _by_our_clock(was: Standing, offset: float) -> Standing:
    step = was.at + offset - was.last_change
    return was.moved(step) if abs(step) >= SLEWED else was


def _ends(past: Past) -> list[float]:
    """The earlier gaps' beginnings in the bins that are not closed yet; in order."""
    if not past.same_boot or past.alive is None:
        return []
    offset = past.alive.wall - past.alive.monotonic
    counted = (past.next_bin or 0) - offset if past.counted is None else past.counted
    since = max(counted, *(was.at for was in past.before_tail.values()), -inf)
    return [end for end in past.ends if end >= since]


def _restart(past: Past, clock: Clock) -> Restart:
    now = clock.monotonic()
    if past.alive is None:
        return Restart(now, now, fresh=False)
    if past.same_boot:
        return Restart(now, past.alive.monotonic, fresh=True)
    return Restart(now, min(now, past.alive.wall - clock.offset), fresh=False)


def _verdict(was: Standing, restart: Restart, clock: Clock, *, recent: bool) -> Verdict:
    """What an earlier process showed, as far as it may still be so."""
    at = was.at if restart.fresh else was.last_change - clock.offset
    if not was.status.observed:
        return Verdict(was.status, was.cause, at, restart.now)
    if recent:
        return Verdict(was.status, Cause.RESTORED, at, restart.now)
    return Verdict(Status.UNKNOWN, Cause.START, restart.alive_at, restart.now)


def _is_news(verdict: Verdict, was: Standing) -> bool:
    return verdict.status.observed or verdict.status is not was.status


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
