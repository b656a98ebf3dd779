"""A chain for tests: its broker, its hubs in processes of their own, and branches that speak."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from gateway.chain import (
    Branch,
    Category,
    Counted,
    Digest,
    Lost,
    Machine,
    Summary,
    bins_of,
    encode,
)
from gateway.core.digests import DAY, HOUR, Row, hour_digest
from tests.process import LocalConnection, free_port

PATIENCE = 30.0  # seconds; a loaded machine is slow, and this is no bench
MACHINES = ("bench-01", "press-01")


def until(condition: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """What the condition gives once it is true."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        with suppress(OSError, HTTPException, KeyError, IndexError):
            if found := condition():
                return found
        time.sleep(0.02)
    raise TimeoutError


class ChainBroker:
    """A mosquitto that keeps its sessions when it is started again."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._config = folder / "chain.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
            f"persistence_location {folder}/\nmax_queued_messages 0\nuser root\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://hub@127.0.0.1:{self.port}"

    def start(self) -> Self:
        with (self._folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["mosquitto", "-c", str(self._config)], stdout=log, stderr=log
            )
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)


class Speaker:
    """A branch at the chain's broker; every publication is acknowledged before the next word."""

    def __init__(self, broker: ChainBroker, gym: str = "hk-central") -> None:
        self.gym = gym
        self.asked: list[dict[str, Any]] = []
        self._client = Client(
            CallbackAPIVersion.VERSION2, f"gym-{gym}", protocol=MQTTProtocolVersion.MQTTv5
        )
        self._client.on_message = self._hear
        until(lambda: not self._client.connect("127.0.0.1", broker.port))
        self._client.loop_start()
        self._client.subscribe(f"gyms/{gym}/request", 1)

    def _hear(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.asked.append(json.loads(message.payload))

    def say(self, kind: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(f"gyms/{self.gym}/{kind}", payload, 1, retain).wait_for_publish(10)

    def describe(self, latitude: float = 22.28, longitude: float = 114.16, **more: Any) -> None:
        told = Branch(
            gym_id=self.gym,
            name=self.gym.title(),
            latitude=latitude,
            longitude=longitude,
            timezone="Asia/Hong_Kong",
            public_url=f"https://{self.gym}.example.org",
            categories=(Category(category="legs", name="Legs"),),
            machines=tuple(Machine(machine_id=m, name=m, category="legs") for m in MACHINES),
            **more,
        )
        self.say("branch", encode(told), retain=True)

    def summarise(self, seq: int, *statuses: str, as_of: float | None = None) -> None:
        """The machines' statuses in turn."""
        at = as_of or time.time()
        told = Summary(
            gym_id=self.gym,
            epoch="e1",
            seq=seq,
            as_of=at,
            open=True,
            machines={m: (s, at, "observed") for m, s in zip(MACHINES, statuses, strict=False)},
            categories=(
                Counted(
                    category="legs",
                    name="Legs",
                    total=2,
                    free=statuses.count("free"),
                    occupied=statuses.count("occupied"),
                    unknown=0,
                    out_of_service=0,
                ),
            ),
        )
        self.say("summary", encode(told), retain=True)

    def send(self, *rows: Row) -> None:
        for start in range(0, len(rows), 500):
            self.say("bins", encode(bins_of(self.gym, rows[start : start + 500])))

    def prove(self, day: str, begin: int, rows: list[Row], lost: tuple[Lost, ...] = ()) -> None:
        hours: list[tuple[int, str] | None] = []
        for hour in range(24):
            of_hour = [r for r in rows if (r.start - begin) // HOUR == hour]
            hours.append(hour_digest(of_hour) if of_hour else None)
        told = Digest(gym_id=self.gym, day=day, as_of=time.time(), hours=tuple(hours), lost=lost)
        self.say(f"digest/{day}", encode(told), retain=True)

    def wait(self) -> None:
        """Until it is connected again."""
        until(self._client.is_connected)

    def leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class HubProcess:
    """`gateway hub run` in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        postgres: str,
        broker: str,
        more: str = "",
        silent: float = 2100,
        protocol: str = "auto",
    ) -> None:
        folder.mkdir()
        self.folder = folder
        self.port = free_port()
        self.log = folder / "hub.log"
        self._config = folder / "hub.toml"
        self._config.write_text(
            f'[hub]\npostgres = "{postgres}"\nsilent_after = {silent}\n'
            f'[broker]\nurls = ["{broker}"]\nprotocol = "{protocol}"\n'
            f'[http]\nhost = "127.0.0.1"\nport = {self.port}\n'
            f'[limits]\nexempt = ["127.0.0.1"]\n{more}'
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "hub", "run", "--config", "hub.toml"],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
            )
        try:
            until(lambda: self.get("/health/ready")["ready"])
        except TimeoutError:
            raise TimeoutError(self.log.read_text()) from None
        return self

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code."""
        if self._process is None:
            return 0
        self._process.send_signal(how)
        code = self._process.wait(15)
        self._process = None
        return code

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    @property
    def runs(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        connection = LocalConnection(self.folder / "var/hub/gateway.sock")
        with closing(connection):
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            return reply.status, json.loads(reply.read())

    def page(self, path: str) -> tuple[int, str]:
        connection = LocalConnection(self.folder / "var/hub/gateway.sock")
        with closing(connection):
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()

    def header(self, path: str, name: str) -> str | None:
        connection = LocalConnection(self.folder / "var/hub/gateway.sock")
        with closing(connection):
            connection.request("GET", path)
            return connection.getresponse().getheader(name)

    def get(self, path: str) -> Any:
        return self.call("GET", path)[1]

    def consumes(self) -> bool:
        """Whether it is the one, and has subscribed."""
        told = self.get("/admin/hub")
        return bool(told["consumes"]) and told["broker"] == "connected"

    def counts(self) -> dict[str, int]:
        found: dict[str, int] = self.get("/admin/hub")["counts"]
        return found

    def report(self) -> str:
        """What `doctor` tells a person."""
        return self._said("hub", "doctor")

    def doctor(self) -> Any:
        return self.command("hub", "doctor", "--json")

    def command(self, *words: str) -> Any:
        """What it prints, as JSON."""
        return json.loads(self._said(*words))

    def _said(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *words, "--config", "hub.toml"],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
            capture_output=True,
            check=False,
        )
        return done.stdout.decode()


def day_of(begin: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(begin))


def a_day(begin: int, machines: tuple[str, ...] = MACHINES) -> list[Row]:
    """All bins of a UTC day."""
    return [
        Row(machine, start, 0, 10 * number, 9000, 1)
        for number, machine in enumerate(machines)
        for start in range(begin, begin + DAY, 900)
    ]
