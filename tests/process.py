"""A real gateway in a process of its own, as systemd would run it."""

import contextlib
import http.client
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

READY_WITHIN = 20.0  # seconds; a loaded test machine starts a broker in one
FIRST_PORT, PORTS_EACH, WORKERS = 10_000, 1_500, 15  # up to 32500; a whole run takes a few hundred


class LocalConnection(http.client.HTTPConnection):
    """HTTP over the gateway's Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(str(self._path))


class GatewayProcess:
    """`gateway run` on a configuration in `folder`; `stop` and `kill` are the ways it ends."""

    module = "gateway"

    def __init__(self, folder: Path, config: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.log = folder / "gateway.log"
        self.env: dict[str, str] = {}
        (folder / "gateway.toml").write_text(config.format(http_port=self.port))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "var/gateway.sock"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> Self:
        command = [sys.executable, "-m", self.module, "run", "--config", "gateway.toml"]
        with self.log.open("ab") as log:
            env = os.environ | self.env | {"PYTHONPATH": str(Path(__file__).parents[1])}
            self._process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, env=env
            )
        self.wait_ready()
        return self

    def wait_ready(self) -> None:
        end = time.monotonic() + READY_WITHIN
        while time.monotonic() < end:
            assert self._process is not None
            assert self._process.poll() is None, self.log.read_text()
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.local_status("/health/ready") == 200:
                    return
            time.sleep(0.01)
        raise TimeoutError(self.log.read_text())

    def wait_port_up(self, name: str = "mqtt") -> None:
        """Until the port is heard live."""
        end = time.monotonic() + READY_WITHIN
        while time.monotonic() < end:
            ports = self.local("/health")["details"]["ports"]
            if any(port["id"] == name and port["state"] == "up" for port in ports):
                return
            time.sleep(0.02)
        raise TimeoutError(self.local("/health"))

    def broker_port(self) -> int:
        return int((self.folder / "var/broker/port").read_text())

    def local(self, target: str) -> Any:
        connection = LocalConnection(self.socket)
        with contextlib.closing(connection):
            connection.request("GET", target)
            return json.loads(connection.getresponse().read())

    def local_status(self, target: str) -> int:
        connection = LocalConnection(self.socket)
        with contextlib.closing(connection):
            connection.request("GET", target)
            return connection.getresponse().status

    def local_page(self, target: str) -> tuple[int, str]:
        """(status, text)."""
        connection = LocalConnection(self.socket)
        with contextlib.closing(connection):
            connection.request("GET", target)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()

    def local_call(self, method: str, target: str, body: object) -> tuple[int, Any]:
        """(status, JSON) of a call with a JSON body."""
        connection = LocalConnection(self.socket)
        with contextlib.closing(connection):
            headers = {"Content-Type": "application/json"}
            connection.request(method, target, json.dumps(body), headers)
            reply = connection.getresponse()
            return reply.status, json.loads(reply.read())

    def status(self, machine: str) -> str:
        found: str = self.local(f"/machines/{machine}")["status"]
        return found

    def wait_status(self, machine: str, status: str, within: float = 15) -> None:
        end = time.monotonic() + within
        while self.status(machine) != status:
            assert time.monotonic() < end, self.local(f"/machines/{machine}")
            time.sleep(0.02)

    def publish(self, machine: str, *, occupied: bool) -> None:
        """A native sensor's word, once the broker has it."""
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        client.connect("127.0.0.1", self.broker_port())
        client.loop_start()
        topic = f"gyms/test/machines/{machine}/occupancy"
        client.publish(topic, "ON" if occupied else "OFF", qos=1).wait_for_publish(10)
        client.disconnect()
        client.loop_stop()

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        assert self._process is not None
        return self._process.poll()

    def send(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, within: float) -> int:
        """The exit code, once it ends by itself."""
        assert self._process is not None
        return self._process.wait(within)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self, number: int = signal.SIGTERM, within: float = 10) -> int:
        """The exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(within)

    def end(self) -> None:
        """Leave nothing behind, whatever happened: the gateway, and a broker that outlived it."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.stop()
            self._process.kill()
            self._process.wait()
        for pid in broker_pids(self.folder):
            os.kill(pid, signal.SIGTERM)


def broker_pids(folder: Path) -> list[int]:
    """The mosquitto processes whose configuration lies under `folder`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes()
                if b"mosquitto" in command and str(folder.resolve()).encode() in command:
                    found.append(int(entry.name))
    return found


def free_port() -> int:
    """One that nobody else is given before it is used."""
    for port in itertools.islice(_ports, PORTS_EACH):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(f"none of {PORTS_EACH} ports is free")


def _own_ports() -> Iterator[int]:
    """Those of one process of the tests, round and round.

    They lie below the ports that the system gives to connections by itself (from 32768), which
    would take one between its choice and its use. The first is any, for two runs at a time.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    first, start = FIRST_PORT + worker * PORTS_EACH, random.SystemRandom().randrange(PORTS_EACH)
    return (first + (start + n) % PORTS_EACH for n in itertools.count())


_ports = _own_ports()


def native_config(machines: int, *, occupancy: str, extra: str = "") -> str:
    """A branch of native sensors with its own broker; `{http_port}` is filled in later."""
    rows = "\n".join(
        f'[[machines]]\nid = "m{n:03d}"\nname = "Machine {n}"\ncategory = "all"'
        for n in range(machines)
    )
    return f"""
[branch]
id = "test"
name = "Test"
clock = "trusted"
[http]
host = "127.0.0.1"
port = {{http_port}}
[mqtt]
listen = "127.0.0.1:{free_port()}"
[occupancy]
{occupancy}
{extra}
[categories.all]
name = "All"
{rows}
"""


@contextlib.contextmanager
def gateway(folder: Path, config: str) -> Iterator[GatewayProcess]:
    """A running gateway that is ended at the end."""
    process = GatewayProcess(folder, config)
    try:
        yield process.start()
    finally:
        process.end()
