"""How good forecasts are: replayed in time order, beside the simple ones that everybody has."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from statistics import fmean

from gateway.core.events import Status
from gateway.core.forecast import Forecast
from gateway.core.logistic import fit, logit, probability

DECILES = 10
MOST = 10_000_000  # questions: 2 GB of memory, and an hour; a year of 90 machines each 5 minutes
FITTED_ON = 20_000  # samples the reference is fitted on: more change no digit that is printed
HOURS = 12.0  # the reference's minutes since the change are capped there

Events = Mapping[str, Sequence[tuple[float, bool]]]
"""Machine → (epoch seconds, occupied from then on), in order."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One question, and what came true."""

    machine: str
    at: float
    busy: bool
    free_then: bool
    ours: float
    usual: float
    """What the week alone says: the climatology."""
    minutes: float
    """Since the last change."""


@dataclass(frozen=True, slots=True)
class Score:
    """Brier scores: 0 is perfect, 0.25 a coin."""

    name: str
    all: float
    busy: float
    free: float


@dataclass(frozen=True, slots=True)
class Judged:
    """What `gateway forecast evaluate` prints."""

    samples: int
    scores: tuple[Score, ...]
    deciles: tuple[tuple[float, float], ...]
    """(foretold, came true), by tenths of equal count."""
    predictions: tuple[Sample, ...] = field(repr=False)

    @property
    def miscalibration(self) -> float:
        """The largest difference of a decile."""
        return max((abs(told - true) for told, true in self.deciles), default=0.0)


def judge(
    events: Events,
    train_until: float,
    horizon: float,
    every: float,
    zone: tzinfo,
    progress: Callable[[float], None] = lambda _share: None,
) -> Judged:
    """Ask every `every` seconds; what is asked from `train_until` on counts.

    Raises ValueError: nothing is left to judge.
    """
    training: list[Sample] = []
    tested: list[Sample] = []
    for sample in _asked(events, horizon, every, zone, progress):
        if sample.at >= train_until:
            tested.append(sample)
        elif sample.at + horizon < train_until:
            training.append(sample)
    if not tested or not training:
        raise ValueError("there must be events on both sides of --train-until")
    reference = _reference(training)
    told: dict[str, Callable[[Sample], float]] = {
        "ours": lambda one: one.ours,
        "logistic": reference,
        "climatology": lambda one: one.usual,
        "persistence": lambda one: float(not one.busy),
    }
    scores = tuple(_score(name, tested, tell) for name, tell in told.items())
    return Judged(len(tested), scores, _deciles(tested), tuple(tested))


def _asked(
    events: Events,
    horizon: float,
    every: float,
    zone: tzinfo,
    progress: Callable[[float], None],
) -> Iterator[Sample]:
    """Every question in time order: nothing after its moment was learned before it."""
    forecast = Forecast(zone)
    times = {machine: [at for at, _ in of] for machine, of in events.items()}
    log = sorted((at, machine, busy) for machine, of in events.items() for at, busy in of)
    begin, end, done = log[0][0], log[-1][0] - horizon, 0
    if (questions := (end - begin) / every * len(events)) > MOST:
        raise ValueError(
            f"{questions:.0f} questions are more than {MOST}: ask less often, or of fewer days"
        )
    now = begin + every - begin % every
    while now <= end:
        while done < len(log) and log[done][0] <= now:
            at, machine, busy = log[done]
            forecast.learn(machine, Status.OCCUPIED if busy else Status.FREE, at)
            done += 1
        progress((now - begin) / (end - begin))
        for machine, of in events.items():
            if times[machine][0] <= now:
                yield _sample(forecast, machine, of, times[machine], now, horizon)
        now += every


def _sample(
    forecast: Forecast,
    machine: str,
    of: Sequence[tuple[float, bool]],
    times: Sequence[float],
    now: float,
    horizon: float,
) -> Sample:
    current, then = bisect_right(times, now) - 1, bisect_right(times, now + horizon) - 1
    told = forecast.predict(machine, now, horizon)
    assert told is not None
    return Sample(
        machine,
        now,
        of[current][1],
        not of[then][1],
        told.probability_free,
        1 - forecast.usual(machine, now, now + horizon),
        (now - times[current]) / 60,
    )


def _reference(training: Sequence[Sample]) -> Callable[[Sample], float]:
    """Logistic regression on status, minutes since the change, climatology."""
    chosen = training[:: max(1, len(training) // FITTED_ON)]
    coefficients = fit([_row(one) for one in chosen], [float(one.free_then) for one in chosen])
    return lambda one: probability(coefficients, _row(one))


def _row(sample: Sample) -> tuple[float, ...]:
    hours = min(sample.minutes / 60, HOURS)
    return 1.0, float(sample.busy), hours / HOURS, logit(sample.usual)


def _score(name: str, tested: Sequence[Sample], tell: Callable[[Sample], float]) -> Score:
    errors = [(one.busy, (tell(one) - one.free_then) ** 2) for one in tested]

    def brier(chosen: list[float]) -> float:
        return fmean(chosen) if chosen else float("nan")

    return Score(
        name,
        brier([error for _, error in errors]),
        brier([error for busy, error in errors if busy]),
        brier([error for busy, error in errors if not busy]),
    )


def _deciles(tested: Sequence[Sample]) -> tuple[tuple[float, float], ...]:
    ranked = sorted(tested, key=lambda one: one.ours)
    size = len(ranked)
    parts = [ranked[size * n // DECILES : size * (n + 1) // DECILES] for n in range(DECILES)]
    return tuple(
        (fmean(one.ours for one in part), fmean(one.free_then for one in part))
        for part in parts
        if part
    )
