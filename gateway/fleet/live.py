"""The fast lane of a made-up branch: who it is, and how its machines stand."""

import asyncio
from collections import Counter, deque

from gateway.chain import Counted, Summary, encode
from gateway.core.events import Cause, Status
from gateway.fleet.figures import CATEGORIES, QUARTER, branch_of, category_of, use_of
from gateway.fleet.play import Pace, Plan, Send, Tally

AT_MOST_EVERY = 1.0  # real seconds between two summaries, as a real branch keeps them
AT_LEAST_EVERY = 60.0  # as above
FREE, OCCUPIED, SEEN = Status.FREE.value, Status.OCCUPIED.value, Cause.OBSERVED.value


class Live:
    """Tells a summary whenever somebody came or left; what happens meanwhile goes with the next."""

    def __init__(self, gym: str, plan: Plan, pace: Pace, send: Send, tally: Tally) -> None:
        self._gym = gym
        self._plan = plan
        self._pace = pace
        self._send = send
        self._tally = tally
        self._epoch = f"{int(pace.begin)}"
        self._seq = 0
        self._standing: dict[str, tuple[str, float | None, str | None]] = dict.fromkeys(
            plan.machines, (FREE, None, SEEN)
        )
        self._quarter = int(pace.begin) // QUARTER * QUARTER
        self._ahead = self._moves(self._quarter)
        self.current = asyncio.Event()
        """The broker has a summary of this connection: what is old may follow."""

    async def run(self) -> None:
        """As long as one connection lasts."""
        self.current.clear()
        described = branch_of(self._gym, self._plan.machines)
        await asyncio.gather(
            self._tell("branch", encode(described)),  # first: a hub listens to whom it knows
            self._tell("gateway", b"online"),
            self._tell("summary", encode(self._summary())),
        )
        self.current.set()
        while True:
            await asyncio.sleep(AT_MOST_EVERY)
            await self._until_a_move()
            await self._tell("summary", encode(self._summary()))

    async def _tell(self, kind: str, payload: bytes) -> None:
        await self._send(f"gyms/{self._gym}/{kind}", payload, retain=True)
        self._tally.messages[kind] += 1

    async def _until_a_move(self) -> None:
        at = self._ahead[0][0] if self._ahead else float(self._quarter + QUARTER)
        latest = self._pace.now() + AT_LEAST_EVERY * self._pace.speed
        await self._pace.until(min(at, latest))

    def _summary(self) -> Summary:
        """How the machines stand now; each move gets its number."""
        self._move()
        counted: Counter[tuple[str, str]] = Counter(
            (category_of(number), self._standing[machine][0])
            for number, machine in enumerate(self._plan.machines)
        )
        return Summary(
            gym_id=self._gym,
            epoch=self._epoch,
            seq=self._seq,
            as_of=self._pace.wall(),
            open=True,
            machines=self._standing,
            categories=tuple(_counted(word, counted) for word in CATEGORIES),
        )

    def _move(self) -> None:
        now = self._pace.now()
        while now >= self._quarter + QUARTER or (self._ahead and self._ahead[0][0] <= now):
            if not self._ahead:
                self._quarter = int(now) // QUARTER * QUARTER
                self._ahead = self._moves(self._quarter)
                continue
            at, machine, status = self._ahead.popleft()
            if self._standing[machine][0] != status:
                self._seq += 1
                self._standing[machine] = (status, self._pace.ours(at), SEEN)

    def _moves(self, quarter: int) -> deque[tuple[float, str, str]]:
        """(when, machine, its status from then on) of a quarter hour, in order."""
        moves = []
        for machine in self._plan.machines:
            came, left, *_ = use_of(self._plan.seed, self._gym, machine, quarter)
            if left > came:
                moves.append((quarter + came / 10, machine, OCCUPIED))
                moves.append((quarter + left / 10, machine, FREE))
        return deque(sorted(moves))


def _counted(category: str, counted: Counter[tuple[str, str]]) -> Counted:
    free, occupied = counted[category, FREE], counted[category, OCCUPIED]
    return Counted(
        category=category,
        name=category.title(),
        total=free + occupied,
        free=free,
        occupied=occupied,
        unknown=0,
        out_of_service=0,
    )
