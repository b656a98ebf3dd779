"""The API over a memory model on free ports, and a reader of its streams."""

import asyncio
import json
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from config.sections import Branch, Config, Http, Limits
from gateway.api.health import Health
from gateway.api.server import Server
from gateway.api.viewer import Viewer
from gateway.bus import Bus
from gateway.core.events import Event, Status
from tests.integration.memory_model import GYM, MemoryModel

MACHINES = (
    ("leg-press-01", "legs"),
    ("leg-press-02", "legs"),
    ("bench-01", "chest"),
    ("treadmill-01", "cardio"),
)
PATIENCE = 10.0  # seconds; a loaded machine is slow, and this is no bench


@dataclass
class Served:
    """A running server and what stands behind it."""

    model: MemoryModel
    bus: Bus
    server: Server
    socket_path: Path
    client: aiohttp.ClientSession
    health: Health = field(default_factory=lambda: Health(ready=True, degraded=False))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def publish(self, machine: str, status: Status = Status.FREE) -> Event:
        """Commit, then publish."""
        event = self.model.change(machine, status)
        self.bus.publish([event])
        return event

    async def get(self, path: str, **headers: str) -> aiohttp.ClientResponse:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = await self.client.get(self.url + path, headers=names)
        await reply.read()
        return reply

    async def json(self, path: str, status: int = 200) -> Any:
        reply = await self.get(path)
        assert reply.status == status, await reply.text()
        return await reply.json(content_type=None)

    @asynccontextmanager
    async def stream(self, query: str = "", **headers: str) -> AsyncIterator["Stream"]:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.get(f"{self.url}/stream{query}", headers=names) as reply:
            assert reply.status == 200, await reply.text()
            yield Stream(reply)


@dataclass
class Said:
    """One event of a stream."""

    event: str
    id: str | None
    data: Any


class Stream:
    """Reads server-sent events."""

    def __init__(self, reply: aiohttp.ClientResponse) -> None:
        self.reply = reply
        self.retry: int | None = None

    async def next(self) -> Said:
        """The next event; asyncio.IncompleteReadError at the end."""
        async with asyncio.timeout(PATIENCE):
            while True:
                said = self._parse(await self.reply.content.readuntil(b"\n\n"))
                if said is not None:
                    return said

    async def take(self, count: int) -> list[Said]:
        return [await self.next() for _ in range(count)]

    async def seqs(self, count: int) -> list[int]:
        found: list[int] = []
        while len(found) < count:
            said = await self.next()
            if said.event != "heartbeat":  # they come when time passes, here as anywhere
                found.append(said.data["seq"])
        return found

    def _parse(self, block: bytes) -> Said | None:
        fields = dict(line.split(": ", 1) for line in block.decode().strip("\n").split("\n"))
        self.retry = int(fields["retry"]) if "retry" in fields else self.retry
        if "data" not in fields:
            return None
        return Said(fields["event"], fields.get("id"), json.loads(fields["data"]))


@asynccontextmanager
async def serving(
    model: MemoryModel | None = None, limits: Limits | None = None, hosts: tuple[str, ...] = ()
) -> AsyncIterator[Served]:
    """A server on a free port, with a client whose connections are not shared."""
    model, bus = model or MemoryModel(MACHINES), Bus()
    folder = Path(tempfile.mkdtemp(prefix="gw-", dir="/tmp"))
    health: Callable[[], Health] = lambda: served.health  # noqa: E731  it looks at what comes next
    server = Server(
        model,
        bus,
        Config(
            branch=Branch(id=GYM, name="Central"),
            http=Http(host="127.0.0.1", port=0, allowed_hosts=hosts),
            limits=limits or Limits(streams_per_address=2000),
        ),
        health=health,
        admin={"sensors": lambda query: {"sensors": [], **query}},
        socket_path=folder / "gateway.sock",
    )
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, read_bufsize=2**22) as client:
        served = Served(model, bus, server, folder / "gateway.sock", client)
        await server.start()
        try:
            yield served
        finally:
            await server.stop()
            shutil.rmtree(folder)


async def raw(port: int, request: bytes) -> bytes:
    """What the server answers to these bytes until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        async with asyncio.timeout(PATIENCE):
            return await reader.read()
    finally:
        writer.close()


async def settled(condition: Callable[[], object]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


def viewers(api: Served) -> list[Viewer]:
    """Who is up to date and follows."""
    return api.server.hub._viewers()


def unread(port: int) -> socket.socket:
    """A client that asks for the stream and never reads it."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", port))
    sock.send(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return sock


async def fall_behind(api: Served) -> None:
    """Publish until a viewer does not keep up."""
    async with asyncio.timeout(PATIENCE):
        while all(viewer.behind_since is None for viewer in viewers(api)):
            for _ in range(100):
                api.publish("bench-01")
            await asyncio.sleep(0)
