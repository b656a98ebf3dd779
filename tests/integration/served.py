"""The API over a memory model on free ports, and a reader of its streams."""

import asyncio
import json
import shutil
import socket
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import aiohttp

from config.sections import Alerts as AlertRules
from config.sections import Branch, Config, Http, Kiosk, Limits, Notify, Sensor, Store
from gateway.api.backing import Backing
from gateway.api.calls import OF_A_BRANCH
from gateway.api.credentials import Credentials, Write
from gateway.api.health import Health
from gateway.api.keys import Locksmith
from gateway.api.metrics import Metrics
from gateway.api.server import Server
from gateway.api.viewer import Viewer
from gateway.app.alerts import Alerts
from gateway.app.notify import Channels
from gateway.app.report import _sensor, newer_samples
from gateway.bus import Bus
from gateway.core.events import Event, Status
from gateway.core.machine import Machine
from gateway.core.occupancy import Rule
from gateway.core.opening import Opening
from gateway.core.trail import Trails
from gateway.pipeline.calibrations import Calibrations
from gateway.pipeline.judge import Hearing
from gateway.pipeline.previews import Previews
from gateway.recordings import Recordings
from gateway.samples import Samples
from gateway.store import notebook, people, schema
from tests.integration.memory_model import GYM, MemoryModel

MACHINES = (
    ("leg-press-01", "legs"),
    ("leg-press-02", "legs"),
    ("bench-01", "chest"),
    ("treadmill-01", "cardio"),
)
T = TypeVar("T")
PATIENCE = 10.0  # seconds; a loaded machine is slow, and this is no bench


@dataclass
class Wall:
    """A clock that goes by itself until it is set to epoch seconds."""

    now: float | None = None
    synchronised: bool = True
    assumed: bool = False

    def __call__(self) -> float:
        return time.time() if self.now is None else self.now

    wall = __call__
    monotonic = staticmethod(time.monotonic)

    @property
    def offset(self) -> float:
        return self() - time.monotonic()


@dataclass
class Served:
    """A running server and what stands behind it."""

    model: MemoryModel
    bus: Bus
    server: Server[Backing]
    socket_path: Path
    client: aiohttp.ClientSession
    credentials: Credentials
    ledger: sqlite3.Connection
    wall: Wall
    alerts: Alerts
    hearings: dict[str, Hearing]
    samples: Samples
    trails: Trails
    recordings: Recordings
    broker_told: int = 0
    """How often the broker was told of sensors' keys."""
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

    async def call(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> aiohttp.ClientResponse:
        """Any call, with a JSON body if there is one."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = await self.client.request(method, self.url + path, json=body, headers=names)
        await reply.read()
        return reply

    async def locally(self, method: str, path: str, body: object = None) -> Any:
        """Any call through the Unix socket; its JSON."""
        connector = aiohttp.UnixConnector(str(self.socket_path))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.request(method, f"http://localhost{path}", json=body) as reply,
        ):
            return await reply.json(content_type=None)

    async def key(self, role: str, **more: object) -> str:
        """The secret of a new key."""
        made = await self.locally("POST", "/admin/keys", {"role": role, **more})
        secret: str = made["secret"]
        return secret

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


def ledger_writer(ledger: sqlite3.Connection) -> Write:
    """Writes at once, in a transaction of its own."""

    async def write(work: Callable[[sqlite3.Connection], T]) -> T:
        ledger.execute("BEGIN")
        try:
            return work(ledger)
        finally:
            ledger.execute("COMMIT")

    return write


async def nothing_to_reload() -> Any:
    return SimpleNamespace(swapped=(), waiting=())


async def nothing_stored(_work: object) -> Any:
    """No history.db stands behind the memory model."""
    return {}


def heard(machine: str) -> Hearing:
    """A sensor of the machine's own name, that speaks on change."""
    found = Machine(machine, {machine: Rule(0, 0, 300, None)})
    return Hearing(machine, found, found.detectors[machine], repeats=False)


def sensor_rows(hearings: dict[str, Hearing], wall: Wall) -> dict[str, object]:
    """As the report has them."""
    sensors = [
        _sensor(Sensor(id=name, machine=name, topic=name), hearing, None, wall, lambda _hearing: [])
        for name, hearing in hearings.items()
    ]
    return {"asOf": wall(), "sensors": sensors}


@asynccontextmanager
async def serving(
    model: MemoryModel | None = None,
    limits: Limits | None = None,
    hosts: tuple[str, ...] = (),
    *,
    http: Http | None = None,
    master: bytes | None = None,
    rules: AlertRules = AlertRules(),  # noqa: B008  frozen
    notify: Notify = Notify(),  # noqa: B008  frozen
    kiosk: Kiosk = Kiosk(),  # noqa: B008  frozen
) -> AsyncIterator[Served]:
    """A server on a free port, with a client whose connections are not shared."""
    model, bus = model or MemoryModel(MACHINES), Bus()
    folder = Path(tempfile.mkdtemp(prefix="gw-", dir="/tmp"))
    ledger = schema.open_to_write(folder / "ledger.db", schema.ledger)
    config = Config(
        branch=Branch(id=GYM, name="Central"),
        http=http or Http(host="127.0.0.1", port=0, allowed_hosts=hosts),
        alerts=rules,
        notify=notify,
        kiosk=kiosk,
        store=Store(history=str(folder / "history.db")),
        limits=limits or Limits(streams_per_address=2000, exempt=("127.0.0.1",)),
    )
    write = ledger_writer(ledger)
    served: Served

    async def audited() -> list[notebook.Entry]:
        return notebook.audited(ledger, 100)

    async def tell_the_broker() -> None:
        served.broker_told += 1

    def say(machine: str, out: bool) -> "asyncio.Future[None]":
        served.publish(machine, Status.OUT_OF_SERVICE if out else Status.FREE)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    wall = Wall()
    credentials = Credentials(people.read(ledger), write, wall, tell_the_broker)
    opening = Opening(None, (), config.branch.timezone)
    channels = Channels(config, wall, lambda _topic, _payload: False)
    metrics = Metrics()
    samples, trails = Samples(), Trails()
    recordings = Recordings(wall.monotonic, lambda at: at + wall.offset)
    hearings = {view.machine: heard(view.machine) for view in model.snapshot().machines}
    alerts = Alerts(config, model, wall, opening, nothing_stored, write, channels, metrics.attempt)
    credentials.when_gone(alerts.forget_members)
    server = Server(
        Backing(
            config=config,
            model=model,
            bus=bus,
            credentials=credentials,
            locksmith=Locksmith(GYM, master, wall, lambda password: f"hash of {password}", audited),
            write=write,
            say=say,
            wall=wall,
            desk=alerts.desk,
            everybodys=alerts.desk,
            test_alert=alerts.drill.test,
            targets=alerts.targets,
            push_key=alerts.push_key,
            foretell=alerts.foretell,
            sensors=lambda: sensor_rows(hearings, wall),
            calibrations=Calibrations(hearings, write, wall),
            samples=partial(newer_samples, samples, wall),
            recordings=recordings,
            preview=Previews(hearings, trails, wall.monotonic).of,
            wall_of=lambda at: at + wall.offset,
            monotonic=wall.monotonic,
            audience=alerts.audience,
            chain=None,
            seen=alerts.seen,
            health=lambda: served.health,
            metrics=metrics,
            reload=nothing_to_reload,
            admin={"sensors": lambda query: {"sensors": [], **query}},
            socket_path=folder / "gateway.sock",
        ),
        OF_A_BRANCH,
    )
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, read_bufsize=2**22) as client:
        served = Served(
            model,
            bus,
            server,
            folder / "gateway.sock",
            client,
            credentials,
            ledger,
            wall,
            alerts,
            hearings,
            samples,
            trails,
            recordings,
        )
        bus.listen(alerts.ringing.ring)
        await alerts.load()
        metrics.ask(**alerts.counts())
        parts = [asyncio.create_task(part()) for part in (alerts.ringing.run, alerts.deliver)]
        await server.start()
        try:
            yield served
        finally:
            for part in parts:
                part.cancel()
            await asyncio.wait(parts)
            await server.stop()
            ledger.close()
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


class Talk:
    """A WebSocket client; batches are taken apart."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self._said: list[Any] = []

    async def ask(self, action: str, **more: object) -> Any:
        """Say something; the first answer to it."""
        await self.say(action, **more)
        return await self.next()

    async def say(self, action: str, **more: object) -> None:
        await self.ws.send_str(json.dumps({"action": action, **more}))

    async def next(self) -> Any:
        while not self._said:
            said = await self.ws.receive_json(timeout=PATIENCE)
            self._said = said["messages"] if said["type"] == "batch" else [said]
        return self._said.pop(0)

    async def seqs(self, count: int) -> list[int]:
        found: list[int] = []
        while len(found) < count:
            said = await self.next()
            if said["type"] != "heartbeat":
                found.append(said["seq"])
        return found


@asynccontextmanager
async def talking(api: Served, **headers: str) -> AsyncIterator[Talk]:
    """A WebSocket that is open."""
    async with api.client.ws_connect(f"{api.url}/ws", headers=headers) as ws:
        yield Talk(ws)
