"""Our connections to PostgreSQL: a few that are kept for reading, and those that have a task."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from gateway.hub.schema import Connection, migrate

T = TypeVar("T")
READERS = 4  # connections that answer requests; two cores serve no more at once
MOST_WAITING = 256  # requests for one of them; then a read is refused
PATIENCE = 5.0  # seconds for a connection, or for one of the readers
ALIVE = {  # both ends give a peer up that is gone without a word, within 6 s
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 6000,
    "options": "-c tcp_keepalives_idle=3 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=3",
}


class Database:
    """Knows the way to it; `password` is no part of the address."""

    def __init__(self, url: str, password: str | None) -> None:
        self._url = url
        self._more: dict[str, Any] = ALIVE | {"connect_timeout": int(PATIENCE)}  # libpq's own words
        if password is not None:
            self._more["password"] = password
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            kwargs=self._more | {"autocommit": True, "application_name": "gateway hub: reader"},
            min_size=1,
            max_size=READERS,
            max_waiting=MOST_WAITING,
            timeout=PATIENCE,
            check=AsyncConnectionPool.check_connection,  # one that a restart cut is not handed out
            open=False,
        )

    async def connect(self, name: str) -> Connection:
        """A connection in autocommit; who looks at PostgreSQL sees that name."""
        return await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, application_name=name, **self._more
        )

    async def open(self) -> None:
        """Make the tables. Raises psycopg.Error, NewerSchemaError."""
        async with await self.connect("gateway hub: start") as conn:
            await migrate(conn)
        await self._pool.open()

    async def close(self) -> None:
        """The readers; tasks close their own."""
        await self._pool.close()

    async def ask(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do something once, on a connection of its own. Raises OSError."""
        try:
            async with await self.connect("gateway hub: doctor") as conn:
                return await work(conn)
        except psycopg.Error as error:
            raise OSError(f"PostgreSQL: {str(error).strip()}") from error

    async def read(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do some reading. TimeoutError: none of the readers is free; OSError: it is not there."""
        try:
            async with self._pool.connection() as conn:
                return await work(conn)
        except PoolTimeout:
            raise TimeoutError("PostgreSQL does not answer") from None
        except psycopg.Error as error:
            raise OSError(f"PostgreSQL: {error}") from error
