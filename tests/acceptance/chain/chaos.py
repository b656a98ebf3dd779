"""A month of a chain in a quarter of an hour, and everything that can fail does, again and again.

At the end every bin of every branch's history must be in PostgreSQL once, as the branch has it,
and no branch may have declared anything lost.
"""

import asyncio
import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.acceptance.chain.cast import BranchProcess, Time, consuming, hub_process, stored
from tests.chain import HubProcess
from tests.chain_brokers import Chain, nats_cluster, nats_is_whole, start_nats
from tests.postgres import Postgres

CALM_WITHIN = 240.0  # seconds after the last fault until everything is where it belongs
PAUSE = (1.0, 5.0)  # seconds between two faults
MONTH = 30 * 86_400


@dataclass
class Stage:
    """Everybody, and what has happened to them."""

    folder: Path
    chain: Chain
    postgres: Postgres
    database: str
    hubs: list[HubProcess]
    branches: list[BranchProcess]
    chance: random.Random
    faults: Counter[str] = field(default_factory=Counter)

    # --- faults -----------------------------------------------------------------------------------

    async def cut(self) -> None:
        """A branch's line, for up to eight seconds."""
        relay = self._any().relay
        await relay.cut()
        await asyncio.sleep(self.chance.uniform(0.2, 8))
        await relay.mend()

    async def swallow(self) -> None:
        """What the broker acknowledges never arrives; then the line is cut."""
        relay = self._any().relay
        relay.swallows_answers = True
        await asyncio.sleep(self.chance.uniform(0.3, 2))
        await relay.cut()
        relay.swallows_answers = False
        await relay.mend()

    async def kill_gateway(self) -> None:
        """With whatever is under way."""
        branch = self._any()
        branch.kill()
        await asyncio.sleep(self.chance.uniform(0, 2))
        await asyncio.to_thread(branch.start)

    async def kill_node(self) -> None:
        """Of the cluster: any, its leader included."""
        if not await asyncio.to_thread(nats_is_whole, self.folder / "chain"):
            self.faults["nodes spared: the cluster was not whole"] += 1
            return
        node = self.chance.randrange(len(self.chain.nodes))
        self.chain.kill(node)
        await asyncio.sleep(self.chance.uniform(1, 4))
        start_nats(self.chain, self.folder / "chain", node)

    async def kill_hub(self) -> None:
        """The one that consumes; the other has to go on."""
        hub = await asyncio.to_thread(consuming, self.hubs)
        if hub is None:
            return
        hub.kill()
        await asyncio.sleep(self.chance.uniform(0.5, 6))
        await asyncio.to_thread(hub.start)

    async def restart_postgres(self) -> None:
        """In order, or as after a crash."""
        how = self.chance.choice((signal.SIGINT, signal.SIGQUIT))
        await asyncio.to_thread(self.postgres.restart, how)

    async def step_clock(self) -> None:
        """Somebody sets a branch's clock, by up to two hours."""
        self._any().step(self.chance.uniform(-7200, 7200))
        await asyncio.sleep(0.2)

    async def forget_rows(self) -> None:
        """The hub's database is not what it was: rows of a day are gone.

        The newest six hours are spared: clocks differ, and an open hour is proven once it is over.
        """
        newest = "(SELECT max(start) FROM bins)"
        query = f"DELETE FROM bins WHERE start BETWEEN {newest} - 86400 AND {newest} - 21600"
        with contextlib.suppress(psycopg.Error):
            async with await psycopg.AsyncConnection.connect(self.database) as conn:
                gone = await conn.execute(f"{query} AND random() < 0.02".encode())
                self.faults["rows deleted at the hub"] += gone.rowcount

    def _any(self) -> BranchProcess:
        return self.chance.choice(self.branches)


FAULTS: tuple[tuple[str, int, Callable[[Stage], Awaitable[None]]], ...] = (
    ("lines cut", 8, Stage.cut),
    ("acknowledgements swallowed", 6, Stage.swallow),
    ("gateways killed", 5, Stage.kill_gateway),
    ("nodes killed", 3, Stage.kill_node),
    ("hubs killed", 3, Stage.kill_hub),
    ("databases restarted", 2, Stage.restart_postgres),
    ("clocks set", 3, Stage.step_clock),
    ("deletions at the hub", 1, Stage.forget_rows),
)


@contextlib.asynccontextmanager
async def staged(
    folder: Path, branches: int, machines: int, seconds: float, seed: int
) -> AsyncIterator[Stage]:
    """Everybody is there; time passes so that `seconds` are a month for the longest campaign."""
    names = [f"branch-{number}" for number in range(branches)]
    (folder / "chain").mkdir()
    times = Time(speed=MONTH / max(seconds, 900.0))
    postgres = Postgres().start()
    with contextlib.ExitStack() as undo:
        undo.callback(postgres.remove)
        chain = undo.enter_context(nats_cluster(folder / "chain", names))
        database = postgres.database()
        hubs = [hub_process(folder / f"hub{n}", database, chain) for n in range(2)]
        for hub in hubs:
            undo.callback(hub.end)
            await asyncio.to_thread(hub.start)
        cast = [BranchProcess(folder / name, name, machines, chain, times) for name in names]
        for branch in cast:
            await branch.relay.mend()
            undo.callback(branch.stop)
            await asyncio.to_thread(branch.start)
        stage = Stage(folder, chain, postgres, database, hubs, cast, random.Random(seed))
        yield stage
        for branch in cast:
            await branch.relay.end()


async def torment(stage: Stage, seconds: float) -> None:
    """One fault after the other; some while another lasts."""
    names, weights, acts = zip(*FAULTS, strict=True)
    end = time.monotonic() + seconds
    talking = [asyncio.create_task(one.talk(one.gym)) for one in stage.branches]
    try:
        while time.monotonic() < end:
            await asyncio.sleep(stage.chance.uniform(*PAUSE))
            (at,) = stage.chance.choices(range(len(names)), weights)
            stage.faults[names[at]] += 1
            await acts[at](stage)
            print(f"{end - time.monotonic():6.0f} s left: {names[at]}", flush=True)
    finally:
        for task in talking:
            task.cancel()
        await asyncio.gather(*talking, return_exceptions=True)


async def settle(stage: Stage) -> float:
    """Time passes as it does from now on; seconds until nobody owes anybody anything."""
    began = time.monotonic()
    for branch in stage.branches:
        branch.calm()
    async with asyncio.timeout(CALM_WITHIN):
        while not await asyncio.to_thread(_is_settled, stage):
            await asyncio.sleep(1)
    return time.monotonic() - began


def _is_settled(stage: Stage) -> bool:
    hub = consuming(stage.hubs)
    with contextlib.suppress(OSError, KeyError):
        backlog = sum(branch.upstream()["backlogRows"] for branch in stage.branches)
        return hub is not None and backlog == 0 and not hub.doctor()["holes"] and not wrong(stage)
    return False


def wrong(stage: Stage) -> list[str]:
    """Bins that are not in PostgreSQL as their branch has them, and those that no branch has."""
    found = []
    for branch in stage.branches:
        wanted, had = branch.rows(), stored(stage.database, branch.gym)
        found += [
            f"{branch.gym} {at}: {row}, not {had.get(at)}"
            for at, row in wanted.items()
            if had.get(at) != row
        ]
        found += [f"{branch.gym} {at}: nobody's" for at in had.keys() - wanted.keys()]
    return found


def figures(stage: Stage, calm: float) -> dict[str, Any]:
    """What happened, and what became of it."""
    doctor = next(hub for hub in stage.hubs if hub.runs).doctor()
    branches = [branch.upstream() for branch in stage.branches]
    return {
        "faults": dict(stage.faults),
        "connections": sum(one["connections"] for one in branches),
        "bins": sum(len(branch.rows()) for branch in stage.branches),
        "revised": sum(row.revision > 0 for b in stage.branches for row in b.rows().values()),
        "hub": doctor["counts"],
        "askedOfBranches": sum(one["asked"] for one in branches),
        "declaredLost": len(doctor["lost"]),
        "deadLetters": [letter["reason"] for letter in doctor["deadLetters"]],
        "settledAfter": round(calm, 1),
        "wrong": wrong(stage),
    }


async def campaign(
    folder: Path, *, branches: int, machines: int, seconds: float, seed: int
) -> dict[str, Any]:
    """The figures; TimeoutError where it never settles."""
    async with staged(folder, branches, machines, seconds, seed) as stage:
        await torment(stage, seconds)
        try:
            calm = await settle(stage)
        except TimeoutError:
            print("\n".join(_open_ends(stage)), flush=True)
            raise
        return await asyncio.to_thread(figures, stage, calm)


def _open_ends(stage: Stage) -> Sequence[str]:
    """Why it does not settle."""
    hub = consuming(stage.hubs)
    told = [f"{branch.gym}: {branch.upstream()}" for branch in stage.branches]
    return [*told, f"hub: {hub.doctor() if hub else 'none consumes'}", *wrong(stage)[:20]]
