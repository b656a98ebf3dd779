"""The one hub of a chain that consumes: it holds a lock in PostgreSQL as long as it lives."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

import psycopg

from config.hub import HubConfig
from gateway.hub.ears import DIGESTS, Ears
from gateway.hub.proof import Prover, Wall
from gateway.hub.schema import LEADING, Connection
from gateway.hub.waiting import Waiting
from gateway.hub.writing import Writing, count

TRY_EVERY = 1.0  # seconds between two attempts to become the one
IDLE = 4_000  # milliseconds without a statement, then PostgreSQL ends a session that stands still
BEAT = 1.0  # seconds between statements while nothing is to be stored
LOOK_EVERY = 5.0  # seconds between two looks at digests and at who is silent
HOUSE_EVERY = 3600.0  # seconds
PAUSE = 1.0  # seconds after a fault of the database

END_THE_FROZEN = """
SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = %s AND objsubid = 1
    AND datname = current_database() AND wait_event = 'ClientRead'
    AND greatest(query_start, state_change) < clock_timestamp() - %s * interval '1 ms'
"""  # its hub froze in the middle of a message: then no idle timeout holds

Hear = Callable[[str, bytes, Callable[[], None], bool], None]
"""Takes (topic, payload, receipt, whether it was retained)."""

log = logging.getLogger(__name__)


class Port(Protocol):
    """The chain's broker."""

    async def run(self, hear: Hear) -> None:
        """Hear of every message until cancelled; each comes again until its receipt is given."""

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send at QoS 1; False: not connected."""

    def renew(self, kind: str) -> None:
        """Subscribe anew to `gyms/+/{kind}`."""

    def reread(self, kind: str) -> None:
        """What is retained of `gyms/+/{kind}` once more."""


class Consumer:
    """Waits for the lock, consumes as long as it holds it, and begins anew after a fault."""

    def __init__(
        self,
        config: HubConfig,
        connect: Callable[[str], Awaitable[Connection]],
        port: Port,
        wall: Wall,
    ) -> None:
        """`connect(name)`: a connection of our own, in autocommit."""
        self._config = config
        self._connect = connect
        self._port = port
        self._wall = wall
        self.leads = False
        """Whether this hub is the one that consumes."""
        self.problem = ""

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                async with await self._connect("gateway hub: consumer") as conn:
                    await self._wait_for_the_lock(conn)
                    self.leads = True
                    await self._lead(conn)
            except psycopg.Error as error:
                self._complain(error)
            finally:
                self.leads = False
            await asyncio.sleep(PAUSE)

    async def _wait_for_the_lock(self, conn: Connection) -> None:
        await conn.execute("SET synchronous_commit = on")  # acknowledged is on the disk
        await conn.execute(f"SET idle_session_timeout = {IDLE}")
        await conn.execute(f"SET idle_in_transaction_session_timeout = {IDLE}")
        while True:
            row = await (
                await conn.execute("SELECT pg_try_advisory_lock(%s)", [LEADING])
            ).fetchone()
            self.problem = ""
            if row == (True,):
                return
            await conn.execute(END_THE_FROZEN, [LEADING, IDLE])
            await asyncio.sleep(TRY_EVERY)

    async def _lead(self, conn: Connection) -> None:
        """The broker is heard only while we hold the lock; else two would write."""
        writing = await Writing.of(self._config, conn, self._wall)
        rules, newest = self._config.proof, writing.newest_bins
        prover = Prover(rules, self._port.publish, count, newest, writing.is_away, self._wall)
        waiting = Waiting()
        log.info("this hub consumes from now on")
        hearing = asyncio.create_task(self._port.run(waiting.put))
        try:
            await self._go_round(conn, writing, prover, waiting, hearing)
        finally:
            hearing.cancel()
            await asyncio.wait([hearing])

    async def _go_round(
        self,
        conn: Connection,
        writing: Writing,
        prover: Prover,
        waiting: Waiting,
        hearing: "asyncio.Task[None]",
    ) -> None:
        monotonic = asyncio.get_running_loop().time
        look_at = house_at = monotonic()
        ears = Ears(look_at, self._config.broker.deaf_after, self._config.proof.again)
        while not hearing.done():
            batch = await waiting.take(BEAT)
            ears.hear(batch, monotonic())
            if batch:
                await writing.store(conn, batch, waiting.superseded())
                for message in batch:
                    message.receipt()
            else:
                await conn.execute("SELECT 1")  # a session that stands still would be ended
            if monotonic() >= look_at:
                await writing.hush_the_silent(conn)
                all_seen = await prover.look(conn)
                for topic in ears.deaf(monotonic()):
                    self._port.renew(topic)
                if ears.should_reread(monotonic()):
                    self._port.reread(DIGESTS)
                look_at = monotonic() + (LOOK_EVERY if all_seen else 0)
            if monotonic() >= house_at:
                all_gone = await writing.keep_house(conn)
                house_at = monotonic() + (HOUSE_EVERY if all_gone else 0)
        hearing.result()

    def _complain(self, error: psycopg.Error) -> None:
        problem = f"PostgreSQL: {str(error).strip() or type(error).__name__}"
        if problem != self.problem:
            log.warning("%s; what was not stored is not acknowledged, and comes again", problem)
        self.problem = problem
