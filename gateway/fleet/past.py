"""The slow lane of a made-up branch: closed bins, oldest first, their proofs, and what is asked."""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import date
from random import Random

from gateway.chain import MOST_ROWS, ChainError, Request, bins_of, decode, encode
from gateway.core.digests import DAY, HOUR, Row
from gateway.fleet.figures import (
    QUARTER,
    Hours,
    before_correction,
    day_name,
    digest_of,
    hour_at,
    rows_at,
)
from gateway.fleet.play import Pace, Plan, Send, Tally

SPREAD = 10.0  # real seconds over which branches spread that close a bin in the same moment
ANSWERED_EVERY = 3600.0  # real seconds between two answers about one day
MOST_ASKED = 100  # requests that wait: all days that a hub may ask for; more are refused
EPOCH = date(1970, 1, 1).toordinal()


class Past:
    """One message is under way at a time; what was not acknowledged goes again."""

    def __init__(self, gym: str, plan: Plan, pace: Pace, send: Send, tally: Tally) -> None:
        self._gym = gym
        self._plan = plan
        self._pace = pace
        self._send = send
        self._tally = tally
        self._next = plan.first
        self._unproven: tuple[int, int] | None = None  # a day, and until where it is to be proven
        self._proofs: dict[int, tuple[int, str]] = {}  # of the newest day's hours
        self._asked: deque[Request] = deque()
        self._rung = asyncio.Event()
        self._answered: dict[str, float] = {}  # day → real seconds; of at most MOST_ASKED days
        spread = min(SPREAD, QUARTER / pace.speed / 2)
        self._late = Random(f"{plan.seed}/{gym}").random() * spread  # noqa: S311  keeps no secret
        self.done = asyncio.Event()
        """All bins of the plan are acknowledged, and proven."""

    @property
    def is_behind(self) -> bool:
        """Whether bins wait that were closed before the play began."""
        return self._next + QUARTER <= self._pace.begin

    async def run(self, current: asyncio.Event) -> None:
        """As long as one connection lasts; nothing goes before the live summary is `current`."""
        await current.wait()
        while not self.done.is_set():
            if self._unproven is not None:
                await self._prove(*self._unproven)
                self._unproven = None
            if self._next == self._plan.end:
                self.done.set()
                return
            if self._pace.now() < self._next + QUARTER:
                await self._pace.until(self._next + QUARTER)
                await asyncio.sleep(self._late)
            await self._send_the_next()

    async def answer(self) -> None:
        """What is asked for goes again; as long as one connection lasts."""
        while True:
            await self._rung.wait()
            asked = self._asked[0]
            day = _start_of(asked.day)
            for hour in asked.hours:
                await self._send_rows(self._rows(day + hour * HOUR, day + (hour + 1) * HOUR))
            await self._prove(day, self._next)
            self._asked.popleft()
            if not self._asked:
                self._rung.clear()

    def hear(self, payload: bytes) -> None:
        """A request of the hub: each day is answered once an hour."""
        self._tally.requests += 1
        try:
            asked = decode(Request, payload, self._gym)
            wanted = _start_of(asked.day) < self._next and self._may_answer(asked.day)
        except (ChainError, ValueError):
            wanted = False
        if not wanted:
            self._tally.refused += 1
            return
        self._asked.append(asked)
        self._rung.set()

    def _may_answer(self, day: str) -> bool:
        """Note that it is answered now; the oldest such note goes when there are too many."""
        played = self._pace.played()
        last = self._answered.get(day)
        too_soon = last is not None and played - last < ANSWERED_EVERY
        if too_soon or len(self._asked) >= MOST_ASKED:
            return False
        self._answered.pop(day, None)
        if len(self._answered) >= MOST_ASKED:
            del self._answered[next(iter(self._answered))]
        self._answered[day] = played
        return True

    async def _send_the_next(self) -> None:
        """As many closed quarters as fit into a message; none reaches into the next day."""
        start, midnight = self._next, self._next // DAY * DAY + DAY
        most = start + max(1, MOST_ROWS // len(self._plan.machines)) * QUARTER
        closed = self._closed()
        until = min(closed, most, midnight, self._plan.end or closed)
        rows = self._rows(start, until)
        await self._send_rows([before_correction(row) for row in rows])
        await self._send_rows([row for row in rows if row.revision])
        self._next = until
        if until in {midnight, self._plan.end} or (until % HOUR == 0 and until >= closed):
            self._unproven = midnight - DAY, until

    def _rows(self, start: int, until: int) -> list[Row]:
        """All of that time that are closed and within the plan."""
        starts = range(max(start, self._plan.first), min(until, self._closed()), QUARTER)
        seed, machines = self._plan.seed, self._plan.machines
        return [row for at in starts for row in rows_at(seed, self._gym, machines, at)]

    def _closed(self) -> int:
        """Until where bins are closed (epoch seconds)."""
        return int(self._pace.now()) // QUARTER * QUARTER

    async def _send_rows(self, rows: Sequence[Row]) -> None:
        for at in range(0, len(rows), MOST_ROWS):
            some = rows[at : at + MOST_ROWS]
            await self._send(f"gyms/{self._gym}/bins", encode(bins_of(self._gym, some)))
            self._tally.messages["bins"] += 1
            self._tally.bins += len(some)

    async def _prove(self, day: int, until: int) -> None:
        """Tell the digest of the day's hours that are over at `until`."""
        hours: Hours = tuple(self._hour(at, until) for at in range(day, day + DAY, HOUR))
        told = digest_of(self._gym, day, self._pace.wall(), hours)
        await self._send(f"gyms/{self._gym}/digest/{day_name(day)}", encode(told), retain=True)
        self._tally.messages["digest"] += 1

    def _hour(self, at: int, until: int) -> tuple[int, str] | None:
        if at < self._plan.first or at + HOUR > until:
            return None
        found = self._proofs.get(at)
        if found is None:
            found = hour_at(self._plan.seed, self._gym, self._plan.machines, at)
            kept = {hour: one for hour, one in self._proofs.items() if hour // DAY == at // DAY}
            self._proofs = kept | {at: found}
        return found


def _start_of(day: str) -> int:
    """Epoch seconds. ValueError: there is no such day."""
    return (date.fromisoformat(day).toordinal() - EPOCH) * DAY
