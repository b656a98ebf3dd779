"""Levels become a word: thresholds found from what an empty and a used machine look like."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from math import sqrt
from statistics import fmean, median, pstdev
from typing import Annotated

import msgspec
from msgspec import Meta

SPREAD = 6.0  # standard deviations above what is empty; on labelled gate energies 5 to 8 do
VOTES = 2  # of many levels: one gate alone flickers
MANY = 6  # levels: a radar's gates
RELEASE = 0.7  # of the threshold's height: what is active stays so down to here
FEWEST = 10  # samples of a phase; less says nothing
ALIKE = 0.8  # balanced accuracy below which empty and used cannot be told apart
COVERED = 0.975  # of the time in use that the hold must cover
LONGEST_HOLD = 600.0  # seconds: a machine that is left is free sooner or later
BREAK = 10.0  # periods without a sample end a piece of a recording
SEPARATE = 1.0  # d-prime below which a level says nothing
IGNORED = frozenset({"light", "out_pin", "rssi", "voltage_v", "energy_wh", "relay"})
CLOSER = frozenset({"distance_m"})  # less is more
LEAST_SPREAD = {"power_w": 1.0, "distance_m": 0.05, "current_a": 0.02, "vibration": 0.05}
GATES = ("move_g", "still_g")
Levels = Mapping[str, float]
Timed = tuple[float, Levels]
"""(seconds, levels)."""


class CannotTellError(ValueError):
    """No threshold can be found; the text says why, and what to do."""


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`floor` is what empty looks like, `limit` where use begins: above it, or below it."""

    floor: float
    limit: float

    def height(self, value: float) -> float:
        """0 at the floor, 1 at the limit."""
        span = self.limit - self.floor
        return (value - self.floor) / span if span else float(value >= self.limit)


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Active: so many `votes` of the levels reach their limit; it stays so for `hold` seconds."""

    limits: Mapping[str, Limit]
    votes: Annotated[int, Meta(ge=1, le=32)] = 1
    release: Annotated[float, Meta(gt=0, le=1)] = RELEASE
    hold: Annotated[float, Meta(ge=0, le=3600)] = 0.0

    def score(self, levels: Levels) -> float | None:
        """The height of the level that decides; from 1 on it is active. None: nothing is said."""
        heights = sorted(
            (limit.height(levels[name]) for name, limit in self.limits.items() if name in levels),
            reverse=True,
        )
        return heights[min(self.votes, len(heights)) - 1] if heights else None


class Statistics(msgspec.Struct, frozen=True):
    """What a calibration rests on; `separation` is d-prime of the best level, None without use."""

    empty: int
    busy: int
    separation: float | None
    overlap: float | None
    """Share of the samples on the wrong side."""
    confidence: str


class Fitted(msgspec.Struct, frozen=True):
    """A calibration, and how good it is."""

    calibration: Calibration
    statistics: Statistics


class Verdicts:
    """One sensor's samples in order, judged."""

    def __init__(self, calibration: Calibration) -> None:
        self.calibration = calibration
        self._active = False
        self._reached = float("-inf")

    def judge(self, at: float, levels: Levels) -> tuple[bool | None, float | None]:
        """(active, score); None where these levels say nothing. `at` in seconds, in order."""
        score = self.calibration.score(levels)
        if score is None:
            return None, None
        if score >= (self.calibration.release if self._active else 1.0):
            self._reached = at
        held = at - self._reached <= self.calibration.hold and self._reached <= at
        self._active = held or self._reached == at
        return self._active, score


def fit(empty: Sequence[Timed], busy: Sequence[Timed] = ()) -> Fitted:
    """Thresholds from a recording of the empty machine, better with one in use.

    Raises CannotTellError.
    """
    _must_suffice(empty, "empty")
    names = _names(empty)
    if not busy:
        found = _above(empty, names, SPREAD, VOTES)
        return Fitted(found, Statistics(len(empty), 0, None, None, "fair"))
    _must_suffice(busy, "busy")
    telling = _telling(empty, busy, names)
    held = [
        msgspec.structs.replace(one, hold=_hold(one, busy))
        for one in _candidates(empty, busy, telling)
    ]
    best = max(held, key=lambda one: (round(_accuracy(one, empty, busy), 2), -one.hold))
    accuracy = _accuracy(best, empty, busy)
    if accuracy < ALIKE:
        raise CannotTellError(
            f"empty and in use look alike ({accuracy:.0%} told apart): was the machine really"
            " empty, and really used? Move the sensor closer, or choose another one"
        )
    separation = max(_separation(empty, busy, name) for name in telling)
    statistics = Statistics(
        len(empty),
        len(busy),
        round(separation, 2),
        round(1 - accuracy, 4),
        _confidence(accuracy, min(len(empty), len(busy))),
    )
    return Fitted(best, statistics)


# --- which levels, and what they look like ------------------------------------------------------


def _names(empty: Sequence[Timed]) -> list[str]:
    """Those that nearly every sample has; of a radar its gates alone."""
    counts: dict[str, int] = {}
    for _, levels in empty:
        for name in levels:
            counts[name] = counts.get(name, 0) + 1
    usual = [name for name, count in counts.items() if count >= 0.9 * len(empty)]
    gates = [name for name in usual if name.startswith(GATES)]
    found = gates or [name for name in usual if name not in IGNORED]
    if not found:
        raise CannotTellError("the samples carry no levels: is it the right sensor and driver?")
    return found


def _must_suffice(samples: Sequence[Timed], phase: str) -> None:
    if len(samples) < FEWEST:
        raise CannotTellError(
            f"only {len(samples)} samples of the {phase} machine, {FEWEST} are needed:"
            " does the sensor speak? Record longer"
        )


def _values(samples: Iterable[Timed], name: str) -> list[float]:
    return [levels[name] for _, levels in samples if name in levels]


def _spread(values: Sequence[float], name: str) -> float:
    least = 1.0 if name.startswith(GATES) else LEAST_SPREAD.get(name, 0.01 * abs(fmean(values)))
    return max(pstdev(values), least, 1e-6)


def _separation(empty: Sequence[Timed], busy: Sequence[Timed], name: str) -> float:
    """d-prime: the distance of the means in standard deviations."""
    one, other = _values(empty, name), _values(busy, name)
    if not one or not other:
        return 0.0
    spread = sqrt((_spread(one, name) ** 2 + _spread(other, name) ** 2) / 2)
    return abs(fmean(other) - fmean(one)) / spread


def _telling(empty: Sequence[Timed], busy: Sequence[Timed], names: Sequence[str]) -> list[str]:
    found = [name for name in names if _separation(empty, busy, name) >= SEPARATE]
    return found or [max(names, key=lambda name: _separation(empty, busy, name))]


# --- thresholds ---------------------------------------------------------------------------------


def _above(empty: Sequence[Timed], names: Sequence[str], spread: float, votes: int) -> Calibration:
    """So many standard deviations away from what is empty."""
    limits = {}
    for name in names:
        values = _values(empty, name)
        floor, away = fmean(values), spread * _spread(values, name)
        limits[name] = Limit(
            round(floor, 4), round(floor - away if name in CLOSER else floor + away, 4)
        )
    return Calibration(limits, votes if len(names) >= MANY else 1)


def _candidates(
    empty: Sequence[Timed], busy: Sequence[Timed], names: Sequence[str]
) -> list[Calibration]:
    """The first of equals is taken: the usual one."""
    if len(names) >= MANY:
        ways = [(SPREAD, VOTES), (8.0, VOTES), (5.0, VOTES), (SPREAD, 3), (SPREAD, 1), (4.0, VOTES)]
        return [_above(empty, names, spread, votes) for spread, votes in ways]
    alone = [_between(empty, busy, name) for name in names]
    together = {name: limit for one in alone for name, limit in one.limits.items()}
    return [Calibration(together), *alone]  # any of them, or one


def _between(empty: Sequence[Timed], busy: Sequence[Timed], name: str) -> Calibration:
    """The middle of where the two are told apart best."""
    one, other = _values(empty, name), _values(busy, name)
    up = fmean(other) >= fmean(one)
    edges = sorted({*one, *other})
    cuts = [(low + high) / 2 for low, high in pairwise(edges)] or [edges[0]]
    goods = [(_cut_accuracy(cut, one, other, up=up), cut) for cut in cuts]
    best = max(good for good, _ in goods)
    limit = median(cut for good, cut in goods if good >= best - 1e-9)
    return Calibration({name: Limit(round(fmean(one), 4), round(limit, 4))})


def _cut_accuracy(cut: float, empty: Sequence[float], busy: Sequence[float], *, up: bool) -> float:
    right = sum((value < cut) is up for value in empty) / len(empty)
    return (right + sum((value >= cut) is up for value in busy) / len(busy)) / 2


def _accuracy(calibration: Calibration, empty: Sequence[Timed], busy: Sequence[Timed]) -> float:
    """Balanced, of the words that it leads to."""
    found, false = (_covered(calibration, list(_pieces(part))) for part in (busy, empty))
    return (found + 1 - false) / 2


def _confidence(accuracy: float, count: int) -> str:
    if accuracy >= 0.98 and count >= 3 * FEWEST:  # noqa: PLR2004  one in fifty wrong
        return "good"
    return "fair" if accuracy >= 0.9 else "poor"  # noqa: PLR2004  one in ten


# --- hold ---------------------------------------------------------------------------------------


def _hold(calibration: Calibration, busy: Sequence[Timed]) -> float:
    """The shortest that bridges the pauses of use, up to the longest that we allow."""
    pieces = list(_pieces(busy))
    period = _period(busy)
    steps = [round(step * period, 3) for step in range(int(LONGEST_HOLD / period) + 1)]

    def covers(hold: float) -> bool:
        return _covered(msgspec.structs.replace(calibration, hold=hold), pieces) >= COVERED

    first = bisect_left(steps, x=True, key=covers)  # what a hold covers, a longer one covers too
    return steps[first] if first < len(steps) else LONGEST_HOLD


def _period(samples: Sequence[Timed]) -> float:
    gaps = [after - before for (before, _), (after, _) in pairwise(samples) if after > before]
    return max(median(gaps), 0.1) if gaps else 1.0


def _pieces(samples: Sequence[Timed]) -> Iterable[Sequence[Timed]]:
    """A recording of several stretches of use, one after the other."""
    period, begin = _period(samples), 0
    for number, ((before, _), (after, _)) in enumerate(pairwise(samples), 1):
        if not 0 <= after - before <= BREAK * period:
            yield samples[begin:number]
            begin = number
    yield samples[begin:]


def _covered(calibration: Calibration, pieces: Iterable[Sequence[Timed]]) -> float:
    said: list[bool | None] = []
    for piece in pieces:
        verdicts = Verdicts(calibration)
        said += [verdicts.judge(at, levels)[0] for at, levels in piece]
    return fmean([word is True for word in said]) if said else 0.0


def reader(calibration: Calibration | None) -> Callable[[float, Levels], bool | None] | None:
    """How to judge a sensor's levels; None: its own word counts."""
    if calibration is None:
        return None
    verdicts = Verdicts(calibration)
    return lambda at, levels: verdicts.judge(at, levels)[0]
