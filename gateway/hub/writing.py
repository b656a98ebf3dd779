"""A batch of messages becomes one transaction: bins, how branches stand, digests, dead letters."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import LiteralString

import psycopg

from config.hub import HubConfig
from gateway.chain import Branch
from gateway.core.digests import DAY
from gateway.hub import bins, branches, letters, proof
from gateway.hub.live import Change, Standing, changes, hear, hush, tell
from gateway.hub.numbers import Numbers
from gateway.hub.partitions import Months, ahead
from gateway.hub.schema import Connection
from gateway.hub.sorting import Letter, Message, Sorted, Sorter, Told

NOTED = 60.0  # seconds: a branch's last word is noted once a minute, not with each
TWO_BOXES = (
    "bins of a revision that is known, with other values: two boxes run as this branch, or its"
    " history was restored"
)
COUNT: LiteralString = """
INSERT INTO counts AS was (name, count) SELECT * FROM unnest(%s::text[], %s::bigint[])
ON CONFLICT (name) DO UPDATE SET count = was.count + excluded.count
"""
PURGED_AT_ONCE = 20_000  # events: 0.1 s in which no bin is stored
PURGE: LiteralString = """
DELETE FROM events WHERE seq IN (SELECT seq FROM events ORDER BY seq LIMIT %s)
    AND timestamp < %s AND seq < (SELECT seq FROM numbering)  -- the newest one names the log
"""
UNUSABLE = (  # the message's fault or ours, not the database's: what comes behind it goes on
    psycopg.DataError,
    psycopg.IntegrityError,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
)

log = logging.getLogger(__name__)


class Writing:
    """The one who writes; what it remembers is what is committed."""

    def __init__(
        self,
        config: HubConfig,
        months: Months,
        numbers: Numbers,
        standings: dict[str, Standing],
        began: float,
        wall: proof.Wall,
    ) -> None:
        """`began` (epoch seconds): nobody was silent before we listened."""
        self._config = config
        self._months = months
        self._numbers = numbers
        self._standings = standings
        self._noted = {gym: one.heard for gym, one in standings.items()}
        self._began = began
        self.newest_bins: dict[str, float] = {}
        """gymId → when bins came from there last, epoch seconds."""
        self._wall = wall
        described = [gym for gym, one in standings.items() if one.described]
        kept = config.keep.bins_days * float(DAY)
        self._sorter = Sorter(config.hub.branches, described, numbers.machines, kept, wall)

    @classmethod
    async def of(cls, config: HubConfig, conn: Connection, wall: proof.Wall) -> "Writing":
        """Go on from what is in the database."""
        found = await Months.of(conn), await Numbers.of(conn), await branches.standings(conn)
        return cls(config, *found, wall(), wall)

    async def store(self, conn: Connection, batch: Sequence[Message], superseded: int = 0) -> None:
        """All of it, committed. Raises psycopg.Error: nothing of it is.

        `superseded`: so many more came, and gave way to newer ones.
        """
        try:
            counted = Counter(messages=len(batch) + superseded, superseded=superseded)
            await self._store(conn, self._sorter.sort(batch), counted)
        except UNUSABLE as error:
            if len(batch) == 1:
                await self._bury(conn, batch[0], error)
                return
            log.warning("a batch cannot be stored; its messages are stored singly", exc_info=True)
            for message in batch:
                await self.store(conn, [message])

    def is_away(self, gym: str) -> bool:
        """Whether that branch is known not to hear us now."""
        return self._standing(gym).hushed is not None

    async def hush_the_silent(self, conn: Connection) -> None:
        """Who has not said anything for too long is not known any more."""
        now = self._wall()
        oldest = now - self._config.hub.silent_after
        if self._began > oldest:
            return
        hushed = {
            gym: hush(one, "silent", now)
            for gym, one in self._standings.items()
            if one.heard < oldest and one.hushed is None
        }
        if hushed:
            await self._store(conn, Sorted(), Counter(), hushed)

    async def keep_house(self, conn: Connection) -> bool:
        """Months ahead are made, what is too old goes; False: there is more of it."""
        now, keep = self._wall(), self._config.keep
        await self._months.see_to(conn, ahead(now))
        await self._months.drop_before(conn, now - keep.bins_days * DAY)
        await proof.forget(conn, now)
        done = await conn.execute(PURGE, [PURGED_AT_ONCE, now - keep.events_days * DAY])
        return done.rowcount < PURGED_AT_ONCE

    async def _store(
        self,
        conn: Connection,
        found: Sorted,
        counted: Counter[str],
        standings: dict[str, Standing] | None = None,
    ) -> None:
        now = self._wall()
        payloads: dict[str, branches.Payloads] = {}
        fresh: dict[str, Standing] = {}
        happened: list[Change] = []

        def step(gym: str, one: Standing) -> None:
            happened.extend(changes(fresh.get(gym) or self._standing(gym), one))
            fresh[gym] = one

        for gym, one in (standings or {}).items():
            step(gym, one)
        self._take(found, fresh, step, payloads, now)
        await self._prepare(conn, found, happened)
        noted = {gym: one for gym, one in fresh.items() if self._is_worth_noting(gym, one)}
        async with conn.transaction():
            stored = await bins.store(conn, self._numbered(found))
            if noted or happened:
                await branches.put(conn, noted, payloads, happened, self._numbers)
            touched = {(gym, row.start // DAY * DAY) for gym, row in found.rows}
            await proof.take(conn, found.digests, touched, now)
            told = [*found.letters, *self._contradictions(found, stored)]
            await letters.put(conn, told, now)
            await count(conn, counted + _counts(found, stored, len(told)))
        self.newest_bins.update((gym, now) for gym, _ in found.rows)
        self._standings.update(fresh)
        self._noted.update((gym, one.heard) for gym, one in noted.items())

    def _take(
        self,
        found: Sorted,
        fresh: Mapping[str, Standing],
        step: Callable[[str, Standing], None],
        payloads: dict[str, branches.Payloads],
        now: float,
    ) -> None:
        """The standings that follow from what was said, in its order."""
        for gym in found.heard:
            step(gym, hear(self._standing(gym), now))
        for told in found.told:
            step(told.gym, _step(fresh.get(told.gym) or self._standing(told.gym), told, now))
            described, summary = payloads.get(told.gym, (None, None))
            if told.word is None or isinstance(told.word, Branch):
                payloads[told.gym] = (told.payload, summary)
            elif fresh[told.gym].summary is told.word:
                payloads[told.gym] = (described, told.payload)

    def _standing(self, gym: str) -> Standing:
        return self._standings.get(gym) or Standing(gym)

    def _is_worth_noting(self, gym: str, one: Standing) -> bool:
        was = self._standings.get(gym)
        if was is None or (was.described, was.hushed) != (one.described, one.hushed):
            return True
        return was.summary is not one.summary or one.heard - self._noted.get(gym, 0.0) > NOTED

    async def _prepare(self, conn: Connection, found: Sorted, happened: list[Change]) -> None:
        """What the transaction needs and may stay if it fails."""
        await self._months.see_to(conn, {row.start for _, row in found.rows})
        names = {(gym, row.machine) for gym, row in found.rows}
        await self._numbers.see_to(conn, names | {(one.gym, one.machine) for one in happened})

    def _numbered(self, found: Sorted) -> Iterable[bins.Numbered]:
        return ((self._numbers[gym, row.machine], row) for gym, row in found.rows)

    def _contradictions(self, found: Sorted, stored: bins.Stored) -> list[Letter]:
        if not stored.contradicted:
            return []
        names = {
            (gym, row.machine)
            for gym, row in found.rows
            if self._numbers[gym, row.machine] in stored.contradicted
        }
        gyms = {gym: machine for gym, machine in sorted(names, reverse=True)}  # noqa: C416  one of each
        return [
            Letter(gym, f"gyms/{gym}/bins", machine.encode(), TWO_BOXES)
            for gym, machine in gyms.items()
        ]

    async def _bury(self, conn: Connection, message: Message, error: Exception) -> None:
        gym = message.topic.split("/")[1][:64] if "/" in message.topic else ""
        async with conn.transaction():
            reason = f"cannot be stored: {type(error).__name__}: {error}"
            await letters.put(conn, [Letter(gym, *message[:2], reason)], self._wall())
            await count(conn, {"messages": 1, "deadLetters": 1})


async def count(conn: Connection, counts: dict[str, int]) -> None:
    """Add to the counts that everybody may look at."""
    named = sorted((name, many) for name, many in counts.items() if many)
    if named:
        await conn.execute(COUNT, [[name for name, _ in named], [many for _, many in named]])


def _step(was: Standing, told: Told, now: float) -> Standing:
    if told.word is None or isinstance(told.word, Branch):
        heard = was.heard or now  # a new one
        return Standing(was.gym, told.word, was.summary, heard, was.hushed, was.why)
    if isinstance(told.word, bool):
        return was if told.word else hush(was, "offline", now)
    at = min(now, told.word.as_of) if told.retained else now
    return tell(was, told.word, at)


def _counts(found: Sorted, stored: bins.Stored, dead: int) -> Counter[str]:
    return Counter(
        bins=stored.new,
        corrections=stored.corrected,
        duplicates=stored.absorbed,
        outdated=found.outdated,
        deadLetters=dead,
    )
