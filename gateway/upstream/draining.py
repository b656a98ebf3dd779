"""The slow lane: what waits, oldest first, at a budget; a row goes when it is acknowledged."""

import asyncio
import time
from collections.abc import Sequence
from random import uniform

from gateway.chain import MOST_ROWS, bins_of, encode
from gateway.store.outbox import Key, Waiting
from gateway.upstream.line import Line
from gateway.upstream.outbox import Outbox

IN_FLIGHT = 8  # messages unacknowledged: 180 KiB; at 10 a second an answer may take 0.8 s
ROW, HEAD = 130, 200  # bytes of a row, its machine's name included, and of the rest, at most
SPREAD = 20  # messages' time over which branches spread that begin together: 10 s at 2 a second
AFTER_REFUSAL = 30.0  # seconds: an ACL is mended by a person


class Draining:
    """`rate`: messages a second; each holds up to 500 rows."""

    def __init__(self, gym: str, line: Line, outbox: Outbox, rate: float) -> None:
        self._gym = gym
        self._line = line
        self._outbox = outbox
        self.rate = rate
        self._rung = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()
        self._under_way: set[Key] = set()
        self._after: Key | None = None
        self._refused_until = 0.0
        outbox.wake = self.ring

    @property
    def in_flight(self) -> int:
        """Messages that wait for their acknowledgement."""
        return len(self._sending)

    def ring(self) -> None:
        """Rows were put into the outbox, perhaps before the place that was reached."""
        self._after = None
        self._rung.set()

    async def run(self, current: asyncio.Event) -> None:
        """As long as one connection lasts; nothing goes before the live summary is `current`."""
        self._under_way.clear()
        self._after = None
        try:
            await current.wait()
            await self._begin_anew()
            while True:
                await self._round()
        finally:
            for task in self._sending:
                task.cancel()
            await asyncio.gather(*self._sending, return_exceptions=True)
            self._sending.clear()

    async def _begin_anew(self) -> None:
        """Others begin in the same moment: a quarter hour ends, or the centre is back."""
        await asyncio.sleep(uniform(0, SPREAD / self.rate))  # noqa: S311  it keeps no secret
        self._next_at = time.monotonic()

    async def _round(self) -> None:
        await asyncio.sleep(self._refused_until - time.monotonic())
        self._rung.clear()
        batch = await self._take()
        if not batch:
            await self._rung.wait()
            if not self._sending:
                await self._begin_anew()
            return
        self._send(batch)
        while len(self._sending) >= IN_FLIGHT:
            await asyncio.wait(self._sending, return_when=asyncio.FIRST_COMPLETED)
        await self._keep_to_the_budget()

    async def _take(self) -> list[Waiting]:
        """The next rows that are not under way."""
        most = max(1, min(MOST_ROWS, (self._line.largest - HEAD) // ROW))
        after, self._after = self._after, Key(0, 0, 0)
        found = await self._outbox.take(after, most + len(self._under_way))
        batch = [one for one in found if one.key not in self._under_way][:most]
        if self._after is not None:  # else somebody rang meanwhile
            self._after = batch[-1].key if batch else after
        return batch

    def _send(self, batch: list[Waiting]) -> None:
        self._under_way.update(one.key for one in batch)
        task = asyncio.create_task(self._deliver(batch))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _deliver(self, batch: Sequence[Waiting]) -> None:
        payload = encode(bins_of(self._gym, [one.row for one in batch]))
        try:
            await self._line.send(f"gyms/{self._gym}/bins", payload)
            corrected = await self._outbox.settle(batch) < len(batch)
        except ConnectionError:
            return  # the line ends us; what is in the table is sent again by the next
        except PermissionError:
            self._refused_until = time.monotonic() + AFTER_REFUSAL
            corrected = True
        finally:
            self._under_way.difference_update(one.key for one in batch)
        if corrected:
            self.ring()  # what was passed over while it was under way

    async def _keep_to_the_budget(self) -> None:
        """A pause of its own length each time, so that many do not march in step."""
        pause = uniform(0.5, 1.5) / self.rate  # noqa: S311  as above
        self._next_at = max(self._next_at + pause, time.monotonic(), self._refused_until)
        await asyncio.sleep(self._next_at - time.monotonic())
