"""A thousand screens on one gateway: what each delivery costs, and when it comes."""

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.bench.harness import Row, percentile
from tests.bench.support.load import publish_packet
from tests.bench.support.nchan import Nchan, installed, nchan
from tests.bench.support.readers import Crowd, cpu, crowd, never_reading, queued, resident
from tests.process import GatewayProcess, gateway, native_config

MACHINES = 200
SLOW, FAST = 10, 1000  # events a second
ASLEEP = 20  # clients that never read: their memory is told from chance
LIMITS = '[limits]\nstreams = 2100\nstreams_per_address = 2100\nexempt = ["127.0.0.1"]'
SERVER = Path(__file__).parent / "support/stream_server.py"
SETTLED = 3.0  # seconds for a thousand snapshots to be made and read
Say = Callable[[int], object]
"""Publish the n-th event."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A rate held for a while."""

    events: float
    """A second, that reached a client."""
    cost: float
    """Microseconds of processor time a delivery."""
    p50: float
    p99: float
    """Milliseconds from the sensor's word to a client."""


def bench(short: bool) -> list[Row]:
    """Our stream server and nchan after one another, then the whole gateway with its sensors."""
    clients, seconds = (50, 1.0) if short else (1000, 15.0)
    with tempfile.TemporaryDirectory(prefix="gw-") as name:
        ours = _server(clients, seconds)
        theirs = _nchan(Path(name), clients, seconds) if installed() else {}
        whole = _gateway(Path(name), clients, seconds)
    return [*_beside(ours, theirs, clients), *_whole(whole, clients)]


def _beside(ours: dict[str, float], theirs: dict[str, float], clients: int) -> list[Row]:
    """Message in, screens out: no sensor and no disk on either side."""

    def row(name: str, key: str, unit: str, target: str = "") -> Row:
        return Row(name, ours[key], unit, "nchan", theirs.get(key), target)

    return [
        row(f"processor time a delivery, {clients} clients, {SLOW}/s", "cost 10", "µs", "≤ nchan"),
        row(f"message to screen at {SLOW}/s, p50", "p50 10", "ms"),
        row(f"message to screen at {SLOW}/s, p99", "p99 10", "ms", "≤ 25 ms"),
        row(f"messages that arrived at {FAST}/s", "events 1000", "1/s", f"{FAST}"),
        row(f"processor time a delivery, {FAST}/s", "cost 1000", "µs"),
        row(f"message to screen at {FAST}/s, p50", "p50 1000", "ms"),
        row(f"message to screen at {FAST}/s, p99", "p99 1000", "ms", "≤ 35 ms"),
        row("memory of a client", "client", "KiB", "≤ 24 KiB"),
    ]


def _whole(found: dict[str, float], clients: int) -> list[Row]:
    """From the sensor's word through broker, detector and disk."""
    return [
        Row(f"sensor to screen at {SLOW}/s, p99", found["p99 10"], "ms"),
        Row(f"events that arrived at {FAST}/s", found["events 1000"], "1/s", target=f"{FAST}"),
        Row(f"sensor to screen at {FAST}/s, p50", found["p50 1000"], "ms"),
        Row(f"sensor to screen at {FAST}/s, p99", found["p99 1000"], "ms"),
        Row("memory of a client", found["client"], "KiB", target="≤ 24 KiB"),
        Row("memory of one that never reads", found["asleep"], "KiB", target="≤ 256 KiB in all"),
        Row("and what the kernel holds for it", found["kernel"], "KiB"),
        Row(f"p99 at {SLOW}/s beside {ASLEEP} of them", found["p99 asleep"], "ms"),
        Row("open after all of it", found["open"], "clients", target=f"{2 * clients}"),
    ]


# --- our stream server -----------------------------------------------------------------------


def _server(clients: int, seconds: float) -> dict[str, float]:
    command = [sys.executable, str(SERVER)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        port, into = int(process.stdout.readline()), process.stdin
        before = resident(process.pid)
        with crowd(port, "/stream", clients) as readers:
            time.sleep(SETTLED)
            client = (resident(process.pid) - before) / clients
            say = lambda _number: into.write(b"%.6f\n" % time.time())  # noqa: E731  one expression
            found = _both(process.pid, say, readers, seconds)
        into.close()
    return found | {"client": client}


# --- the gateway -----------------------------------------------------------------------------


def _gateway(folder: Path, clients: int, seconds: float) -> dict[str, float]:
    config = native_config(MACHINES, occupancy="busy_after = 0\nfree_after = 0", extra=LIMITS)
    with ExitStack() as stack:
        process = stack.enter_context(gateway(folder, config))
        process.wait_port_up()
        say = _sensors(process)
        _run(process.pid, say, None, FAST, 1.0)  # every machine has spoken
        before = resident(process.pid)
        readers = stack.enter_context(crowd(process.port, "/stream", clients))
        time.sleep(SETTLED)
        found = {"client": (resident(process.pid) - before) / clients}
        found |= _both(process.pid, say, readers, seconds)
        found |= _asleep(process, say, readers, seconds)
        more = stack.enter_context(crowd(process.port, "/stream", clients))
        time.sleep(SETTLED)
        _run(process.pid, say, readers, SLOW, seconds)
        found["open"] = readers.heard().open + more.heard().open
    return found


def _both(pid: int, say: Say, readers: Crowd, seconds: float) -> dict[str, float]:
    found: dict[str, float] = {}
    for rate in (SLOW, FAST):
        ran = _run(pid, say, readers, rate, seconds)
        found |= {f"events {rate}": ran.events, f"cost {rate}": ran.cost}
        found |= {f"p50 {rate}": ran.p50, f"p99 {rate}": ran.p99}
    return found


def _asleep(process: GatewayProcess, say: Say, readers: Crowd, seconds: float) -> dict[str, float]:
    """They read nothing while thousands of events are written."""
    before = resident(process.pid)
    with never_reading(process.port, "/stream", ASLEEP):
        time.sleep(0.5)
        _run(process.pid, say, readers, FAST, seconds / 3)
        grown = (resident(process.pid) - before) / ASLEEP
        kernel = queued(process.port)
        ran = _run(process.pid, say, readers, SLOW, seconds / 3)
    return {"asleep": max(0.0, grown), "kernel": kernel, "p99 asleep": ran.p99}


def _sensors(process: GatewayProcess) -> Say:
    """Native sensors, all through one connection to the broker."""
    sock = socket.create_connection(("127.0.0.1", process.broker_port()), timeout=30)
    sock.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04load")
    assert sock.recv(4)[:2] == b"\x20\x02"

    def say(number: int) -> None:
        machine, turn = number % MACHINES, number // MACHINES
        occupied = b"false" if turn % 2 else b"true"
        payload = b'{"occupied": %b, "timestamp": %.6f}' % (occupied, time.time())
        topic = f"gyms/test/machines/m{machine:03d}/occupancy"
        sock.sendall(publish_packet(topic, payload, number % 65535 + 1))
        try:
            sock.recv(65536, socket.MSG_DONTWAIT)  # acknowledgements
        except BlockingIOError:
            return

    counted = iter(range(10**9))
    return lambda _number: say(next(counted))


# --- nchan -----------------------------------------------------------------------------------


def _nchan(folder: Path, clients: int, seconds: float) -> dict[str, float]:
    with nchan(folder) as server:
        say = _publisher(server)
        say(0)
        before = resident(server.pid)
        with crowd(server.port, "/sub", clients) as readers:
            time.sleep(SETTLED)
            client = (resident(server.pid) - before) / clients
            return _both(server.pid, say, readers, seconds) | {"client": client}


def _publisher(server: Nchan) -> Say:
    """The same message as ours."""

    def say(number: int) -> None:
        said = {
            "type": "machine_update",
            "machineId": f"m{number % MACHINES:03d}",
            "gymId": "test",
            "category": "all",
            "status": "free",
            "timestamp": round(time.time(), 3),
            "lastChange": round(time.time(), 3),
            "cause": "observed",
            "seq": number,
            "id": f"5e0c2f7a9b3d4e61-{number}",
        }
        server.say(json.dumps(said, separators=(",", ":")).encode())

    return say


def _run(pid: int, say: Say, readers: Crowd | None, rate: int, seconds: float) -> Ran:
    """Publish evenly; each event goes out at its own time, late ones at once."""
    if readers is not None:
        readers.heard()
    began, spent = time.monotonic(), cpu(pid)
    for number in range(int(rate * seconds)):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        say(number)
    time.sleep(0.3)  # the last ones are under way
    took, spent = time.monotonic() - began - 0.3, cpu(pid) - spent
    if readers is None:
        return Ran(0.0, 0.0, 0.0, 0.0)
    heard = readers.heard()
    deliveries = max(1.0, heard.events * heard.open)
    times = [value * 1000 for value in heard.times] or [float("inf")]
    cost = spent / deliveries * 1e6
    return Ran(heard.events / took, cost, percentile(times, 50), percentile(times, 99))
