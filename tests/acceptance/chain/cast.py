"""Who plays in a chain under fire: branches with faster clocks, hubs, a cluster, a database."""

import asyncio
import random
import sqlite3
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from gateway.core.digests import Row, row_of
from gateway.store import bins
from tests.chain import HubProcess
from tests.chain_brokers import Chain, password
from tests.chained import Relay
from tests.process import GatewayProcess, native_config

OCCUPANCY = "busy_after = 0\nfree_after = 0\nstale_after = 86400"
WORDS = 10  # of sensors, a second and branch
NEVER = 1e18  # monotonic seconds
ROWS = """
SELECT machines.machine, start, revision, occupied, observed, sessions, seconds
FROM bins JOIN machines ON machines.number = bins.machine WHERE gym = %s
"""


@dataclass
class Time:
    """From when on it passes faster, and how much."""

    speed: float
    began: float = field(default_factory=time.monotonic)
    wall: float = 0.0

    def __post_init__(self) -> None:
        """A month ago by default: bins of the future are refused."""
        self.wall = self.wall or time.time() - 31 * 86_400

    def __str__(self) -> str:
        return f"{self.speed} {self.began} {self.wall}"


class BranchProcess(GatewayProcess):
    """A real gateway, killed and started again, behind a line that can be cut."""

    module = "tests.lapse"

    def __init__(self, folder: Path, gym: str, machines: int, chain: Chain, times: Time) -> None:
        folder.mkdir()
        self.gym = gym
        self.relay = Relay(chain.ports[0])
        self.steps = folder / "steps"
        self.stepped, self.calm_at = 0.0, NEVER
        upstream = (
            f'[upstream]\nurl = "mqtts://{gym}@127.0.0.1:{self.relay.port}"\n'
            f'ca = "{chain.authority}"\ndrain = 100'
        )
        config = native_config(machines, occupancy=OCCUPANCY, extra=upstream)
        super().__init__(folder, config.replace('id = "test"', f'id = "{gym}"'))
        self.env = {"LAPSE": str(times), "LAPSE_STEP": str(self.steps)}
        _secret(folder / "var/secrets/upstream-password", password(gym))
        self.names = [f"m{number:03d}" for number in range(machines)]

    def step(self, seconds: float) -> None:
        """Somebody sets its clock."""
        self.stepped += seconds
        self._tell()

    def calm(self) -> None:
        """From now on its time passes as ours."""
        self.calm_at = time.monotonic()
        self._tell()

    def _tell(self) -> None:
        self.steps.write_text(f"{self.stepped} {self.calm_at}")

    def upstream(self) -> Any:
        """As `gateway upstream status --json`."""
        return self.local("/admin/upstream")

    def rows(self) -> dict[tuple[str, int], Row]:
        """Every closed bin of its history."""
        with sqlite3.connect(f"file:{self.folder}/var/history.db?mode=ro", uri=True) as conn:
            found = (bins.read(conn, name, 0, 2**31) for name in self.names)
            return {(one.machine, one.start): row_of(one) for each in found for one in each}

    async def talk(self, seed: str) -> None:
        """Its sensors, until cancelled; what nobody hears is lost."""
        chance = random.Random(seed)
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        client.reconnect_delay_set(1, 1)
        client.connect("127.0.0.1", self.broker_port())
        client.loop_start()
        try:
            while True:
                topic = f"gyms/{self.gym}/machines/{chance.choice(self.names)}/occupancy"
                client.publish(topic, chance.choice(("ON", "OFF")), 0)
                await asyncio.sleep(1 / WORDS)
        finally:
            client.disconnect()
            client.loop_stop()


def hub_process(folder: Path, postgres: str, chain: Chain) -> HubProcess:
    """One that asks at once for what it misses."""
    hub = HubProcess(folder, postgres, "")
    urls = ", ".join(f'"mqtts://hub@localhost:{port}"' for port in chain.ports)
    config = folder / "hub.toml"
    broker = f'urls = [{urls}]\nca = "{chain.authority}"\ndeaf_after = 60'
    text = config.read_text().replace('urls = [""]', broker)
    config.write_text(f"{text}[proof]\nsettle = 0\nask_every = 5\nagain = 20\ncalm = 0.5\n")
    _secret(folder / "var/hub/secrets/broker-password", password("hub"))
    return hub


def stored(postgres: str, gym: str) -> dict[tuple[str, int], Row]:
    """What the hub has of a branch: rows as they were measured, merged ones left out."""
    with psycopg.connect(postgres) as conn:
        found = [Row(*row) for row in conn.execute(ROWS, [gym])]
    return {(row.machine, row.start): row for row in found if row.seconds == 900}


def consuming(hubs: list[HubProcess]) -> HubProcess | None:
    """The one that does, if any."""
    for hub in hubs:
        with suppress(Exception):
            if hub.runs and hub.consumes():
                return hub
    return None


def _secret(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
