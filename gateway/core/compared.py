"""The same samples under two calibrations: what each would have said, and where they differ."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from gateway.core.events import Change, Status
from gateway.core.machine import Machine
from gateway.core.occupancy import Rule, Word
from gateway.core.trail import Point
from sensors.calibration import Calibration, Verdicts

SENSOR = "sensor"
MOST = 200  # differences that are told one by one: more are a wrong calibration in any case


@dataclass(slots=True)
class Outline:
    """What one of them says of the time."""

    occupied: float = 0.0
    """Seconds."""
    observed: float = 0.0
    """Seconds in which it knew."""
    sessions: int = 0
    changes: list[tuple[float, Status]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Difference:
    """From `at` on (seconds, as the samples') the two say this."""

    at: float
    now: Status
    then: Status


@dataclass(frozen=True, slots=True)
class Compared:
    """Both outlines, and the moments from which they differ, or agree again."""

    now: Outline
    then: Outline
    differences: tuple[Difference, ...]
    more: int
    """Differences beyond those that are told."""


def compare(
    points: Sequence[Point],
    rule: Rule,
    now: Calibration | None,
    then: Calibration | None,
    span: tuple[float, float] | None = None,
) -> Compared:
    """`points` in time order; None judges by the sensor's own word.

    `span` is the time that is told of, where that is not from the first point to the last.
    """
    begin, end = span or ((points[0].at, points[-1].at) if points else (0.0, 0.0))
    spaced = _spaced(rule, points)
    one, other = (_outline(points, spaced, known, begin, end) for known in (now, then))
    found = list(_differences(one.changes, other.changes))
    return Compared(one, other, tuple(found[:MOST]), max(0, len(found) - MOST))


def _spaced(rule: Rule, points: Sequence[Point]) -> Rule:
    """Thinned samples come less often than the sensor speaks: three in a row may be missing."""
    if rule.repeats_every is None:
        return rule
    gaps = sorted(b.at - a.at for a, b in pairwise(points))
    period = max(gaps[len(gaps) // 2], 0.1) if gaps else 1.0
    return replace(rule, repeats_every=period, stale_after=max(rule.stale_after, 3 * period))


def _outline(
    points: Sequence[Point], rule: Rule, calibration: Calibration | None, begin: float, end: float
) -> Outline:
    outline = Outline()
    if not points:
        return outline
    verdicts = None if calibration is None else Verdicts(calibration)
    machine = Machine(SENSOR, {SENSOR: rule})
    changes = machine.start(points[0].at)
    for point in points:
        active = point.active
        if verdicts is not None:
            active, _ = verdicts.judge(point.at, point.levels)
        changes += machine.tick(point.at)
        if active is not None:
            changes += machine.hear(SENSOR, Word(active, point.at), point.at)
    _measure(outline, changes + machine.tick(end), begin, end)
    return outline


def _measure(outline: Outline, changes: Iterable[Change], begin: float, end: float) -> None:
    status, since = Status.UNKNOWN, begin
    moments = [(max(begin, change.at), change.status) for change in changes]
    for at, following in [*moments, (end, None)]:
        if following is status:
            continue
        outline.observed += (at - since) if status.observed else 0.0
        outline.occupied += (at - since) if status is Status.OCCUPIED else 0.0
        outline.sessions += status is Status.OCCUPIED and at > since
        if following is not None:
            outline.changes.append((at, following))
            status, since = following, at


def _differences(
    one: Sequence[tuple[float, Status]], other: Sequence[tuple[float, Status]]
) -> Iterable[Difference]:
    """Each moment from which the pair of them is another, as far as they differ by then."""
    first, second = dict(one), dict(other)
    now = then = Status.UNKNOWN
    differed = False
    for at in sorted(first.keys() | second.keys()):
        now, then = first.get(at, now), second.get(at, then)
        if differed or now is not then:
            yield Difference(at, now, then)
        differed = now is not then
