"""Bins: 15 minutes of a machine's history, measured on its timeline.

Timelines are kept in monotonic seconds, so that a jump of the wall clock neither starts nor ends
an occupation; `offset` (wall minus monotonic) says where the UTC quarter hours lie on them.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf

from gateway.core.events import Cause, Change, Status

BIN_SECONDS = 900
REACH = 48 * 3600.0  # seconds of timeline kept: unsynchronised time waits that long
MAX_POINTS = 2000  # changes kept per machine; 200 a day are busy, so this is ten days of them
MAX_AT_ONCE = 96  # quarter hours closed in one go: after a long stop, a day per transaction
SLEWED = 10.0  # seconds that a whole quarter hour may lack: NTP slews by up to 0.5 s in one
MAX_GAP = 400 * 86400  # seconds of downtime written: longer is a clock that leapt, not a closed gym


@dataclass(frozen=True, slots=True)
class Bin:
    """What one machine did in [start, start + 900), `start` in epoch seconds (UTC)."""

    machine: str
    start: int
    occupied: float
    """Seconds occupied."""
    observed: float
    """Seconds in which we knew."""
    sessions: int
    """Starts of occupation."""
    revision: int = 0
    """Grows with each correction."""
    open: bool = False
    """Still running: the numbers are as of now."""

    @property
    def ratio(self) -> float | None:
        """Occupied over observed time; None when nothing was observed."""
        return self.occupied / self.observed if self.observed else None


class Timeline:
    """What a machine was, since when, in order; before its first point it is unknown."""

    def __init__(self, stale_after: float) -> None:
        self._stale_after = stale_after
        self._times: list[float] = []
        self._statuses: list[Status] = []

    def apply(self, at: float, status: Status) -> None:
        """From `at` on it is `status`, whatever was said of that time before."""
        if self._statuses and self._statuses[-1] is status:
            return  # a change of cause alone
        keep = bisect_left(self._times, at)
        del self._times[keep:], self._statuses[keep:]
        if keep and self._statuses[-1] is status:
            return
        self._times.append(at)
        self._statuses.append(status)
        if len(self._times) > MAX_POINTS:
            self._cut(1)

    def precede(
        self, earlier: Iterable[tuple[float, Status]], instead: float | None = None
    ) -> None:
        """Put what was said before its own first point in front; `instead` of what is older."""
        if instead is not None:
            self.forget(instead)
            self._times[:1] = [max(at, instead) for at in self._times[:1]]
        own = list(zip(self._times, self._statuses, strict=True))
        self._times, self._statuses = [], []
        for at, status in (*earlier, *own):
            self.apply(at, status)

    def forget(self, before: float) -> None:
        """Drop what is older; the status at that moment stays known."""
        self._cut(bisect_right(self._times, before) - 1)

    def measure(self, start: float, end: float) -> tuple[float, float, int]:
        """(occupied seconds, observed seconds, sessions) in [start, end)."""
        occupied = observed = 0.0
        sessions = 0
        for index in range(max(0, bisect_right(self._times, start) - 1), len(self._times)):
            begin, status = self._times[index], self._statuses[index]
            if begin >= end:
                break
            last = self._times[index + 1] if index + 1 < len(self._times) else inf
            length = max(0.0, min(last, end) - max(begin, start))
            observed += length if status.observed else 0.0
            if status is Status.OCCUPIED:
                occupied += length
                sessions += begin >= start and self._begins_session(index)
        return occupied, observed, sessions

    def _begins_session(self, index: int) -> bool:
        """A short unknown inside an occupation does not start another."""
        if index < 2 or self._statuses[index - 1] is not Status.UNKNOWN:  # noqa: PLR2004  two before
            return True
        gap = self._times[index] - self._times[index - 1]
        return self._statuses[index - 2] is not Status.OCCUPIED or gap > self._stale_after

    def _cut(self, count: int) -> None:
        if count > 0:
            del self._times[:count], self._statuses[:count]


class Bins:
    """Closes every machine's bins by the clock, and corrects them when a late word says so."""

    def __init__(
        self,
        machines: Mapping[str, float],
        grace: float,
        began: float,
        next_start: int | None,
        counted: float | None = None,
        reached: int = 0,
    ) -> None:
        """`machines` → its stale_after; `grace`: seconds a bin waits for patient verdicts.

        `next_start` continues an earlier process's bins; without one the first bin is that
        which holds the moment `began` (monotonic), once time is known. `counted`: up to there an
        earlier process of this boot has counted. `reached`: all bins before that one are stored.
        """
        self._timelines = {name: Timeline(stale) for name, stale in machines.items()}
        self._leaving: set[str] = set()
        self._earlier: list[tuple[str, float, Status]] = []
        self._laid_by: float | None = None
        self._grace = grace
        self._began = began if counted is None else counted
        self._next = next_start
        self._reached = max(next_start or 0, reached)  # all bins before this were closed once
        self._closed_at = -inf if counted is None else counted  # end of the last closed bin
        self._guess: float | None = None  # the offset by which bins were closed that may be wrong
        self._closed: dict[int, tuple[float, float, dict[str, Bin]]] = {}
        self._dirty: dict[str, float] = {}

    def follow(self, machines: Mapping[str, float], grace: float) -> None:
        """From now on these, as at the beginning; what was seen of others is closed first."""
        for name in machines.keys() - self._timelines.keys():
            self._timelines[name] = Timeline(machines[name])
        self._leaving = self._timelines.keys() - machines.keys()
        self._grace = grace

    @property
    def next_start(self) -> int | None:
        """The start of the oldest bin that is not closed yet (epoch seconds), once known."""
        return self._next

    def take(self, change: Change) -> None:
        """Lay a change on its machine's timeline.

        What was restored was unknown until then: nobody saw what happened meanwhile.
        """
        restored = change.cause is Cause.RESTORED
        self.apply(change.machine, change.decided if restored else change.at, change.status)

    def remember(self, machine: str, wall: float, status: Status) -> None:
        """What another boot said, in order (epoch seconds): laid in front once time is known."""
        if machine in self._timelines:
            self._earlier.append((machine, wall, status))

    def apply(self, machine: str, at: float, status: Status) -> None:
        """From `at` (monotonic) on, `machine` is `status`; closed bins are corrected by `close`."""
        timeline = self._timelines.get(machine)
        if timeline is None:
            return
        timeline.apply(at, status)
        if at < self._closed_at:
            self._dirty[machine] = min(at, self._dirty.get(machine, inf))

    def redate(self, now: float) -> None:
        """Time is known: what was closed by a guess is closed again where it belongs.

        Whole quarter hours since we began, as far back as timelines reach.
        """
        guess, self._guess = self._guess, None
        if guess is None:
            return
        start = next_bin(max(self._began, now - REACH) + guess)
        if self._next is None or self._next <= start:
            return
        self._next = self._reached = start
        self._closed_at = start - guess
        kept = {start: done for start, done in self._closed.items() if done[1] <= self._closed_at}
        self._closed = kept

    def close(self, now: float, offset: float, *, guessed: bool = False) -> list[Bin]:
        """The bins that are due at `now` (monotonic), corrections of older ones first.

        `guessed`: that is what time it is by a clock that may be corrected.
        """
        self._guess = offset if guessed else None
        self._lay_earlier(offset)
        bins = list(self._corrections())
        wall = now + offset
        start = self._continue_at(wall, offset)
        for _ in range(MAX_AT_ONCE):
            if wall < start + BIN_SECONDS + self._grace:
                break
            bins += self._close_one(start, offset)
            start += BIN_SECONDS
        self._next = start
        self._reached = max(self._reached, start)
        self._finish(now)
        return bins

    def open(self, machine: str, now: float, offset: float) -> list[Bin]:
        """The bins of `machine` that are not closed yet, the last one as of `now`."""
        self._lay_earlier(offset)
        bins = []
        wall = now + offset
        first = self._continue_at(wall, offset)
        for start in range(first, int(wall) + 1, BIN_SECONDS)[-MAX_AT_ONCE:]:
            begin, end = self._span(start, offset)
            done = self._timelines[machine].measure(begin, min(end, now))
            bins.append(Bin(machine, start, *done, open=start + BIN_SECONDS > wall))
        return bins

    def forget(self, now: float) -> None:
        """Corrections reach back a day, timelines two: what is older is final."""
        self._finish(now)
        if now - self._began > REACH / 2:
            self._earlier = []
        for timeline in self._timelines.values():
            timeline.forget(now - REACH)

    def _finish(self, now: float) -> None:
        """What ended more than a day ago is corrected no more."""
        for start in [s for s, (_, end, _) in self._closed.items() if end < now - REACH / 2]:
            del self._closed[start]

    def _lay_earlier(self, offset: float) -> None:
        """Time is known now: what another boot stored has its place.

        Unless its clock had run ahead: when that was, and what was since, nobody knows. When our
        clock is put right, that place is another one.
        """
        earlier, laid = self._earlier, self._laid_by
        if not earlier or (laid is not None and abs(offset - laid) < SLEWED):
            return
        self._laid_by = offset
        points: dict[str, list[tuple[float, Status]]] = {}
        known = [one for one in earlier if one[1] - offset <= self._began]
        if len(known) < len(earlier):
            last = max((wall for _, wall, _ in known), default=0.0)
            known += [(machine, last, Status.UNKNOWN) for machine in self._timelines]
        for machine, wall, status in known:
            points.setdefault(machine, []).append((wall - offset, status))
        for machine, said in points.items():
            if machine in self._timelines:
                self._timelines[machine].precede(said, None if laid is None else self._began)

    def _continue_at(self, wall: float, offset: float) -> int:
        """Where the last one ended; or before, where a clock that ran ahead was put back.

        Then from the first quarter hour on of which nothing is counted yet: what is stored of it
        was written by a wrong clock.
        """
        if self._next is None:
            return bin_of(self._began + offset)
        again = next_bin(self._counted_until() + offset)
        return max(min(self._next, again), bin_of(wall) - MAX_GAP)

    def _counted_until(self) -> float:
        return max(self._closed_at, self._began)

    def _span(self, start: int, offset: float) -> tuple[float, float]:
        """A bin's place on the timelines; no moment counts twice when the wall steps forward."""
        begin = max(start - offset, self._closed_at)
        return begin, max(begin, start + BIN_SECONDS - offset)

    def _close_one(self, start: int, offset: float) -> Iterable[Bin]:
        """Of what was closed before, whole quarter hours alone are closed again."""
        if start < self._reached and start - offset < self._counted_until() - SLEWED:
            return ()
        begin, end = self._span(start, offset)
        bins = {name: Bin(name, start, *t.measure(begin, end)) for name, t in self._lines()}
        if begin < end:  # no late word can correct the others: a leap of years must not be kept
            self._closed[start] = (begin, end, bins)
        self._closed_at = end
        for name in [name for name in self._leaving if not bins[name].observed]:
            self._leaving.discard(name)
            del self._timelines[name], bins[name]
            self._dirty.pop(name, None)
        return bins.values()

    def _lines(self) -> Iterable[tuple[str, Timeline]]:
        return self._timelines.items()

    def _corrections(self) -> Iterable[Bin]:
        dirty, self._dirty = self._dirty, {}
        for start, (begin, end, bins) in self._closed.items():
            late = [name for name, since in dirty.items() if since < end]
            for name in bins.keys() & late & self._timelines.keys():
                old = bins[name]
                done = self._timelines[name].measure(begin, end)
                if done != (old.occupied, old.observed, old.sessions):
                    bins[name] = Bin(name, start, *done, revision=old.revision + 1)
                    yield bins[name]


def next_bin(wall: float) -> int:
    """The start of the first bin of which (nearly) nothing is over at this moment."""
    return bin_of(wall + BIN_SECONDS - 1 - SLEWED)


def bin_of(wall: float) -> int:
    """The start of the bin that holds this moment (epoch seconds)."""
    return int(wall // BIN_SECONDS) * BIN_SECONDS
