"""How likely a machine is free in a while, and when it will be: learned event by event.

Two questions are asked of the past: how long will what is now last, and how full is that half
hour usually. A logistic regression with shipped coefficients weighs the answers (how they were
found: docs/forecast.md). What a branch learns is its own answers. Seconds are epoch seconds.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from itertools import pairwise
from math import erf, exp, log, sqrt

from gateway.core.events import Status
from gateway.core.logistic import logit, probability
from gateway.core.usage import (
    EDGES,
    FIRST,
    GROWTH,
    HALF_LIFE,
    OF_DAY,
    OF_WEEK,
    RESCALED_AT,
    SLOT,
    WEEK,
    Durations,
    Week,
    lasting,
    mixed,
    until,
)

HORIZON = 1800.0  # seconds: what lists and alerts show
SHORTEST, LONGEST = 300.0, 7200.0  # seconds: the horizons that the coefficients were found for
FOLLOWS = 5 * 86_400.0  # seconds: how fast a change of level is believed
UNSEEN = 86_400.0  # seconds: of a longer gap nothing is learned at all
PUT_BACK = 60.0  # seconds: what goes back farther is the clock
OTHERS, DEFAULTS = 10.0, 5.0  # durations that other machines', and the shipped ones, count as
EVERY = float("inf")
LIKELY = 0.5

# By tests/acceptance/fit_forecast.py on the first 13 of 17 weeks of eight rapid chargers (City of
# Dundee, OGL v3), at horizons of 5 to 120 minutes. In the order of `_features`.
BUSY = (-0.250, 0.226, 0.570, -0.287, -0.295, 0.769, 0.622, -0.454, 0.325, -0.125, 0.254)
IDLE = (0.268, 0.212, 0.896, -1.057, -0.735, -0.181, 0.195, -0.036, -0.009, 0.083, 0.305)


@dataclass(frozen=True, slots=True)
class Prediction:
    """`horizon` seconds from now; times are None while the machine is free."""

    horizon: float
    probability_free: float
    expected_free_at: float | None
    interval: tuple[float, float] | None
    """Four times of five it is free within these."""
    basis: str

    @property
    def likely_free(self) -> bool:
        """Rather free than not."""
        return self.probability_free >= LIKELY


def _lognormal(median: float, spread: float) -> tuple[float, ...]:
    """The shipped durations, as shares of one."""

    def below(seconds: float) -> float:
        return 0.5 * (1 + erf(log(seconds / median) / (spread * sqrt(2))))

    edges = (FIRST / 4, *EDGES, EDGES[-1] * GROWTH**4)
    shares = [below(high) - below(low) for low, high in pairwise(edges)]
    return tuple(share / sum(shares) for share in shares)


SESSIONS = _lognormal(1320.0, 0.75)  # 22 min: a cardio machine, a rapid charger
PAUSES = _lognormal(3600.0, 1.6)


@dataclass(slots=True)
class Past:
    """What is known of one machine."""

    week: Week = field(default_factory=Week)
    sessions: Durations = field(default_factory=Durations)
    pauses: Durations = field(default_factory=Durations)
    status: Status = Status.UNKNOWN
    since: float = 0.0
    whole: bool = False
    """Whether we saw it begin: only then it tells how long such things last."""
    learned: float = 0.0
    """Up to here the week knows."""
    level: float = 0.0
    """Use lately, and what the week said of that time: a year's habits change within days."""
    expected: float = 0.0
    seconds: float = 0.0
    """Observed in all."""


class Forecast:
    """Every machine of a branch. O(1) for an event: a gap of a day is 48 half hours."""

    def __init__(self, zone: tzinfo, is_open: Callable[[float], bool] = lambda _wall: True) -> None:
        self._zone = zone
        self._is_open = is_open
        self._pasts: dict[str, Past] = {}
        self._sessions, self._pauses = Durations(), Durations()  # of all machines
        self._origin: float | None = None
        self._now = 0.0  # the newest moment that was told
        self._slots: dict[int, int] = {}
        self._busy = 0

    # --- over a restart -----------------------------------------------------------------------

    @property
    def origin(self) -> float | None:
        """Since when weights are counted."""
        return self._origin

    @property
    def pasts(self) -> dict[str, Past]:
        """What is known of each machine."""
        return self._pasts

    @property
    def durations(self) -> tuple[Durations, Durations]:
        """Sessions and pauses of all machines."""
        return self._sessions, self._pauses

    def resume_all(self, origin: float, sessions: Durations, pauses: Durations) -> None:
        """Go on with what all share; before `resume`."""
        self._origin = origin or None
        self._sessions, self._pauses = sessions, pauses

    def resume(self, machine: str, past: Past) -> None:
        """Go on with what was known of a machine."""
        self._pasts[machine] = past
        self._now = max(self._now, past.since)
        self._busy += past.status is Status.OCCUPIED

    def inherit(self, machine: str, older: str) -> None:
        """It stands where another stood: the habits of its users are the same."""
        if machine not in self._pasts and older in self._pasts:
            self.lose(older)
            self._pasts[machine] = self._pasts.pop(older)

    def keep_only(self, machines: Collection[str]) -> None:
        """Forget machines that are no more."""
        for gone in [name for name in self._pasts if name not in machines]:
            self.lose(gone)
            del self._pasts[gone]

    # --- learning -----------------------------------------------------------------------------

    def follow(self, now: float) -> None:
        """It is `now`, before something is learned of it.

        What was learned ages by a day at most from one moment to the next, and by none when the
        clock is put back: one that leaps by a century would make it count nothing, for good.
        """
        step, self._now = now - self._now, now
        if self._origin is not None:
            self._origin += min(step, 0.0) + max(step - UNSEEN, 0.0)
        if -PUT_BACK <= step <= UNSEEN:
            return
        for past in self._pasts.values():
            past.whole = False
            if past.since > now:  # as far back as the clock; not before it, as far as we know
                past.since = min(now, past.since + step)
            past.learned = min(past.learned, now)

    def learn(self, machine: str, status: Status, at: float) -> None:
        """From `at` on the machine is `status`; events come in order."""
        if self._origin is None:
            self._origin = at
        self._now = max(self._now, at)
        past = self._pasts.setdefault(machine, Past(learned=at))
        if status is past.status or (past.whole and at < past.since):
            return  # another cause; or a time that cannot be
        at = max(at, past.since)
        self._account(past, at)
        if past.status.observed and status.observed and past.whole:
            self._lasted(past, at)
        past.whole = past.status.observed and status.observed
        self._busy += (status is Status.OCCUPIED) - (past.status is Status.OCCUPIED)
        past.status, past.since, past.learned = status, at, max(at, past.learned)

    def lose(self, machine: str) -> None:
        """It changed, nobody knows when: its clock was never right."""
        past = self._pasts.get(machine)
        if past is not None:
            self._busy -= past.status is Status.OCCUPIED
            past.status, past.whole = Status.UNKNOWN, False

    def _lasted(self, past: Past, at: float) -> None:
        weight, busy = self._weight(at), past.status is Status.OCCUPIED
        own, all_ = (past.sessions, self._sessions) if busy else (past.pauses, self._pauses)
        for durations in (own, all_):
            durations.add(max(1.0, at - past.since), weight)

    def _account(self, past: Past, now: float) -> None:
        """Let the week know of the time since it was told last."""
        if not past.status.observed or now - past.learned > UNSEEN:
            return
        occupied = float(past.status is Status.OCCUPIED)
        while past.learned < now:
            end = min(now, (past.learned // SLOT + 1) * SLOT)
            if self._is_open(past.learned):
                self._add(past, occupied, end - past.learned)
            past.learned = end

    def _add(self, past: Past, occupied: float, seconds: float) -> None:
        slot, weight = self._slot(past.learned), self._weight(past.learned)
        kept = exp(-seconds / FOLLOWS)
        past.level = past.level * kept + occupied * (1 - kept)
        past.expected = past.expected * kept + past.week.share(slot, weight) * (1 - kept)
        past.week.add(slot, occupied * seconds * weight, seconds * weight)
        past.seconds += seconds

    def _weight(self, at: float) -> float:
        """What a second of that moment counts: the newer, the more."""
        assert self._origin is not None
        at = min(at, self._now + UNSEEN)
        weight: float = 2.0 ** ((at - self._origin) / HALF_LIFE)
        if weight < RESCALED_AT:
            return weight
        for past in self._pasts.values():
            for part in (past.week, past.sessions, past.pauses):
                part.scale(1 / weight)
        self._sessions.scale(1 / weight)
        self._pauses.scale(1 / weight)
        self._origin = at
        return 1.0

    def _slot(self, at: float) -> int:
        """The half hour of the week there; a zone's rules are asked once for each."""
        number = int(at // SLOT)
        found = self._slots.get(number)
        if found is None:
            local = datetime.fromtimestamp(number * SLOT, self._zone)
            found = local.weekday() * OF_DAY + (local.hour * 3600 + local.minute * 60) // SLOT
            if len(self._slots) >= OF_WEEK:  # a week of them, then anew
                self._slots.clear()
            self._slots[number] = found
        return found

    # --- telling ------------------------------------------------------------------------------

    def predict(self, machine: str, now: float, horizon: float = HORIZON) -> Prediction | None:
        """None: we do not know how it is now, or the branch will be closed."""
        past = self._pasts.get(machine)
        if past is None or not past.status.observed or not self._is_open(now + horizon):
            return None
        self._account(past, now)
        counts = self._counts(past, now)
        coefficients = BUSY if past.status is Status.OCCUPIED else IDLE
        free = probability(coefficients, self._features(past, counts, now, horizon))
        elapsed = max(0.0, now - past.since)
        if past.status is Status.FREE:
            return Prediction(horizon, free, None, None, _basis(past))
        low, middle, high = (now + until(counts, elapsed, share) for share in (0.1, 0.5, 0.9))
        return Prediction(horizon, free, middle, (low, high), _basis(past))

    def predict_any(
        self, machines: Iterable[str], now: float, horizon: float = HORIZON
    ) -> Prediction | None:
        """For the first of several that is free."""
        found = [p for m in machines if (p := self.predict(m, now, horizon)) is not None]
        if not found:
            return None
        none = 1.0
        for one in found:
            none *= 1 - one.probability_free
        basis = f"{len(found)} machines"
        if any(one.expected_free_at is None for one in found):
            return Prediction(horizon, 1 - none, None, None, basis)
        first = min(found, key=lambda one: one.expected_free_at or EVERY)
        return Prediction(horizon, 1 - none, first.expected_free_at, first.interval, basis)

    def usual(self, machine: str, now: float, at: float) -> float:
        """How full that half hour usually is, 0…1, as far as is known `now`."""
        return self._pasts[machine].week.share(self._slot(at), self._weight(now))

    def seen(
        self, machine: str, now: float, horizon: float
    ) -> tuple[Status, tuple[float, ...]] | None:
        """(how it is, what the coefficients weigh), to find them anew."""
        past = self._pasts.get(machine)
        if past is None or not past.status.observed:
            return None
        self._account(past, now)
        return past.status, self._features(past, self._counts(past, now), now, horizon)

    def _features(
        self, past: Past, counts: Sequence[float], now: float, horizon: float
    ) -> tuple[float, ...]:
        """What the coefficients weigh."""
        horizon = min(max(horizon, SHORTEST), LONGEST)
        elapsed = max(0.0, now - past.since)
        stays = logit(lasting(counts, elapsed, horizon))
        usual = -logit(past.week.share(self._slot(now + horizon), self._weight(now)))
        change = logit(past.level) - logit(past.expected)
        base = (
            -stays if past.status is Status.OCCUPIED else stays,
            usual,
            change,
            self._others_busy(past),
        )
        far = log(horizon / HORIZON)
        return (1.0, *base, far, far * far, *(far * value for value in base))

    def _counts(self, past: Past, now: float) -> list[float]:
        weight = self._weight(now)
        if past.status is Status.OCCUPIED:
            own, others, shipped = past.sessions, self._sessions, SESSIONS
        else:
            own, others, shipped = past.pauses, self._pauses, PAUSES
        default = [share * DEFAULTS * weight for share in shipped]
        parts = ((own.counts, EVERY), (others.counts, OTHERS * weight), (default, EVERY))
        return mixed(parts)

    def _others_busy(self, past: Past) -> float:
        """How many of the other machines are occupied now: a full house stays full."""
        busy = self._busy - (past.status is Status.OCCUPIED)
        return busy / max(1, len(self._pasts) - 1)


def _basis(past: Past) -> str:
    """How sure it is, in words."""
    weeks, days = past.seconds / WEEK, past.seconds / 86_400
    if weeks >= 2:  # noqa: PLR2004  below, days say more
        return f"{weeks:.0f} weeks of this machine"
    return f"{days:.0f} days of this machine" if days >= 1 else "machines like this one"
