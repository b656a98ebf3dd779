"""All branches of a made-up chain, played side by side until the play is over."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from gateway.fleet.live import Live
from gateway.fleet.past import Past
from gateway.fleet.play import Pace, Plan, Send, Tally

LOOK_EVERY = 0.2  # seconds
STALLED = 60.0  # seconds without an acknowledgement after the play, then what is owed stays so

Lanes = Sequence[Callable[[], Awaitable[None]]]
"""What runs as long as a branch is connected."""
Connect = Callable[[Lanes], Awaitable[None]]
"""Connects a branch for ever, and runs its lanes."""


class FleetBranch:
    """One branch: its two lanes and its answers."""

    def __init__(self, gym: str, plan: Plan, pace: Pace, send: Send, tally: Tally) -> None:
        self.past = Past(gym, plan, pace, send, tally)
        live = Live(gym, plan, pace, send, tally)
        self.lanes: Lanes = (live.run, lambda: self.past.run(live.current), self.past.answer)


class Fleet:
    """Plays until all that the plan has is acknowledged; for ever where it has no end."""

    def __init__(
        self,
        branches: Sequence[tuple[FleetBranch, Connect]],
        pace: Pace,
        seconds: float | None,
        tally: Tally,
    ) -> None:
        self._branches = branches
        self._pace = pace
        self._seconds = seconds
        self._tally = tally

    @property
    def is_complete(self) -> bool:
        """Whether every bin of the plan is acknowledged."""
        return all(branch.past.done.is_set() for branch, _ in self._branches)

    async def run(self) -> None:
        """Until the play is over, or cancelled; every branch says goodbye."""
        playing = [
            asyncio.ensure_future(connect(branch.lanes)) for branch, connect in self._branches
        ]
        over = asyncio.create_task(self._until_the_end())
        try:
            await asyncio.wait((over, *playing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (over, *playing):
                task.cancel()
            for ended in await asyncio.gather(over, *playing, return_exceptions=True):
                if isinstance(ended, Exception):
                    raise ended

    async def _until_the_end(self) -> None:
        acknowledged, moved = 0, self._pace.played()
        while True:
            await asyncio.sleep(LOOK_EVERY)
            self._note_arrears()
            if self._tally.total != acknowledged:
                acknowledged, moved = self._tally.total, self._pace.played()
            played = self._pace.played()
            if self._seconds is None or played < self._seconds:
                continue
            if self.is_complete or played - max(moved, self._seconds) > STALLED:
                return

    def _note_arrears(self) -> None:
        tally = self._tally
        if tally.current_after is None and not any(one.past.is_behind for one, _ in self._branches):
            tally.current_after, tally.bins_until_then = self._pace.played(), tally.bins
