"""How branches stand, in PostgreSQL: what they said last, and the events that came of it."""

from collections.abc import Iterable, Mapping
from typing import LiteralString, TypeVar

from gateway.chain import Branch, ChainError, Summary, decode
from gateway.hub.live import Change, Standing, Why
from gateway.hub.numbers import Numbers
from gateway.hub.schema import Connection

CHANNEL = "gym_hub"  # the doorbell: there are new events or branches; what they are, tables say
ALL: LiteralString = "SELECT gym, described, summary, heard, hushed, why FROM branches"
SINCE: LiteralString = ALL + " WHERE version > %s"
PUT: LiteralString = """
INSERT INTO branches (gym, described, summary, heard, hushed, why, version)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (gym) DO UPDATE
SET described = coalesce(excluded.described, branches.described),
    summary = coalesce(excluded.summary, branches.summary), heard = excluded.heard,
    hushed = excluded.hushed, why = excluded.why, version = excluded.version
"""
COPY: LiteralString = "COPY events FROM STDIN"
NUMBER: LiteralString = """
UPDATE numbering SET seq = seq + %s, version = version + 1 RETURNING seq, version
"""
_P = TypeVar("_P", Branch, Summary)
Payloads = tuple[bytes | None, bytes | None]
"""The newest `branch` and `summary` messages of a gym; None: as before, no bytes: taken back."""


async def put(
    conn: Connection,
    standings: Mapping[str, Standing],
    payloads: Mapping[str, Payloads],
    changes: list[Change],
    numbers: Numbers,
) -> None:
    """Keep how these stand now and number what changed, in the transaction that is open."""
    row = await (await conn.execute(NUMBER, [len(changes)])).fetchone()
    assert row is not None
    seq, version = (int(str(value)) for value in row)
    rows = [
        (gym, *payloads.get(gym, (None, None)), one.heard, one.hushed, one.why, version)
        for gym, one in sorted(standings.items())
    ]
    async with conn.cursor() as cursor:
        await cursor.executemany(PUT, rows)
    if changes:
        text = _text(changes, seq - len(changes), numbers)
        async with conn.cursor().copy(COPY) as copy:
            await copy.write(text)
    await conn.execute("SELECT pg_notify(%s, '')", [CHANNEL])


class Descriptions:
    """Each is read once: a branch says the same of itself for months, and a summary a second."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[object, Branch | None]] = {}  # a row of `branches` each

    def of(self, gym: str, payload: object) -> Branch | None:
        """What that says."""
        said, branch = self._known.get(gym, (None, None))
        if said != payload:
            branch = _read(Branch, payload, gym)
            self._known[gym] = payload, branch
        return branch


async def standings(
    conn: Connection, since: int | None = None, descriptions: Descriptions | None = None
) -> dict[str, Standing]:
    """Those that changed after that version; None: all. `descriptions`: read before."""
    cursor = await (conn.execute(ALL) if since is None else conn.execute(SINCE, [since]))
    known = descriptions or Descriptions()
    return {str(row[0]): _standing(row, known) for row in await cursor.fetchall()}


def _standing(row: tuple[object, ...], known: Descriptions) -> Standing:
    gym, described, summary, heard, hushed, why = row
    assert isinstance(gym, str)
    assert isinstance(heard, float)
    return Standing(
        gym,
        known.of(gym, described),
        _read(Summary, summary, gym),
        heard,
        hushed if isinstance(hushed, float) else None,
        _why(why),
    )


def _why(word: object) -> Why | None:
    return "offline" if word == "offline" else "silent" if word == "silent" else None


def _read(kind: type[_P], payload: object, gym: str) -> _P | None:
    """What an older hub kept and we cannot read is as if it had not been said."""
    if not isinstance(payload, bytes):
        return None
    try:
        return decode(kind, payload, gym)
    except ChainError:
        return None


def _text(changes: Iterable[Change], seq: int, numbers: Numbers) -> str:
    """As COPY reads it."""
    return "".join(
        f"{number}\t{numbers[one.gym, one.machine]}\t{one.now.status.value}\t{one.now.cause.value}"
        f"\t{one.now.timestamp!r}\t{one.now.last_change!r}\n"
        for number, one in enumerate(changes, seq + 1)
    )
