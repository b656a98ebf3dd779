"""From words to statuses: what one sensor says, judged by SPEC's "What counts as knowing".

All times are monotonic seconds. Every due moment is computed, so that a status does not depend
on how often `tick` is called.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf

from gateway.core.events import Cause, Status

PORT_DOWN_AFTER = 10.0  # seconds: a plug pushed back in, or a broker that restarts, is no news
HOLD = 24 * 3600.0  # opening hours that the last word of a sensor without availability holds
NOT_SEEN = frozenset({Cause.RESTORED, Cause.LATE})


@dataclass(frozen=True, slots=True)
class Rule:
    """How patient we are with one sensor; seconds."""

    busy_after: float
    free_after: float
    stale_after: float
    repeats_every: float | None
    """None: it speaks on change."""

    @property
    def silent_after(self) -> float:
        """Three periods, at most what makes it stale; never, for what speaks on change."""
        if self.repeats_every is None:
            return inf
        return min(3 * self.repeats_every, self.stale_after)

    def patience(self, *, active: bool) -> float:
        """How long a word must last before it counts."""
        return self.busy_after if active else self.free_after


@dataclass(frozen=True, slots=True)
class Word:
    """What a sensor said about presence, and when."""

    active: bool
    at: float
    live: bool = True
    seq: int | None = None
    calibration: int | None = None
    """The version that it was judged by."""

    @property
    def status(self) -> Status:
        """The status it leans to."""
        return Status.OCCUPIED if self.active else Status.FREE


@dataclass(frozen=True, slots=True)
class Verdict:
    """What we say on one sensor's account."""

    status: Status
    cause: Cause
    at: float
    """Since when."""
    decided: float
    live: bool = False
    seq: int | None = None
    calibration: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """What a sensor that speaks on change left with us; survives a restart in the same boot."""

    word: Word | None
    """The first word of the run that lasts: since when it leans."""
    said_at: float
    """When the newest word was said."""
    heard_at: float
    """When the newest word arrived."""
    offline: bool
    tells_availability: bool
    seq: int | None = None
    """The newest number that the sensor itself gave: what repeats at or below it is known."""


class Detector:
    """One sensor's words, judged. Methods return the verdicts they led to, oldest first."""

    def __init__(
        self, rule: Rule, verdict: Verdict, hold_until: Callable[[float], float] | None = None
    ) -> None:
        """`hold_until(at)` is when 24 opening hours have passed since `at`."""
        self.rule = rule
        self.verdict = verdict
        self._hold_until = hold_until or (lambda at: at + HOLD)
        self._word: Word | None = None
        self._credit = 0.0  # seconds that the trend had lasted before a long silence
        self._said_at = -inf
        self._heard_at = verdict.decided
        self._offline = False
        self._tells_availability = False
        self._lost_at: float | None = None
        self._before_loss: Verdict | None = None
        self.newest_seq: int | None = None

    @property
    def held(self) -> Held:
        """What must not be forgotten over a restart."""
        return Held(
            self._word,
            self._said_at,
            self._heard_at,
            self._offline,
            self._tells_availability,
            self.newest_seq,
        )

    def restore(self, verdict: Verdict, heard_at: float) -> None:
        """Go on from what an earlier process said, which last heard the sensor at `heard_at`."""
        self.verdict = verdict
        self._heard_at = heard_at

    def resume(self, held: Held) -> None:
        """Go on with what an earlier process held."""
        self._said_at, self._heard_at = held.said_at, held.heard_at
        self._word = held.word if self._still_counts(held) else None
        self._offline, self._tells_availability = held.offline, held.tells_availability
        self.newest_seq = held.seq

    def hear(self, word: Word, now: float) -> list[Verdict]:
        """Take a word that arrived at `now`."""
        self.newest_seq = self.newest_seq if word.seq is None else word.seq
        if not word.live and (self._offline or word.at < self._said_at):
            return []  # what was said before the device went, or before what we hold
        if word.at < self._said_at:
            word = replace(word, at=self._said_at)  # its clock went back, its words did not
        verdicts = self.tick(now) + self._catch_up(word)
        self._freeze(now)
        self._offline = False
        self._said_at, self._heard_at = word.at, now
        if self._word is None or self._word.active != word.active:
            self._word, self._credit = word, 0.0
        if self._confirms(word):
            seen = replace(self.verdict, cause=Cause.OBSERVED, decided=now, seq=None)
            verdicts.append(self._judge(seen))  # no transition: it bears no number of the sensor
        return verdicts + self.tick(now)

    def availability(self, now: float, *, online: bool, itself: bool = True) -> list[Verdict]:
        """Take the device's own word that it is there; only `offline` changes a status.

        Not `itself`: a bridge speaks, which says nothing of how long a word of the device holds.
        """
        self._tells_availability |= itself
        verdicts = self.tick(now)
        self._offline = not online
        if online:
            return verdicts
        self._word = None
        verdicts += self._unknown(Cause.SENSOR_OFFLINE, now)
        if self._before_loss is not None:
            self._before_loss = self.verdict
        return verdicts

    def lost(self, at: float) -> list[Verdict]:
        """Nothing can be heard since `at`: nothing settles until `back`."""
        if self._lost_at is not None and self._heard_at <= self._lost_at:
            return []
        verdicts = self.tick(at)
        self._lost_at = at
        return verdicts

    def back(self, now: float) -> list[Verdict]:
        """Live words can be heard again; what waited in a queue has been heard before this."""
        if self._lost_at is None:
            return []
        verdicts = self.tick(now)
        lost_at, self._lost_at = self._lost_at, None
        before, self._before_loss = self._before_loss, None
        if now - lost_at > self.rule.stale_after:
            self._word = self._said_since(lost_at)
        elif before is not None and self.rule.repeats_every is None:
            verdicts.append(self._return(before, now))
        return verdicts + self.tick(now)

    def tick(self, now: float) -> list[Verdict]:
        """Let time pass: settle a lasting trend, or admit that we hear nothing."""
        verdicts: list[Verdict] = []
        while True:
            settles, silent, down = self._settles_at(), self._silent_at(now), self._down_at()
            due = min(settles, silent, down)
            if due > now:
                return verdicts
            if due == settles:
                verdicts.append(self._settle(due))
            elif due == down:
                verdicts += self._go_down(due)
            else:
                self._word = None
                verdicts += self._unknown(Cause.SILENT, due)

    def _settles_at(self) -> float:
        word = self._word
        if word is None or word.status is self.verdict.status or self._lost_at is not None:
            return inf
        due = word.at + self.rule.patience(active=word.active) - self._credit
        return due if due <= self._heard_at + self.rule.silent_after else inf

    def _silent_at(self, now: float) -> float:
        if not self.verdict.status.observed:
            return inf
        if self.rule.repeats_every is not None:
            return self._heard_at + self.rule.stale_after
        if self._tells_availability or now - self._heard_at < HOLD:
            return inf
        return self._hold_until(self._heard_at)

    def _down_at(self) -> float:
        if self._lost_at is None or self._before_loss is not None:
            return inf
        if self._heard_at > self._lost_at:
            return inf  # what waited is coming in
        return self._lost_at + PORT_DOWN_AFTER

    def _catch_up(self, word: Word) -> list[Verdict]:
        """Of what waited in a queue, settle what lasted until the next word was said."""
        held = self._word
        if self._lost_at is None or held is None or held.live or held.active == word.active:
            return []
        due = held.at + self.rule.patience(active=held.active)
        if held.status is self.verdict.status or due > word.at:
            return []
        self._before_loss = None  # what was before it returns no more
        return [self._settle(due)]

    def _settle(self, due: float) -> Verdict:
        word = self._word
        assert word is not None
        cause = Cause.OBSERVED if word.live else Cause.LATE
        decided = max(due, self._heard_at)  # a late word is dated back, its verdict is not
        said = (word.live, word.seq, word.calibration)
        return self._judge(Verdict(word.status, cause, word.at, decided, *said))

    def _unknown(self, cause: Cause, now: float) -> list[Verdict]:
        """A change of cause alone keeps its old `at`."""
        if self.verdict.status is not Status.UNKNOWN:
            return [self._judge(Verdict(Status.UNKNOWN, cause, now, now))]
        if self.verdict.cause is cause:
            return []
        return [self._judge(replace(self.verdict, cause=cause, decided=now))]

    def _judge(self, verdict: Verdict) -> Verdict:
        self.verdict = verdict
        return verdict

    def _freeze(self, now: float) -> None:
        """Silence settles nothing: it does not count into a trend, and ends a stale one."""
        gap = now - self._heard_at
        if self._word is None or gap <= self.rule.silent_after:
            return
        lasted = self._heard_at - self._word.at
        if gap >= self.rule.stale_after:
            self._word = None
        elif gap <= lasted:
            self._word = replace(self._word, at=self._word.at + gap)
        else:  # what lasted still counts, but nobody can say "since" a moment of silence
            self._credit += lasted
            self._word = replace(self._word, at=now)

    def _confirms(self, word: Word) -> bool:
        return (
            word.live
            and word.status is self.verdict.status
            and self.verdict.cause in NOT_SEEN
            and self._lost_at is None
        )

    def _go_down(self, at: float) -> list[Verdict]:
        """The port is lost for good: only what speaks on change may still mean its last word."""
        self._before_loss = self.verdict
        if self.rule.repeats_every is not None:
            self._word = None
        return self._unknown(Cause.PORT_DOWN, at)

    def _return(self, before: Verdict, now: float) -> Verdict:
        """The port was away for a short time only: all is as before."""
        cause = Cause.RESTORED if before.status.observed else before.cause
        return self._judge(replace(before, cause=cause, decided=now, live=False, seq=None))

    def _said_since(self, lost_at: float) -> Word | None:
        """Of what is held, what came while the port was lost: what was queued or retained."""
        if self._word is None or self._heard_at < lost_at:
            return None
        return replace(self._word, at=self._said_at, live=False) if self._word.live else self._word

    def _still_counts(self, held: Held) -> bool:
        """What was heard before we became blind is no leaning out of it.

        Unless only another of the machine's devices went: this one, gone, would hold no word.
        """
        seen = self.verdict.status.observed or self.verdict.cause is Cause.SENSOR_OFFLINE
        return seen or held.heard_at >= self.verdict.at
