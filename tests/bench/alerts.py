"""A machine that thousands wait for becomes free: when phones ring, and what an edge costs."""

import asyncio
import re
import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from threading import Thread
from zoneinfo import ZoneInfo

import aiohttp

from gateway.core.alerts import Alert, Book
from gateway.core.events import Cause, Cursor, Event, Status
from gateway.core.rings import Moment, Patience, Reach, Rings
from tests.bench.harness import Row, folder_on_disk, percentile
from tests.process import GatewayProcess, gateway, native_config

SETTLE = 0.5  # seconds
MACHINES = 100
AT_ONCE = 40  # calls under way while members subscribe
WITHIN = 60.0  # seconds for all to hear of one edge
STREAM = b"GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %b\r\n\r\n"
ALERT = b"event: alert\n"
EDGE = rb'"firingId":"[^"]*-(\d+)"'
LIMITS = """
[limits]
streams = 1000
streams_per_address = 1000
exempt = ["127.0.0.1"]
[alerts]
settle = {settle}
all_at_once = true
"""


def bench(short: bool) -> list[Row]:
    """The whole gateway with its broker and disk; then the rules alone."""
    waiting, streams, edges = (100, 20, 2) if short else (2000, 500, 10)
    with folder_on_disk() as folder:
        late = asyncio.run(_whole(folder, waiting, streams, edges))
    return [*_rings(late, waiting, streams), *_rules(500 if short else 10_000)]


def _rings(late: list[float], waiting: int, streams: int) -> list[Row]:
    crowd = f"{waiting} wait, {streams} streams"
    return [
        Row(f"end of settle to alert on SSE, p50, {crowd}", percentile(late, 50) * 1000, "ms"),
        Row("the same, p99", percentile(late, 99) * 1000, "ms", target="≤ 50 ms"),
        Row("the same, longest", max(late) * 1000, "ms"),
    ]


# --- the whole gateway --------------------------------------------------------------------------


async def _whole(folder: Path, waiting: int, streams: int, edges: int) -> list[float]:
    """Seconds from the end of the settle time to each stream's `alert`."""
    config = native_config(
        2, occupancy="busy_after = 0\nfree_after = 0", extra=LIMITS.format(settle=SETTLE)
    )
    with gateway(folder, config) as process:
        process.wait_port_up()
        connector = aiohttp.TCPConnector(limit=0)
        url = f"http://127.0.0.1:{process.port}"
        async with aiohttp.ClientSession(url, connector=connector) as session:
            tokens = await _subscribe(session, waiting)
            spread = tokens[:: waiting // streams][:streams]
            phones = Phones(process.port, spread)
            phones.start()
            await asyncio.sleep(2.0)  # every snapshot is read
            for edge in range(1, edges + 1):
                _becomes_free(process)
                await _until(lambda: phones.rings >= edge * streams)  # noqa: B023  awaited at once
            heard = phones.stop()
    settled = _settled(folder)
    return [at - settled[seq] for seq, at in heard]


async def _subscribe(session: aiohttp.ClientSession, count: int) -> list[str]:
    """That many members, each of whom waits for any machine of the category, for ever."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one() -> str:
        async with room:
            async with session.post("/members") as reply:
                token: str = (await reply.json())["token"]
            wish = {"category": "all", "repeat": True, "cooldown": 0, "next": True}
            headers = {"Authorization": f"Bearer {token}"}
            async with session.post("/alerts", json=wish, headers=headers) as reply:
                assert reply.status == 201, await reply.text()
            return token

    return await asyncio.gather(*(one() for _ in range(count)))


class Phones(Thread):
    """Open streams, read by one thread that does nothing but note when bytes came."""

    def __init__(self, port: int, tokens: list[str]) -> None:
        super().__init__(daemon=True)
        self.rings = 0
        self._pieces: list[tuple[float, bytes]] = []
        self._selector = DefaultSelector()
        self._open = True
        for token in tokens:
            phone = socket.create_connection(("127.0.0.1", port))
            phone.sendall(STREAM % token.encode())
            self._selector.register(phone, EVENT_READ)

    def run(self) -> None:
        while self._open:
            for key, _ in self._selector.select(0.1):
                data = key.fileobj.recv(65536)  # type: ignore[union-attr]  # a socket
                self._pieces.append((time.time(), data))
                self.rings += data.count(ALERT)

    def stop(self) -> list[tuple[int, float]]:
        """(the edge's seq, when) of each ring."""
        self._open = False
        self.join()
        for key in [*self._selector.get_map().values()]:
            key.fileobj.close()  # type: ignore[union-attr]  # a socket
        return [(int(seq), at) for at, data in self._pieces for seq in re.findall(EDGE, data)]


def _becomes_free(process: GatewayProcess) -> None:
    process.publish("m000", occupied=True)
    process.wait_status("m000", "occupied")
    process.publish("m000", occupied=False)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN):
        while not condition():
            await asyncio.sleep(0.01)


def _settled(folder: Path) -> dict[int, float]:
    """When each edge had settled, epoch seconds."""
    with closing(sqlite3.connect(folder / "var/history.db")) as conn:
        return {seq: at + SETTLE for seq, at in conn.execute("SELECT seq, timestamp FROM events")}


# --- the rules alone ----------------------------------------------------------------------------


def _rules(count: int) -> list[Row]:
    spread = _edge([f"m{number % MACHINES}" for number in range(count)])
    one = _edge(["m0"] * count)
    naive = _naive(count)
    return [
        Row(f"an edge, {count:,} wait on {MACHINES} machines", spread, "ms", "scan", naive, "≤ 1"),
        Row(f"an edge, {count:,} wait on one machine", one, "ms", "scan", naive, "≤ 1"),
        Row("the same, where it proves nothing", _unproven(count), "ms", "scan", naive, "≤ 1"),
    ]


def _edge(wanted: list[str]) -> float:
    """Milliseconds of an edge: taken, free, settled, the first of the queue told."""
    book = Book({f"m{number}": "all" for number in range(MACHINES)})
    for number, machine in enumerate(wanted, start=1):
        book.put(_alert(number, machine))
    rings = Rings(book, Patience(10.0, 60.0), ZoneInfo("Europe/London"))
    edges = 200
    began = time.perf_counter()
    for edge in range(edges):
        now = edge * 100.0
        for turn, status in enumerate((Status.OCCUPIED, Status.FREE)):
            seq = edge * 2 + turn + 1
            event = Event(seq, "e", "m0", status, Cause.OBSERVED, now, now, True, None)
            rings.take(event, 0.0, now)
        told = rings.turn(Moment(now + 10.0, now, True, lambda _member: Reach.STREAM))
        assert len(told.firings) == 1
    return (time.perf_counter() - began) / edges * 1000


def _unproven(count: int) -> float:
    """Milliseconds of an edge that rings nobody, and counts for all who wait."""
    book = Book({"m0": "all"})
    for number in range(1, count + 1):
        book.put(_alert(number, "m0"))
    rings = Rings(book, Patience(10.0, 60.0), ZoneInfo("Europe/London"))
    began = time.perf_counter()
    for seq in range(1, 401):
        status = Status.FREE if seq % 2 else Status.UNKNOWN
        rings.take(Event(seq, "e", "m0", status, Cause.OBSERVED, 0.0, 0.0, True, None), 0.0, 0.0)
    return (time.perf_counter() - began) / 200 * 1000


def _naive(count: int) -> float:
    """What looking at every alert would cost."""
    alerts = [_alert(number, f"m{number % MACHINES}") for number in range(count)]
    began = time.perf_counter()
    for _ in range(20):
        assert [alert for alert in alerts if alert.machine == "m0" and alert.expires > 0]
    return (time.perf_counter() - began) / 20 * 1000


def _alert(number: int, machine: str) -> Alert:
    return Alert(
        number=number,
        id=f"a{number}",
        member=f"member{number}",
        machine=machine,
        category=None,
        quiet=None,
        expires=1e12,
        repeat=True,
        cooldown=0.0,
        note="",
        created=0.0,
        since=Cursor("e", 0),
    )
