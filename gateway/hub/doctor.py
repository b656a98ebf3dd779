"""What somebody wants to know who looks after a hub."""

from typing import LiteralString

from gateway.hub.schema import LEADING, Connection

RECENTLY = 86_400  # seconds: an older letter tells what was, and is no problem any more
SHOWN = 50  # holes, losses and silent branches

Report = dict[str, object]

BEGUN: LiteralString = "SELECT to_regclass('numbering') IS NOT NULL"
STATE: LiteralString = """
SELECT (SELECT max(number) FROM migrations), epoch, seq,
       (SELECT count(*) FROM branches WHERE described IS NOT NULL) FROM numbering
"""
CONSUMER: LiteralString = """
SELECT concat_ws(' ', client_addr, 'backend', pid, 'since', backend_start::timestamp(0))
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND classid = 0 AND objid = %s AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
SILENT: LiteralString = "SELECT gym FROM branches WHERE hushed IS NOT NULL ORDER BY gym LIMIT %s"
COUNTS: LiteralString = "SELECT name, count FROM counts"
MONTHS: LiteralString = """
SELECT relid::regclass::text, nullif(reltuples, -1)::bigint
FROM pg_partition_tree('bins') JOIN pg_class ON pg_class.oid = relid WHERE isleaf ORDER BY 1
"""
HOLES: LiteralString = """
SELECT gym, day::text, holes, asked FROM digests WHERE holes <> '{}' ORDER BY day, gym LIMIT %s
"""
LOST: LiteralString = """
SELECT gym, day::text, hour, bins, reason FROM lost ORDER BY day DESC, gym, hour LIMIT %s
"""
RECENT: LiteralString = "SELECT count(*) FROM dead_letters WHERE at > %s"
LETTERS: LiteralString = """
SELECT id, at, gym, topic, size, reason, substring(payload for 200)
FROM dead_letters ORDER BY id DESC LIMIT %s
"""


async def examine(conn: Connection, letters: int, now: float) -> Report:
    """Everything, as JSON shows it. Raises OSError: there is nothing to examine."""
    if await _rows(conn, BEGUN) != [(True,)]:
        raise OSError("PostgreSQL: no hub has begun here; `gateway hub run` makes its tables")
    schema, epoch, seq, branches = (await _rows(conn, STATE))[0]
    consumer = await _rows(conn, CONSUMER, LEADING)
    found: Report = {
        "schema": schema,
        "epoch": epoch,
        "seq": seq,
        "branches": branches,
        "consumer": consumer[0][0] if consumer else None,
        "silent": [gym for (gym,) in await _rows(conn, SILENT, SHOWN)],
        "counts": {str(name): many for name, many in await _rows(conn, COUNTS)},
        "months": _named(("name", "rows"), await _rows(conn, MONTHS)),
        "holes": _named(("gymId", "day", "hours", "asked"), await _rows(conn, HOLES, SHOWN)),
        "lost": _named(("gymId", "day", "hour", "bins", "reason"), await _rows(conn, LOST, SHOWN)),
        "deadLetters": _named(
            ("id", "at", "gymId", "topic", "size", "reason", "payload"),
            await _rows(conn, LETTERS, letters),
        ),
    }
    recent = await _rows(conn, RECENT, int(now - RECENTLY))
    return found | {"problems": _problems(found, recent_letters=recent != [(0,)])}


def _problems(found: Report, *, recent_letters: bool) -> list[str]:
    problems = []
    if found["consumer"] is None:
        problems.append("no hub consumes: start one, or look at the log of those that run")
    if found["holes"]:
        problems.append(
            "bins are missing that branches have; they have been, or will be, asked for"
        )
    if found["lost"]:
        problems.append("branches have declared bins lost")
    if recent_letters:
        problems.append("some messages of the last day could not be used; mend who sends them")
    return problems


def _named(keys: tuple[str, ...], rows: list[tuple[object, ...]]) -> list[dict[str, object]]:
    return [dict(zip(keys, map(_shown, row), strict=True)) for row in rows]


def _shown(value: object) -> object:
    """Bytes as the text that they may be."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value


async def _rows(conn: Connection, query: LiteralString, *values: int) -> list[tuple[object, ...]]:
    return await (await conn.execute(query, values)).fetchall()
