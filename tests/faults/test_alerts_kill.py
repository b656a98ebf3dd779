"""`kill -9` at any moment: nothing rings twice, nothing due is lost, the order stays."""

import asyncio
import json
import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.process import GatewayProcess, gateway, native_config

SETTLE = 0.6  # seconds
HEAD_START = 0.8
KILLS = 6
WITHIN = 20.0  # seconds for what must happen: a loaded machine is slow


def branch(**alerts: object) -> str:
    terms = "\n".join(f"{name} = {json.dumps(value)}" for name, value in alerts.items())
    occupancy = "busy_after = 0\nfree_after = 0"
    return native_config(1, occupancy=occupancy, extra=f"[alerts]\nsettle = {SETTLE}\n{terms}")


class Member:
    """A phone: its calls, and what its stream was told."""

    def __init__(self, process: GatewayProcess, session: aiohttp.ClientSession) -> None:
        self._url = f"http://127.0.0.1:{process.port}"
        self._session = session
        self._headers: dict[str, str] = {}

    async def wait_for(self, **terms: object) -> "Member":
        token = (await self.call("/members", {}))["token"]
        self._headers = {"Authorization": f"Bearer {token}"}
        await self.call("/alerts", {"machineId": "m000", "next": True, **terms})
        return self

    async def call(self, path: str, body: object) -> Any:
        async with self._session.post(self._url + path, json=body, headers=self._headers) as reply:
            assert reply.status < 300, await reply.text()
            return await reply.json() if reply.status != 204 else None

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[Callable[[], Any]]:
        """How to wait for the next ring."""
        async with self._session.get(f"{self._url}/stream", headers=self._headers) as reply:

            async def ring() -> Any:
                async with asyncio.timeout(WITHIN):
                    while (await reply.content.readline()) != b"event: alert\n":
                        pass
                    return json.loads((await reply.content.readline()).removeprefix(b"data: "))

            yield ring


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as found:
        yield found


def becomes_free(process: GatewayProcess) -> None:
    process.publish("m000", occupied=True)
    process.wait_status("m000", "occupied")
    process.publish("m000", occupied=False)
    process.wait_status("m000", "free")


def rung(folder: Path) -> list[tuple[int, int]]:
    """(alert's number, edge) of every firing, in order."""
    with closing(sqlite3.connect(folder / "var/ledger.db")) as conn:
        return conn.execute("SELECT alert, seq FROM firings ORDER BY at").fetchall()


async def until(folder: Path, count: int) -> list[tuple[int, int]]:
    async with asyncio.timeout(WITHIN):
        while len(found := rung(folder)) < count:
            await asyncio.sleep(0.05)
    return found


def kill_and_start(process: GatewayProcess) -> None:
    process.kill()
    process.start()
    process.wait_port_up()


async def test_a_kill_while_it_settles_loses_no_ring(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    with gateway(tmp_path, branch()) as process:
        process.wait_port_up()
        member = await Member(process, session).wait_for()
        becomes_free(process)
        assert rung(tmp_path) == []
        kill_and_start(process)
        async with member.stream() as ring:
            assert (await ring())["machineId"] == "m000"
        assert len(rung(tmp_path)) == 1


async def test_what_rang_comes_again_over_a_kill_until_it_is_confirmed(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    with gateway(tmp_path, branch()) as process:
        process.wait_port_up()
        member = await Member(process, session).wait_for()
        becomes_free(process)
        async with member.stream() as ring:
            first = await ring()
        kill_and_start(process)
        async with member.stream() as ring:
            assert await ring() == first
        await member.call(f"/alerts/{first['alertId']}/seen", None)
        kill_and_start(process)
        async with member.stream() as ring:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(ring(), 2 * SETTLE)
        assert len(rung(tmp_path)) == 1


async def test_kills_within_head_starts_keep_the_order(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    with gateway(tmp_path, branch(head_start=HEAD_START)) as process:
        process.wait_port_up()
        for _ in range(4):
            await Member(process, session).wait_for()
        becomes_free(process)
        for told in (1, 2, 3):
            assert [alert for alert, _ in await until(tmp_path, told)] == [*range(1, told + 1)]
            kill_and_start(process)
        found = await until(tmp_path, 4)
        assert [alert for alert, _ in found] == [1, 2, 3, 4]
        assert len({edge for _, edge in found}) == 1


async def test_kills_at_any_moment_ring_each_edge_once(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    chance = random.Random(11)
    with gateway(tmp_path, branch(all_at_once=True)) as process:
        process.wait_port_up()
        for _ in range(3):
            await Member(process, session).wait_for(repeat=True, cooldown=0)
        for edge in range(1, KILLS + 1):
            becomes_free(process)
            await asyncio.sleep(chance.uniform(0.0, 1.3 * SETTLE))
            kill_and_start(process)
            found = await until(tmp_path, 3 * edge)
            assert len(found) == len(set(found)) == 3 * edge
        assert len({edge for _, edge in found}) == KILLS
