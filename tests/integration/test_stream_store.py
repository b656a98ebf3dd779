"""Coming back to a real log: exactly what was missed, also when the gateway was away itself."""

import asyncio
import http.client
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from paho.mqtt import publish

from gateway.bridge import Readers
from gateway.core.events import Status
from gateway.store import schema
from gateway.store.branch import Branch
from tests.integration.memory_model import MemoryModel
from tests.integration.served import Served, serving, talking
from tests.integration.test_branch import MACHINES, made
from tests.process import GatewayProcess, gateway, native_config
from tests.stored import BOOT, OTHER_BOOT, Written, alive, dated, opened

STORED, AWAY, RATE = 100_000, 5_000, 500


class Gym:
    """A served branch with a real history file; what it does is stored, then published."""

    def __init__(self, store: Written, branch: Branch, api: Served) -> None:
        self.store, self.branch, self.api = store, branch, api
        self.epoch = branch.snapshot().cursor.epoch
        self.seq = branch.snapshot().cursor.seq

    def do(self, count: int) -> None:
        """So many changes, in one commit."""
        numbers = range(self.seq, self.seq + count)
        states = (Status.OCCUPIED, Status.FREE)
        changes = [dated(MACHINES[n % 5], states[n // 5 % 2], at=float(n)) for n in numbers]
        events = self.store.record(*changes, alive=alive(float(self.seq)))
        self.seq += count
        self.branch.apply(events)
        self.api.bus.publish(events)

    async def go_on(self, seconds: float) -> None:
        for _ in range(int(seconds * RATE / 5)):
            self.do(5)
            await asyncio.sleep(5 / RATE)


@asynccontextmanager
async def gym(path: Path, boot: str = BOOT) -> AsyncIterator[Gym]:
    with opened(path, boot) as store:
        readers = Readers(partial(schema.open_to_read, store.file.path))
        branch = made(store, readers)
        async with serving(cast("MemoryModel", branch)) as api:
            yield Gym(store, branch, api)
        readers.stop()


@pytest.fixture(scope="module")
def long_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "history.db"
    with opened(path) as store:
        for start in range(0, STORED, 5000):
            store.record(*(dated(MACHINES[n % 5], at=float(n)) for n in range(start, start + 5000)))
    return path


async def test_5000_of_100000_missed_events_come_in_order_and_then_live_ones(
    long_log: Path,
) -> None:
    async with gym(long_log) as branch:
        first = branch.seq - AWAY
        going = asyncio.create_task(branch.go_on(1.0))
        async with branch.api.stream(Last_Event_ID=f"{branch.epoch}-{first}") as stream:
            told = await stream.seqs(AWAY + RATE)
        await going
    assert told == list(range(first + 1, first + AWAY + RATE + 1))


async def test_a_socket_resumes_as_exactly(long_log: Path) -> None:
    async with gym(long_log) as branch, talking(branch.api) as talk:
        first = branch.seq - AWAY
        going = asyncio.create_task(branch.go_on(1.0))
        await talk.say("subscribe", since=f"{branch.epoch}-{first}")
        told = await talk.seqs(AWAY + RATE)
        await going
    assert told == list(range(first + 1, first + AWAY + RATE + 1))


async def test_who_was_away_for_too_long_is_told_so_once(long_log: Path) -> None:
    async with (
        gym(long_log) as branch,
        branch.api.stream(Last_Event_ID=f"{branch.epoch}-5") as stream,
    ):
        reset, snapshot = await stream.take(2)
        branch.do(1)
        assert await stream.seqs(1) == [branch.seq]
    assert (reset.data, snapshot.event) == ({"type": "reset", "reason": "too_old"}, "snapshot")


async def test_another_start_in_the_same_boot_goes_on_with_the_numbers(tmp_path: Path) -> None:
    async with gym(tmp_path / "h.db") as branch, branch.api.stream() as stream:
        await stream.next()
        branch.do(20)
        known = [await stream.next() for _ in range(10)][-1].id
    async with gym(tmp_path / "h.db") as branch:
        branch.do(20)
        async with branch.api.stream(Last_Event_ID=str(known)) as stream:
            assert await stream.seqs(30) == list(range(11, 41))


async def test_another_boot_after_an_unclean_end_is_one_reset(tmp_path: Path) -> None:
    async with gym(tmp_path / "h.db") as branch:
        branch.do(20)
        known = f"{branch.epoch}-{branch.seq}"
    async with (
        gym(tmp_path / "h.db", OTHER_BOOT) as branch,
        branch.api.stream(Last_Event_ID=known) as stream,
    ):
        reset, snapshot = await stream.take(2)
        branch.do(1)
        assert await stream.seqs(1) == [branch.seq]
    assert (reset.data["reason"], snapshot.event) == ("another_epoch", "snapshot")


@pytest.fixture
def process(tmp_path: Path) -> Iterator[GatewayProcess]:
    config = native_config(3, occupancy="busy_after = 0\nfree_after = 0")
    with gateway(tmp_path, config) as running:
        running.wait_port_up()
        yield running


def test_a_client_resumes_at_a_gateway_that_was_killed(process: GatewayProcess) -> None:
    publish_turns(process, 4)
    (known,) = ids(process, "", 1)  # of the snapshot
    process.kill()
    process.start()
    process.wait_port_up()
    publish_turns(process, 6)
    epoch, _, seq = known.rpartition("-")
    assert ids(process, known, 3) == [f"{epoch}-{int(seq) + n}" for n in (1, 2, 3)]


def publish_turns(process: GatewayProcess, count: int) -> None:
    for number in range(count):
        payload = b'{"occupied": %s}' % (b"false" if number % 2 else b"true")
        topic = "gyms/test/machines/m000/occupancy"
        publish.single(topic, payload, 1, port=process.broker_port())
        process.wait_status("m000", "free" if number % 2 else "occupied")


def ids(process: GatewayProcess, since: str, count: int) -> list[str]:
    """The ids of the first so many events that bear one."""
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=10)
    found: list[str] = []
    with closing(connection):
        connection.request("GET", "/stream", headers={"Last-Event-ID": since} if since else {})
        reply = connection.getresponse()
        while len(found) < count:
            line = reply.readline().decode()
            found += [line[4:].strip()] if line.startswith("id: ") else []
    return found
