"""Proof that nothing is missing: a branch's digests against our own rows, hour by hour."""

import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import LiteralString

from config.hub import Proof
from gateway.chain import MOST_LOST, ChainError, Digest, Lost, Request, decode, encode
from gateway.core.digests import HOUR, hour_digest
from gateway.hub.schema import Connection
from gateway.hub.sorting import DIGESTS_KEPT

Wall = Callable[[], float]
Hours = Mapping[int, tuple[int, str]]
"""Hour of a day → (number of rows, SHA-256 over them)."""
Publish = Callable[[str, bytes], bool]

RETRY = 1.0  # seconds until a question that could not be sent is tried again
AT_ONCE = 20  # digests looked at in one go: 0.2 s at 60 machines; then bins have their turn
NOTHING = hour_digest(())
NEVER = float("inf")
MOST_TOLD = 2**31 - 1  # bins of a day that a column holds: what is declared is somebody's word
LONGEST_PAUSE = 86_400.0  # seconds between two questions for one day, doubling up to there
DAYS_ASKED = 4  # of one branch in one round: each answer is up to 13 messages at 60 machines

TAKE: LiteralString = """
INSERT INTO digests (gym, day, told, as_of, due) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (gym, day) DO UPDATE
SET told = excluded.told, as_of = excluded.as_of, due = least(digests.due, excluded.due)
WHERE digests.as_of < excluded.as_of
"""
TOUCH: LiteralString = """
UPDATE digests SET due = %(now)s
FROM unnest(%(gyms)s::text[], %(days)s::date[]) AS touched (gym, day)
WHERE digests.gym = touched.gym AND digests.day = touched.day AND holes <> '{}' AND due > %(now)s
"""
DUE: LiteralString = """
SELECT gym, day, told, holes, asked, asked_at FROM digests
WHERE due <= %s ORDER BY due, gym, day LIMIT %s
"""
HOURS: LiteralString = """
SELECT (start - %(begin)s) / 3600, count(*), encode(sha256(convert_to(string_agg(
    concat_ws(',', machines.machine, start, revision, occupied, observed, sessions) || E'\\n', ''
    ORDER BY machines.machine COLLATE "C", start), 'UTF8')), 'hex')
FROM bins JOIN machines ON machines.number = bins.machine
WHERE gym = %(gym)s AND start >= %(begin)s AND start < %(begin)s + 86400 AND seconds = 900
GROUP BY 1
"""
JUDGED: LiteralString = """
UPDATE digests SET holes = %s, lost = %s, asked = %s, asked_at = %s,
    due = CASE WHEN told = %s THEN %s ELSE due END
WHERE gym = %s AND day = %s
"""
LOST: LiteralString = """
INSERT INTO lost SELECT %s, %s, %s, %s, %s
WHERE (SELECT count(*) FROM lost WHERE gym = %s AND day = %s) < %s
ON CONFLICT (gym, day, hour, reason) DO UPDATE SET bins = excluded.bins
"""


@dataclass(frozen=True, slots=True)
class Due:
    """A digest that is to be compared."""

    gym: str
    day: date
    told: bytes
    holes: tuple[int, ...]
    asked: int
    asked_at: float

    @property
    def begin(self) -> int:
        """Of its day, epoch seconds."""
        return int(datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC).timestamp())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a comparison gave."""

    holes: tuple[int, ...] = ()
    """Hours that are not what the branch says, and settled."""
    lost: int = 0
    """Bins that it cannot send any more."""
    settles: float = NEVER
    """When the next hour that may still be on its way is to be judged, epoch seconds."""


async def take(
    conn: Connection,
    digests: Sequence[tuple[Digest, bytes]],
    touched: Iterable[tuple[str, int]],
    now: float,
) -> None:
    """Keep what branches say of their days; `touched`: (gymId, its begin) of which bins came."""
    async with conn.cursor() as cursor:
        rows = [(told.gym_id, told.day, payload, told.as_of, now) for told, payload in digests]
        if rows:
            await cursor.executemany(TAKE, sorted(rows))
        if days := sorted(touched):
            named = [datetime.fromtimestamp(start, UTC).date() for _, start in days]
            asked = {"now": now, "gyms": [gym for gym, _ in days], "days": named}
            await cursor.execute(TOUCH, asked)


async def forget(conn: Connection, now: float) -> None:
    """Digests that their branches have cleared."""
    oldest = datetime.fromtimestamp(now - DIGESTS_KEPT, UTC).date()
    await conn.execute("DELETE FROM digests WHERE day < %s", [oldest])
    await conn.execute("DELETE FROM lost WHERE day < %s - 1000", [oldest])


class Prover:
    """Compares and asks; `publish` sends to the broker, `count` adds to the counts."""

    def __init__(
        self,
        rules: Proof,
        publish: Publish,
        count: Callable[[Connection, dict[str, int]], Awaitable[None]],
        newest: Mapping[str, float],
        is_away: Callable[[str], bool],
        wall: Wall,
    ) -> None:
        """`newest`: gymId → when bins came from there last, epoch seconds."""
        self._rules = rules
        self._publish = publish
        self._count = count
        self._newest = newest
        self._is_away = is_away
        self._wall = wall

    async def look(self, conn: Connection) -> bool:
        """Judge what is due; False: there may be more of it."""
        now = self._wall()
        found = [_due(row) for row in await (await conn.execute(DUE, [now, AT_ONCE])).fetchall()]
        asked: Counter[str] = Counter()
        for due in found:
            told = _read(due)
            verdict = judge(told, due.begin, await hours(conn, due), self._rules.settle, now)
            wait = self._wait(due, now) if verdict.holes else max(RETRY, self._rules.again)
            if wait <= 0 and asked[due.gym] < DAYS_ASKED and self._ask(due, verdict):
                asked[due.gym] += 1
                due = replace(due, asked=due.asked + 1, asked_at=now)  # noqa: PLW2901  as it is now
                wait = self._wait(due, now)
            await self._note(conn, due, told, verdict, min(verdict.settles, now + max(wait, RETRY)))
            await self._count(conn, {"requests": int(due.asked_at == now)})
        return len(found) < AT_ONCE

    def _wait(self, due: Due, now: float) -> float:
        """Seconds until that day may be asked for (again); who is away is asked once it is back.

        What nobody hears would only put off the next question, by up to a day.
        """
        busy_until = now if self._is_away(due.gym) else self._newest.get(due.gym, 0.0)
        pause = min(self._rules.ask_every * 2.0 ** max(0, due.asked - 1), LONGEST_PAUSE)
        calm = busy_until + self._rules.calm
        return max(calm, due.asked_at + pause if due.asked else 0.0) - now

    def _ask(self, due: Due, verdict: Verdict) -> bool:
        """Whether the branch was asked for what is missing."""
        word, day = secrets.token_hex(8), due.day.isoformat()
        request = Request(gym_id=due.gym, id=word, day=day, hours=verdict.holes)
        return self._publish(f"gyms/{due.gym}/request", encode(request))

    async def _note(
        self, conn: Connection, due: Due, told: Digest, verdict: Verdict, again: float
    ) -> None:
        """Keep the verdict, and when to look `again`."""
        before, after = set(due.holes), set(verdict.holes)
        asked = due.asked if after else 0
        state = [list(verdict.holes), verdict.lost, asked, due.asked_at, due.told, again]
        async with conn.transaction():
            await conn.execute(JUDGED, [*state, due.gym, due.day])
            if lost := [_lost(due, one) for one in told.lost]:
                await conn.cursor().executemany(LOST, lost)
            counts = {"holesFound": len(after - before), "holesMended": len(before - after)}
            await self._count(conn, counts)


def judge(told: Digest, begin: int, ours: Hours, settle: float, now: float) -> Verdict:
    """`begin`: of the day; hours that ended less than `settle` seconds ago may still be coming."""
    gone = {one.hour for one in told.lost}
    wrong = [
        hour
        for hour, said in enumerate(told.hours)
        if said is not None and hour not in gone and ours.get(hour, NOTHING) != tuple(said)
    ]
    settles = {hour: begin + (hour + 1) * HOUR + settle for hour in wrong}
    holes = tuple(hour for hour in wrong if settles[hour] <= now)
    later = [at for at in settles.values() if at > now]
    lost = min(sum(one.bins for one in told.lost), MOST_TOLD)
    return Verdict(holes, lost, min(later, default=NEVER))


async def hours(conn: Connection, due: Due) -> Hours:
    """Ours, as `gateway.core.digests.hour_digest` would find them, by PostgreSQL itself."""
    cursor = await conn.execute(HOURS, {"gym": due.gym, "begin": due.begin})
    return {
        int(str(hour)): (int(str(many)), str(digest))
        for hour, many, digest in await cursor.fetchall()
    }


def _read(due: Due) -> Digest:
    """One that an older hub took and we cannot read proves nothing."""
    try:
        return decode(Digest, due.told, due.gym)
    except ChainError:
        return Digest(gym_id=due.gym, day=due.day.isoformat(), as_of=0.0, hours=(None,) * 24)


def _lost(due: Due, one: Lost) -> list[object]:
    reason = one.reason[:200].replace("\0", " ")
    return [due.gym, due.day, one.hour, one.bins, reason, due.gym, due.day, MOST_LOST]


def _due(row: tuple[object, ...]) -> Due:
    gym, day, told, holes, asked, asked_at = row
    assert isinstance(day, date)
    assert isinstance(told, bytes)
    assert isinstance(holes, list)
    return Due(str(gym), day, told, tuple(holes), int(str(asked)), float(str(asked_at)))
