"""The proof: a digest for each UTC day, and what the hub finds missing sent again or declared."""

import asyncio
import sqlite3
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import date
from functools import partial
from typing import NamedTuple

from gateway.bridge import BusyError
from gateway.chain import ChainError, Digest, Lost, Request, decode, encode
from gateway.core.bins import Bin
from gateway.core.clock import Clock
from gateway.core.digests import DAY, HOUR, Row, hour_digest, row_of
from gateway.store import bins, outbox, proofs
from gateway.store.proofs import Notes, Proof
from gateway.upstream.line import Line, Run
from gateway.upstream.outbox import TOO_OLD, Outbox

TOLD_EVERY = 60.0  # seconds at least between two digests of a day
ANSWERED_EVERY = 3600.0  # seconds at least between two answers about a day
AGAIN_AT_ONCE = 2  # unchanged digests told in one look: 500 branches may start together
LOOKS_EVERY = 1.0  # seconds at least between two looks at what is due
AFTER_REFUSAL = 30.0  # seconds: an ACL is mended by a person
MOST_TRIES = (
    8  # answers that changed nothing, three days by the hub's pauses: what a broker swallows
)
# for hours is no proof; then what the chain holds cannot be mended
HOURS = range(24)
EPOCH = date(1970, 1, 1).toordinal()
PURGED = "purged from the branch's history"
NOTHING = "the branch's history has nothing of this hour"
SETTLED = "sent again {} times to no effect: the chain holds another version of these revisions"

Hours = tuple[tuple[int, str] | None, ...]
NO_HOURS: Hours = (None,) * len(HOURS)


class Answer(NamedTuple):
    """What is sent again of a day, and what is declared."""

    rows: list[Row]
    notes: Notes
    declared: int


class Proving:
    """Digests are told once all that they prove is acknowledged."""

    def __init__(
        self, gym: str, read: Run, write: Run, line: Line, outbox: Outbox, clock: Clock
    ) -> None:
        """`read` on the history, `write` into the ledger."""
        self._gym = gym
        self._read = read
        self._write = write
        self._line = line
        self._outbox = outbox
        self._clock = clock
        self._rung = asyncio.Event()
        self._told_at: dict[int, float] = {}  # day → monotonic; of at most keep_days of them
        self._said: set[int] = set()  # days whose digest this process has told
        self.refused = 0
        """Requests that could not be read."""

    def ring(self) -> None:
        """Something was acknowledged, or asked for."""
        self._rung.set()

    async def hear(self, payload: bytes) -> None:
        """A request of the hub."""
        try:
            asked = decode(Request, payload, self._gym)
            day = day_of(asked.day)
        except (ChainError, ValueError):
            self.refused += 1
            return
        if day <= self._outbox.last_day:
            await self.ask(day, asked.hours)

    async def ask(self, day: int, hours: Collection[int], *, at_once: bool = False) -> None:
        """Hours of a day are wanted again; `at_once`: somebody here says so."""

        def note(conn: sqlite3.Connection) -> int:
            new = proofs.ask(conn, day, hours)
            if new:
                outbox.note(conn, asked=new)
            return new

        new = await self._write(note)
        self._outbox.noted["asked"] = self._outbox.noted.get("asked", 0) + new
        if at_once:
            await self._answer(await self._write(lambda conn: proofs.read(conn, day)))
        self.ring()

    async def resend(self, day: int, hours: Collection[int]) -> None:
        """Somebody here wants it: what was settled is not so any more."""
        await self._write(lambda conn: proofs.try_anew(conn, day, hours))
        await self.ask(day, hours, at_once=True)

    async def run(self) -> None:
        """As long as one connection lasts; its broker may have forgotten what was told last."""
        last = self._outbox.last_day
        self._said -= {last - 1, last}
        while True:
            self._rung.clear()
            try:
                later = min(await self._answer_all(), await self._tell_all())
            except PermissionError:  # the line says which topic and what to do
                later = AFTER_REFUSAL
            except BusyError:
                later = LOOKS_EVERY
            await asyncio.sleep(LOOKS_EVERY)
            with suppress(TimeoutError):
                async with asyncio.timeout(later):
                    await self._rung.wait()

    # --- what is asked for ------------------------------------------------------------------------

    async def _answer_all(self) -> float:
        """Seconds until the next answer may be given."""
        later = ANSWERED_EVERY
        for proof in await self._write(proofs.asked):
            waited = self._clock.wall() - proof.answered
            if 0 <= waited < ANSWERED_EVERY:
                later = min(later, ANSWERED_EVERY - waited)
            else:
                await self._answer(proof)
        return later

    async def _answer(self, proof: Proof) -> None:
        if proof.day < self._outbox.first_day:
            answer = _too_old(proof, self._outbox.keep_days)
        else:
            answer = await self._read(partial(_answer, self._gym, proof))
        await self._outbox.answer(proof.day, answer.rows, answer.notes, answer.declared)

    # --- what is told -----------------------------------------------------------------------------

    async def _tell_all(self) -> float:
        """Seconds until the next digest may be told."""
        later, now = ANSWERED_EVERY, self._clock.monotonic()
        if not self._clock.synchronised:  # the hub takes the digest with the newest date
            return TOLD_EVERY
        oldest, newest, again = self._outbox.first_day, self._outbox.newest_day, 0
        for day in await self._write(partial(proofs.told_after, day=newest)):
            await self._line.send(self._topic(day), b"", retain=True)  # by a clock that ran ahead
            await self._write(partial(proofs.take_back, day=day))
        for day, stale in (await self._write(partial(_due, self._said, oldest, newest))).items():
            wait = self._told_at.get(day, -TOLD_EVERY) + TOLD_EVERY - now
            if day < oldest:
                await self._clear(day)
            elif wait > 0:
                later = min(later, wait)
            elif not stale and again >= AGAIN_AT_ONCE:
                later = 0.0
            else:
                again += not stale
                await self._tell(day, stale)
        return later

    async def _tell(self, day: int, stale: int) -> None:
        proof = await self._write(lambda conn: proofs.read(conn, day))
        made = proof.told
        if stale or made is None or _said(self._gym, proof) is None:
            make = partial(_digest, self._gym, day, proof.notes, self._clock.wall())
            made = await self._read(make)
        await self._line.send(self._topic(day), made, retain=True)
        self._told_at[day] = self._clock.monotonic()
        self._said.add(day)
        await self._write(lambda conn: proofs.told(conn, day, made, stale))

    async def _clear(self, day: int) -> None:
        """Too old to be proven; what was lost of it is said once, for who listens now."""
        proof = await self._write(lambda conn: proofs.read(conn, day))
        if proof.notes.lost:
            digest = made_of(self._gym, day, proof.notes, self._clock.wall(), NO_HOURS)
            await self._line.send(self._topic(day), encode(digest))
        await self._line.send(self._topic(day), b"", retain=True)
        await self._write(lambda conn: proofs.forget(conn, day))
        self._told_at.pop(day, None)
        self._said.discard(day)

    def _topic(self, day: int) -> str:
        return f"gyms/{self._gym}/digest/{date_of(day)}"


def date_of(day: int) -> str:
    """`2026-11-24`."""
    return date.fromordinal(EPOCH + day).isoformat()


def day_of(text: str) -> int:
    """The day's number since the epoch. Raises ValueError."""
    return date.fromisoformat(text).toordinal() - EPOCH


def made_of(gym: str, day: int, notes: Notes, wall: float, hours: Hours) -> Digest:
    """A digest as it is told."""
    lost = tuple(Lost(hour=one.hour, bins=one.bins, reason=one.reason) for one in notes.lost)
    return Digest(gym_id=gym, day=date_of(day), as_of=round(wall, 3), hours=hours, lost=lost)


def _due(
    said: Collection[int], oldest: int, newest: int, conn: sqlite3.Connection
) -> dict[int, int]:
    """Day → how stale: those that are too old, and those whose rows all are acknowledged.

    Once each in this process even if it is not stale: the broker may have forgotten.
    """
    return {
        day: stale
        for day, stale in proofs.days(conn).items()
        if day < oldest
        or (day <= newest and (stale or day not in said) and not outbox.waits(conn, day))
    }


def _digest(gym: str, day: int, notes: Notes, wall: float, conn: sqlite3.Connection) -> bytes:
    return encode(made_of(gym, day, notes, wall, hours_of(conn, day)))


def hours_of(conn: sqlite3.Connection, day: int) -> Hours:
    """The digests of a day's hours as the history has them; None: open still, or nothing."""
    by_hour = _by_hour(bins.day_of_all(conn, day))
    closed = bins.closed_until(conn)
    return tuple(
        hour_digest(by_hour[hour]) if by_hour[hour] and _is_over(day, hour, closed) else None
        for hour in HOURS
    )


def _is_over(day: int, hour: int, closed_until: int) -> bool:
    return day * DAY + (hour + 1) * HOUR <= closed_until


def _by_hour(found: Iterable[Bin]) -> list[list[Row]]:
    by_hour: list[list[Row]] = [[] for _ in HOURS]
    for one in found:
        by_hour[one.start % DAY // HOUR].append(row_of(one))
    return by_hour


def _answer(gym: str, proof: Proof, conn: sqlite3.Connection) -> Answer:
    """The rows of the hours that are asked for; what is missing of them is lost."""
    by_hour = _by_hour(bins.day_of_all(conn, proof.day))
    before = _told_hours(gym, proof)
    notes, asked = proof.notes, set(proof.notes.asked)
    tries = {hour: _tries(notes, hour, before[hour], by_hour[hour]) for hour in sorted(asked)}
    over = [hour for hour in asked if _is_over(proof.day, hour, bins.closed_until(conn))]
    found = (_lost(hour, by_hour[hour], before[hour], tries[hour]) for hour in over)
    new = [one for one in found if one is not None]
    kept = [one for one in notes.lost if one.hour not in asked]
    lost = tuple(sorted([*kept, *new], key=lambda one: one.hour))
    rows = [row for hour in sorted(asked) for row in by_hour[hour]]
    declared = sum(one.bins for one in new if one not in notes.lost)
    return Answer(rows, Notes((), {**notes.tries, **tries}, lost), declared)


def _tries(notes: Notes, hour: int, before: tuple[int, str] | None, rows: list[Row]) -> int:
    same = bool(rows) and before == hour_digest(rows)
    return notes.tries.get(hour, 0) + 1 if same else 0


def _lost(
    hour: int, rows: list[Row], before: tuple[int, str] | None, tries: int
) -> proofs.Lost | None:
    missing = (before[0] if before else 0) - len(rows)
    if missing > 0:
        return proofs.Lost(hour, missing, PURGED)
    if not rows:
        return proofs.Lost(hour, 0, NOTHING)
    if tries > MOST_TRIES:
        return proofs.Lost(hour, len(rows), SETTLED.format(MOST_TRIES))
    return None


def _told_hours(gym: str, proof: Proof) -> Hours:
    said = _said(gym, proof)
    return NO_HOURS if said is None else said.hours


def _said(gym: str, proof: Proof) -> Digest | None:
    """What was told last; None: nothing, or under another id that the branch had then."""
    try:
        return None if proof.told is None else decode(Digest, proof.told, gym)
    except ChainError:
        return None


def _too_old(proof: Proof, days: int) -> Answer:
    lost = {one.hour: one for one in proof.notes.lost}
    for hour in proof.notes.asked:
        lost.setdefault(hour, proofs.Lost(hour, 0, TOO_OLD.format(days)))
    return Answer([], Notes((), {}, tuple(lost[hour] for hour in sorted(lost))), 0)
