"""The API's backing: who may come in, and where their words go."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from config.secrets import secret
from config.sections import Config
from gateway.api.admin import AdminHandler
from gateway.api.backing import Backing
from gateway.api.credentials import Credentials
from gateway.api.health import Health
from gateway.api.keys import Locksmith
from gateway.api.metrics import Metrics
from gateway.api.previews import Look
from gateway.api.recordings import Recordings
from gateway.api.reload import Reload
from gateway.api.samples import Newer
from gateway.api.upstream import Chain
from gateway.app.alerts import Alerts
from gateway.app.ports import Ports
from gateway.bridge import Writer
from gateway.bus import Bus
from gateway.clock import SystemClock
from gateway.inbox import Inbox, Service
from gateway.pipeline.calibrations import Calibrations
from gateway.ports.broker_files import hashed
from gateway.readmodel import ReadModel
from gateway.store import notebook, people

T = TypeVar("T")
LEDGER = "ledger"
MASTER = "master"  # the credential that signed keys are derived from
SHORTEST = 32  # bytes of it
AUDIT_SHOWN = 500  # entries: what a person may want to look through


class Serving:
    """Makes the backing, and tells the broker of sensors' keys."""

    def __init__(
        self,
        config: Config,
        writer: Writer,
        ledger: sqlite3.Connection,
        clock: SystemClock,
        inbox: Inbox,
        ports: Ports,
    ) -> None:
        """`ledger` is read here, before it is the writer's. Raises SecretError."""
        self._config = config
        self._writer = writer
        self._clock = clock
        self._inbox = inbox
        self._ports = ports
        self._folder = Path(config.store.history).parent
        people.sweep(ledger)
        known = people.read(ledger)
        self.credentials = Credentials(known, self.write, clock.wall, self.let_sensors_in)
        self._master = master_of(self._folder)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """In the ledger's next transaction."""
        return await self._writer.run(LEDGER, work)

    async def let_sensors_in(self) -> None:
        """The broker's users are the sensor keys that are good now."""
        self._ports.let_in(await self.write(partial(people.sensor_users, now=self._clock.wall())))

    def backing(
        self,
        model: ReadModel,
        bus: Bus,
        health: Callable[[], Health],
        metrics: Metrics,
        admin: Mapping[str, AdminHandler],
        alerts: Alerts,
        sensors: Callable[[], Mapping[str, object]],
        calibrations: Calibrations,
        samples: Newer,
        recordings: Recordings,
        preview: Look,
        reload: Reload,
        chain: Chain | None,
    ) -> Backing:
        """What the API stands on."""
        return Backing(
            config=self._config,
            model=model,
            bus=bus,
            credentials=self.credentials,
            locksmith=Locksmith(
                gym=self._config.branch.id,
                master=self._master,
                wall=self._clock.wall,
                hashed=hashed,
                audited=partial(self.write, partial(notebook.audited, limit=AUDIT_SHOWN)),
            ),
            write=self.write,
            say=self._say,
            wall=self._clock.wall,
            wall_of=lambda at: at + self._clock.offset,
            monotonic=self._clock.monotonic,
            desk=alerts.desk,
            everybodys=alerts.desk,
            test_alert=alerts.drill.test,
            targets=alerts.targets,
            push_key=alerts.push_key,
            foretell=alerts.foretell,
            sensors=sensors,
            calibrations=calibrations,
            samples=samples,
            recordings=recordings,
            preview=preview,
            audience=alerts.audience,
            seen=alerts.seen,
            health=health,
            metrics=metrics,
            admin=admin,
            reload=reload,
            chain=chain,
            socket_path=self._folder / "gateway.sock",
        )

    def _say(self, machine: str, out: bool) -> "asyncio.Future[None]":  # noqa: FBT001  a protocol
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def receipt() -> None:
            if not done.done():
                done.set_result(None)

        self._inbox.put(Service(machine, out, self._clock.monotonic(), receipt))
        return done


def master_of(folder: Path) -> bytes | None:
    """The master secret, if there is one. Raises OSError: unreadable or short."""
    master = secret(MASTER, folder)
    if master is not None and len(master) < SHORTEST:
        raise OSError(f"the secret `{MASTER}` has {len(master)} bytes: write 32 random ones")
    return master
