"""The outbox: what the chain has not acknowledged, bounded by bytes and by age."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from gateway.core.clock import Clock
from gateway.core.digests import DAY, Row
from gateway.core.events import Cursor
from gateway.store import outbox, proofs
from gateway.store.outbox import ROW_BYTES, Key, Waiting
from gateway.store.proofs import Notes
from gateway.upstream.line import Run

MOST_STEPS = 2  # days merged in a transaction: 100 machines' take 20 ms each of the writer's time
AHEAD = 2 * DAY  # seconds by which bins may outrun the time that has passed; a clock may jump
TOO_OLD = "not sent within {} days: the line was down for longer"


class Bounds(NamedTuple):
    """How much waits at most."""

    rows: int
    days: int


class Change(NamedTuple):
    """What a transaction made of the outbox."""

    rows: int
    """More of them, or fewer."""
    merged: int
    dropped: int
    declared: int
    oldest: int | None


class Outbox:
    """Counts what is in the table, so that nobody has to; wakes who sends."""

    def __init__(self, write: Run, clock: Clock, max_bytes: int, keep_days: int) -> None:
        """`write` into the ledger; `keep_days`: what is older is not sent any more."""
        self._write = write
        self._clock = clock
        self.follow(max_bytes, keep_days)
        self._newest = self._passed = 0
        self._loaded_at = clock.monotonic()
        self.rows = 0
        self.oldest: int | None = None
        """The start of the oldest row (epoch seconds)."""
        self._acknowledged_at: float | None = None  # monotonic
        self.noted: dict[str, int] = {}
        """acknowledged, merged, dropped, declared: since the file was made."""
        self.wake: Callable[[], None] = lambda: None
        """There is something to send."""
        self.settled: Callable[[], None] = lambda: None
        """Something was acknowledged."""

    def follow(self, max_bytes: int, keep_days: int) -> None:
        """These bounds from now on."""
        self._bounds = Bounds(max_bytes // ROW_BYTES, keep_days)

    @property
    def bytes(self) -> int:
        """What the rows take in the file, nearly."""
        return self.rows * ROW_BYTES

    @property
    def last_acknowledged(self) -> float | None:
        """Epoch seconds, by the clock as it is now."""
        at = self._acknowledged_at
        return None if at is None else at + self._clock.offset

    @property
    def keep_days(self) -> int:
        """Days that are sent and proven."""
        return self._bounds.days

    @property
    def last_day(self) -> int:
        """The newest UTC day of which there are bins."""
        return self._newest // DAY

    @property
    def newest_day(self) -> int:
        """The newest UTC day that is proven: of the future nothing is."""
        clock = self._clock
        return (int(clock.wall()) + AHEAD) // DAY if clock.synchronised else self.last_day

    @property
    def first_day(self) -> int:
        """The oldest UTC day that is sent and proven: a clock that jumps makes nothing old."""
        return self._now() // DAY - self._bounds.days

    def _now(self) -> int:
        """The start of the newest bin, as far as that much time has passed since we loaded."""
        passed = int(self._clock.monotonic() - self._loaded_at)
        return min(self._newest, self._passed + passed + AHEAD)

    async def load(self, reached: int) -> Cursor | None:
        """Go on as the ledger says; how far the history was copied.

        `reached`: the start of the history's bin that was stored last (epoch seconds); what lies
        ahead of a clock that is right is of one that was not.
        """
        clock = self._clock
        ahead = int(clock.wall()) + AHEAD if clock.synchronised else reached
        self._newest = self._passed = min(reached, ahead)
        self._loaded_at = clock.monotonic()
        self.rows, self.oldest, self.noted, cursor = await self._write(_load)
        return cursor

    async def cover(self, oldest_day: int | None, *, anew: bool) -> None:
        """All days from the history's oldest on are to be proven; `anew`: told ones too."""
        first = self.first_day if oldest_day is None else max(oldest_day, self.first_day)
        days = range(first, self.last_day + 1)
        mark = proofs.stain if anew else proofs.cover
        await self._write(lambda conn: mark(conn, days))

    async def put(self, rows: Sequence[Row], to: Cursor) -> None:
        """Queue what was copied up to there."""
        self._newest = max(self._newest, *(row.start for row in rows), 0)
        self._passed = self._passed or self._newest
        await self._change(partial(_copied, rows, to))

    async def answer(self, day: int, rows: Sequence[Row], notes: Notes, lost: int) -> None:
        """Queue a day's rows again, as asked; `lost` bins are declared for the first time."""
        work = partial(_answered, day, rows, notes, self._clock.wall(), lost)
        await self._change(work)
        self._count(declared=lost)

    async def take(self, after: Key | None, limit: int) -> list[Waiting]:
        """The next rows behind that place."""
        return await self._write(lambda conn: outbox.take(conn, after, limit))

    async def settle(self, sent: Sequence[Waiting]) -> int:
        """They are acknowledged; how many went: what was corrected meanwhile waits still."""
        gone, self.oldest = await self._write(partial(_settle, sent))
        self.rows -= gone
        self._acknowledged_at = self._clock.monotonic()
        self._count(acknowledged=gone)
        self.settled()
        return gone

    async def _change(self, work: Callable[[sqlite3.Connection], int]) -> None:
        """A transaction; where it leaves too much, others follow until there is room."""
        made = await self._within_bounds(work)
        while self.rows > self._bounds.rows and made.merged + made.dropped:
            made = await self._within_bounds(lambda _conn: 0)
        self.wake()

    async def _within_bounds(self, work: Callable[[sqlite3.Connection], int]) -> Change:
        bounds, newest, waited = self._bounds, self._now(), self.rows
        now = int(self._clock.wall())

        def change(conn: sqlite3.Connection) -> Change:
            return _kept_within(conn, waited, work(conn), bounds, newest, now)

        made = await self._write(change)
        self.rows += made.rows
        self.oldest = made.oldest
        self._count(merged=made.merged, dropped=made.dropped, declared=made.declared)
        return made

    def _count(self, **counts: int) -> None:
        for name, count in counts.items():
            self.noted[name] = self.noted.get(name, 0) + count


def _load(conn: sqlite3.Connection) -> tuple[int, int | None, dict[str, int], Cursor | None]:
    return outbox.size(conn), outbox.oldest(conn), outbox.noted(conn), outbox.cursor(conn)


def _settle(sent: Iterable[Waiting], conn: sqlite3.Connection) -> tuple[int, int | None]:
    return outbox.remove(conn, sent), outbox.oldest(conn)


def _copied(rows: Sequence[Row], to: Cursor, conn: sqlite3.Connection) -> int:
    new = outbox.put(conn, rows)
    proofs.stain(conn, sorted({row.start // DAY for row in rows}))
    outbox.advance(conn, to)
    return new


def _answered(
    day: int, rows: Sequence[Row], notes: Notes, at: float, lost: int, conn: sqlite3.Connection
) -> int:
    proofs.answer(conn, day, notes, at)
    outbox.note(conn, declared=lost)
    return outbox.put(conn, rows)


def _kept_within(
    conn: sqlite3.Connection, waited: int, new: int, bounds: Bounds, newest: int, now: int
) -> Change:
    """Too old goes first, and is declared; then the oldest is merged, and only then dropped."""
    dropped, declared = _drop_old(conn, (newest // DAY - bounds.days) * DAY, bounds.days)
    merged, rows = 0, waited + new - dropped
    for _ in range(MOST_STEPS):
        if rows <= bounds.rows:
            break
        step = outbox.make_room(conn, newest, now)  # a later merge has a later second
        rows += step.made - step.merged - step.dropped
        merged, dropped = merged + step.merged, dropped + step.dropped
    return Change(rows - waited, merged, dropped, declared, outbox.oldest(conn))


def _drop_old(conn: sqlite3.Connection, before: int, days: int) -> tuple[int, int]:
    """(rows dropped, bins declared)."""
    oldest = outbox.oldest(conn)
    if oldest is None or oldest >= before:
        return 0, 0
    lost = outbox.hours_before(conn, before)
    proofs.lose(conn, lost, TOO_OLD.format(days))
    declared = sum(lost.values())
    outbox.note(conn, declared=declared)
    return outbox.drop(conn, before), declared
