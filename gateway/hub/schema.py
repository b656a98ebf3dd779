"""The hub's tables, by numbered migrations; several hubs may start at once."""

import secrets
from typing import LiteralString

from psycopg import AsyncConnection

from gateway.hub import partitions

STARTING, LEADING = 0x67796D01, 0x67796D02  # advisory locks: who migrates, and who consumes
Connection = AsyncConnection[tuple[object, ...]]

FIRST: LiteralString = """
CREATE TABLE numbering (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch text NOT NULL,
    seq bigint NOT NULL DEFAULT 0,      -- of the newest event
    version bigint NOT NULL DEFAULT 0   -- of the newest change of a branch
);
CREATE TABLE branches (
    gym text PRIMARY KEY,
    described bytea,                    -- its newest `branch` message
    summary bytea,                      -- its newest `summary`
    heard double precision NOT NULL,    -- epoch seconds, to the minute
    hushed double precision,            -- since when its machines are unknown; NULL: it is heard
    why text,                           -- of that: offline or silent
    version bigint NOT NULL
);
CREATE TABLE machines (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gym text NOT NULL,
    machine text NOT NULL,
    UNIQUE (gym, machine)
);
CREATE TABLE events (
    seq bigint PRIMARY KEY,
    machine integer NOT NULL,
    status text NOT NULL,
    cause text NOT NULL,
    timestamp double precision NOT NULL,
    last_change double precision NOT NULL
);
CREATE TABLE digests (
    gym text NOT NULL,
    day date NOT NULL,
    told bytea NOT NULL,                -- its newest `digest` message
    as_of double precision NOT NULL,
    due double precision NOT NULL,      -- when to compare it next, epoch seconds
    holes integer[] NOT NULL DEFAULT '{}', -- hours that are not what the branch says
    lost integer NOT NULL DEFAULT 0,    -- bins that the branch cannot send any more
    asked integer NOT NULL DEFAULT 0,
    asked_at double precision NOT NULL DEFAULT 0,
    PRIMARY KEY (gym, day)
);
CREATE INDEX digests_due ON digests (due);
CREATE TABLE lost (
    gym text NOT NULL,
    day date NOT NULL,
    hour smallint NOT NULL,
    bins integer NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (gym, day, hour, reason)
);
CREATE TABLE dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at double precision NOT NULL,
    gym text NOT NULL,
    topic text NOT NULL,
    payload bytea NOT NULL,             -- its beginning
    size integer NOT NULL,
    reason text NOT NULL
);
CREATE TABLE counts (name text PRIMARY KEY, count bigint NOT NULL);
"""
MIGRATIONS: tuple[LiteralString, ...] = (FIRST,)


class NewerSchemaError(Exception):
    """A newer hub has been here; its tables are not known to us."""


async def migrate(conn: Connection) -> None:
    """Bring the tables up to date; others wait meanwhile. Raises NewerSchemaError."""
    async with conn.transaction():
        await conn.execute("SELECT pg_advisory_xact_lock(%s)", [STARTING])
        await conn.execute("CREATE TABLE IF NOT EXISTS migrations (number integer PRIMARY KEY)")
        done = await number(conn, "SELECT coalesce(max(number), 0) FROM migrations")
        if done > len(MIGRATIONS):
            raise NewerSchemaError(
                f"the database has schema {done}, we know {len(MIGRATIONS)}: install a newer hub"
            )
        for at, migration in enumerate(MIGRATIONS[done:], done + 1):
            await conn.execute(migration)
            await conn.execute("INSERT INTO migrations VALUES (%s)", [at])
        if not done:
            await partitions.create(conn)
            await conn.execute("INSERT INTO numbering (epoch) VALUES (%s)", [secrets.token_hex(8)])


async def number(conn: Connection, query: LiteralString) -> int:
    """The one whole number that a query gives."""
    row = await (await conn.execute(query)).fetchone()
    assert row is not None
    found = row[0]
    assert isinstance(found, int)
    return found
