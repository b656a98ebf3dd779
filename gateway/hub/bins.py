"""Bins on their way into PostgreSQL: many in one statement, the higher revision wins."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import LiteralString

from gateway.core.digests import Row
from gateway.hub.schema import Connection, number

Numbered = tuple[int, Row]
"""(machine's number in the database, a bin of it)."""

INCOMING: LiteralString = """
CREATE TEMPORARY TABLE IF NOT EXISTS incoming
(machine integer, start bigint, seconds integer, revision integer,
 occupied integer, observed integer, sessions integer) ON COMMIT DELETE ROWS
"""
COPY: LiteralString = "COPY incoming FROM STDIN"
CORRECTED: LiteralString = """
SELECT count(*) FROM incoming JOIN bins AS was USING (machine, start, seconds)
WHERE incoming.revision > 0 AND was.revision < incoming.revision
"""
UPSERT: LiteralString = """
WITH done AS (
    INSERT INTO bins AS was (machine, start, seconds, revision, occupied, observed, sessions)
    SELECT machine, start, seconds, revision, occupied, observed, sessions FROM incoming
    ORDER BY machine, start, seconds    -- one order for all: no two writers wait for each other
    ON CONFLICT (machine, start, seconds) DO UPDATE
    SET revision = excluded.revision, occupied = excluded.occupied,
        observed = excluded.observed, sessions = excluded.sessions
    WHERE was.revision < excluded.revision
    RETURNING revision
)
SELECT count(*) FROM done
"""
DIFFERENT: LiteralString = """
SELECT DISTINCT machine FROM incoming JOIN bins USING (machine, start, seconds, revision)
WHERE (incoming.occupied, incoming.observed, incoming.sessions)
   <> (bins.occupied, bins.observed, bins.sessions)
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of some bins."""

    new: int = 0
    corrected: int = 0
    """A higher revision took the place of what was there."""
    absorbed: int = 0
    """Known already, in this revision or a higher one."""
    contradicted: frozenset[int] = frozenset()
    """Machines of which the same revision was there with other values."""


async def store(conn: Connection, rows: Iterable[Numbered]) -> Stored:
    """Write them, in the transaction that is open; their months must be there."""
    heard = list(rows)
    newest, contradicted = _newest(heard)
    if not newest:
        return Stored()
    await conn.execute(INCOMING)
    text = _text(newest)  # before: PostgreSQL does not end one that stands still amid a COPY
    async with conn.cursor().copy(COPY) as copy:
        await copy.write(text)
    corrections = any(row.revision for _, row in newest)
    corrected = await number(conn, CORRECTED) if corrections else 0
    changed = await number(conn, UPSERT)
    if changed < len(newest):
        found = await (await conn.execute(DIFFERENT)).fetchall()
        contradicted.update(int(str(machine)) for (machine,) in found)
    return Stored(changed - corrected, corrected, len(heard) - changed, frozenset(contradicted))


def _newest(rows: Iterable[Numbered]) -> tuple[Sequence[Numbered], set[int]]:
    """One of each identity, for a statement may not touch a row twice; and the contradicted."""
    newest: dict[tuple[int, int, int], Numbered] = {}
    contradicted = set()
    for machine, row in rows:
        _, was = newest.setdefault((machine, row.start, row.seconds), (machine, row))
        if was.revision < row.revision:
            newest[machine, row.start, row.seconds] = (machine, row)
        elif was.revision == row.revision and was != row:
            contradicted.add(machine)
    return list(newest.values()), contradicted


def _text(rows: Iterable[Numbered]) -> str:
    """As COPY reads it."""
    return "".join(
        f"{machine}\t{row.start}\t{row.seconds}\t{row.revision}"
        f"\t{row.occupied}\t{row.observed}\t{row.sessions}\n"
        for machine, row in rows
    )
