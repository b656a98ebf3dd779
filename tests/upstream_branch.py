"""A branch's history, ledger and all that stands between them and the chain's broker."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gateway.core.bins import Bin
from gateway.core.digests import DAY
from gateway.ports.upstream_link import Login, UpstreamLink
from gateway.store import outbox, schema
from gateway.upstream.copying import Copying
from gateway.upstream.draining import Draining
from gateway.upstream.outbox import Outbox
from gateway.upstream.proving import Proving
from tests.stored import Written

T = TypeVar("T")
DAY_0 = 20_400  # 2025-11-08
START = DAY_0 * DAY
MANY = 4_000_000  # bytes


class Clock:
    offset = 0.0
    synchronised = True
    assumed = False
    now = float(START + 2 * DAY)

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


def hour(start: int = START, machines: int = 3, occupied: float = 300.0) -> list[Bin]:
    starts = range(start, start + 3600, 900)
    return [Bin(f"m{m}", at, occupied + m, 900.0, 1) for at in starts for m in range(machines)]


class Branch:
    """History, ledger and all that stands between them and the broker's url."""

    def __init__(self, folder: Path, store: Written, *, max_bytes: int = MANY) -> None:
        self.store, self.clock = store, Clock()
        self.ledger = schema.open_to_write(folder / "ledger.db", schema.ledger)
        self.outbox = Outbox(self.write, self.clock, max_bytes, 90)
        self.copying = Copying(self.read, self.outbox)
        self.current = asyncio.Event()
        self.current.set()
        self._tasks: list[asyncio.Task[None]] = []

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return work(self.store.conn)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self.ledger.execute("BEGIN IMMEDIATE")
        result = work(self.ledger)
        self.ledger.execute("COMMIT")
        return result

    async def copy(self) -> None:
        """Whatever the history has that was not copied."""
        await self.copying.load()
        while await self.copying._copy():
            pass

    def waiting(self) -> list[Bin]:
        found = outbox.take(self.ledger, None, 100_000)
        return [
            Bin(r.machine, r.start, r.occupied / 10, r.observed / 10, r.sessions, r.revision)
            for _, r in found
        ]

    def connect(self, url: str) -> None:
        """Drain and prove as long as there is a line."""
        self.link = UpstreamLink("gym-g", Login(url), ("gyms/g/gateway", b"offline"), self._hear)
        self.draining = Draining("g", self.link, self.outbox, 1000.0)
        self.proving = Proving("g", self.read, self.write, self.link, self.outbox, self.clock)
        self.outbox.settled = self.proving.ring
        self._tasks.append(asyncio.create_task(self.link.run(self._serve)))

    async def _serve(self) -> None:
        self.link.subscribe([("gyms/g/request", 1)])
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.draining.run(self.current))
                tasks.create_task(self.proving.run())
        except* ConnectionError:
            pass

    def _hear(self, _topic: str, payload: bytes) -> None:
        self._tasks.append(asyncio.create_task(self.proving.hear(payload)))

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.ledger.close()
