"""The composition root of a chain's hub."""

import asyncio
import gc
import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TypeVar

from config.hub import HubConfig
from config.secrets import secret
from config.sections import Branch, Config
from gateway.api.audience import Audience
from gateway.api.calls_of_a_chain import OF_A_CHAIN, ChainBacking
from gateway.api.credentials import Credentials
from gateway.api.health import Health
from gateway.api.keys import Locksmith
from gateway.api.metrics import Metrics, Read
from gateway.api.server import Server
from gateway.app.serving import AUDIT_SHOWN, LEDGER, master_of
from gateway.bridge import File, Writer
from gateway.bus import Bus
from gateway.core.presence import Presence
from gateway.hub import doctor
from gateway.hub.consumer import Consumer
from gateway.hub.database import Database
from gateway.hub.follower import Follower
from gateway.hub.model import Chain
from gateway.hub.picture import Picture
from gateway.ports.broker_files import hashed
from gateway.ports.chain_port import ChainPort, Login
from gateway.store import notebook, people, schema
from gateway.store.lock import Lock
from gateway.supervision import Supervisor, Systemd

T = TypeVar("T")
NOBODY = "hub"  # stands where a branch's own id would: a hub has no machines of its own
SYNC_WITHIN = 5.0  # seconds a power cut may cost of the keys that were made here
COLLECT = (10_000, 50, 100)  # rarely all: looking at 500 branches stops us for 50 ms
NOTE_USE_EVERY = 60.0  # seconds

log = logging.getLogger(__name__)


class ChainHub:
    """One hub of a chain: serves all the time, and consumes while no other one does."""

    def __init__(self, config: HubConfig) -> None:
        """Open what is ours alone. Raises OSError, SecretError, sqlite3.Error."""
        self._config = config
        folder = self._folder = Path(config.hub.folder)
        folder.mkdir(parents=True, exist_ok=True)
        ledger = folder / "ledger.db"
        self._lock = Lock(ledger)
        with schema.readable(ledger):
            conn = schema.open_to_write(ledger, schema.ledger)
        self._writer = Writer({LEDGER: File(conn, ledger)}, SYNC_WITHIN)
        self._credentials = Credentials(people.read(conn), self._write, time.time, _nobody_to_tell)
        self._database = Database(config.hub.postgres, _password("postgres-password", folder))
        self._port = _port(config, folder)
        self._consumer = Consumer(config, self._database.connect, self._port, time.time)
        self._supervisor, self._systemd = Supervisor(), Systemd()
        self._bus, self._picture, self._metrics = Bus(), Picture(), Metrics()
        self._model = Chain(self._picture, self._database.read, time.time)
        self._follower = Follower(
            self._database.connect, self._picture, self._bus, self._begin_anew
        )
        self._server: Server[ChainBacking] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set. Raises psycopg.Error: there is no database at the start."""
        async with AsyncExitStack() as undo:
            self._writer.start()
            undo.callback(self._lock.free)
            undo.callback(self._writer.stop)
            await self._database.open()
            undo.push_async_callback(self._database.close)
            await self._follower.load()
            gc.set_threshold(*COLLECT)
            server = self._server = Server(self._backing(), OF_A_CHAIN)
            await server.start()
            undo.push_async_callback(server.stop)
            self._metrics.ask(**self._sources(server))
            await self._work(stop, server.port)
            await self._credentials.note_use()

    async def _work(self, stop: asyncio.Event, port: int) -> None:
        parts = {
            "follower": self._follower.run,
            "consumer": self._consumer.run,
            "keys": self._note_use,
        }
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(self._supervisor.keep(name, run)) for name, run in parts.items()
            ]
            running.append(tasks.create_task(self._systemd.feed(self._moved)))
            self._systemd.tell("READY=1")
            log.info("%s is on port %d; stop with Ctrl-C or SIGTERM", self._config.hub.name, port)
            await stop.wait()
            self._systemd.tell("STOPPING=1")
            for task in running:
                task.cancel()

    # --- what stands behind the API ---------------------------------------------------------

    def _backing(self) -> ChainBacking:
        master = master_of(self._folder)
        audited = partial(self._write, partial(notebook.audited, limit=AUDIT_SHOWN))
        return ChainBacking(
            config=_as_branch(self._config),
            model=self._model,
            bus=self._bus,
            credentials=self._credentials,
            locksmith=Locksmith(NOBODY, master, time.time, hashed, audited),
            wall=time.time,
            audience=Audience(Presence(time.monotonic())),
            seen=lambda _member: None,
            health=self._health,
            metrics=self._metrics,
            admin={"hub": lambda _query: self._report()},
            socket_path=self._folder / "gateway.sock",
            having=self._picture.having,
        )

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._writer.run(LEDGER, work)

    async def _note_use(self) -> None:
        while True:
            await asyncio.sleep(NOTE_USE_EVERY)
            await self._credentials.note_use()

    async def _moved(self, _within: float) -> bool:
        return self._server is not None and await self._server.answers()

    def _begin_anew(self, reason: str) -> None:
        if self._server is not None:
            self._server.reset_streams(reason)

    def _health(self) -> Health:
        parts = dict(self._supervisor.faults)
        if self._follower.problem or self._consumer.problem:
            parts["database"] = self._follower.problem or self._consumer.problem
        if self._consumer.leads and self._port.problem:
            parts["broker"] = self._port.problem
        return Health(ready=True, degraded=bool(parts), parts=parts, details=self._report())

    def _report(self) -> dict[str, object]:
        return {
            "consumes": self._consumer.leads,
            "broker": self._port.problem or "connected",
            "branches": len(self._picture.branches()),
            "silent": self._picture.silent(),
            "cursor": str(self._picture.cursor),
            "counts": self._follower.counts,
        }

    def _sources(self, server: Server[ChainBacking]) -> dict[str, Read]:
        return {
            "machines": self._model.counts,
            "streams": lambda: Counter(v.framing.transport for v in server.hub.streams()),
            "deliveries": server.hub.deliveries,
            "drops": server.hub.drops,
            "chain_consumes": lambda: float(self._consumer.leads),
            "chain_branches": lambda: len(self._picture.branches()),
            "chain_silent": lambda: len(self._picture.silent()),
            "chain_counts": lambda: self._follower.counts,
        }


def _port(config: HubConfig, folder: Path) -> ChainPort:
    broker = config.broker
    password = _password("broker-password", folder)
    login = Login(broker.client_id, None, password, broker.ca)
    return ChainPort(broker.urls, login, broker.protocol)


def _password(name: str, folder: Path) -> str | None:
    found = secret(name, folder)
    return None if found is None else found.decode()


def _as_branch(config: HubConfig) -> Config:
    """What the server asks of a branch's configuration."""
    branch = Branch(id=NOBODY, name=config.hub.name, public_url=config.hub.public_url)
    return Config(branch=branch, http=config.http, limits=config.limits)


async def _nobody_to_tell() -> None: ...


async def examine(config: HubConfig, letters: int) -> doctor.Report:
    """What the database says of itself; `letters`: so many dead ones. Raises OSError."""
    database = Database(
        config.hub.postgres, _password("postgres-password", Path(config.hub.folder))
    )
    return await database.ask(partial(doctor.examine, letters=letters, now=time.time()))
