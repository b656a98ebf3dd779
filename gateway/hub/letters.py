"""Dead letters: what could not be used, kept with its reason so that somebody can mend it."""

from collections.abc import Sequence
from typing import LiteralString

from gateway.hub.schema import Connection
from gateway.hub.sorting import Letter

MOST_OF_ONE, MOST = 100, 2000  # letters kept of one gym, of all: one bad box hides no other's
SHOWN = 1024  # bytes of a payload: its beginning says what it was
LONGEST = 500  # characters of a topic or a reason

PUT: LiteralString = """
INSERT INTO dead_letters (at, gym, topic, payload, size, reason) VALUES (%s, %s, %s, %s, %s, %s)
"""
TRIM: LiteralString = """
DELETE FROM dead_letters USING
    (SELECT id, row_number() OVER (PARTITION BY gym ORDER BY id DESC) AS of_gym,
            row_number() OVER (ORDER BY id DESC) AS of_all FROM dead_letters) AS numbered
WHERE dead_letters.id = numbered.id AND (of_gym > %s OR of_all > %s)
"""


async def put(conn: Connection, letters: Sequence[Letter], at: float) -> None:
    """Keep them, in the transaction that is open; the oldest beyond the bounds go."""
    if not letters:
        return
    async with conn.cursor() as cursor:
        await cursor.executemany(PUT, [_row(letter, at) for letter in letters[-MOST:]])
        await cursor.execute(TRIM, [MOST_OF_ONE, MOST])


def _row(letter: Letter, at: float) -> tuple[object, ...]:
    shown, size = letter.payload[:SHOWN], len(letter.payload)
    return at, _text(letter.gym), _text(letter.topic), shown, size, _text(letter.reason)


def _text(text: str) -> str:
    """PostgreSQL's text has no NUL, and no half of a character."""
    return text[:LONGEST].replace("\0", "�").encode(errors="replace").decode()
