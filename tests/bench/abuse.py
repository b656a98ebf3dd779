"""What good clients feel while others misbehave."""

import contextlib
import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.harness import Row, percentile
from tests.process import GatewayProcess, gateway, native_config

HOST = "127.0.0.1"
ATTACKER = Path(__file__).parent / "support/attacker.py"
EXTRA = "[limits]\nrequests = 1000000"
PACE = 0.005  # seconds between two requests of the good client


def bench(short: bool) -> Iterator[Row]:
    """p99 of a good client on a kept connection, and of /health/live locally; memory."""
    reads = 100 if short else 2000
    config = native_config(40, occupancy="", extra=EXTRA)
    with tempfile.TemporaryDirectory(prefix="gw-") as name, gateway(Path(name), config) as process:
        process.wait_port_up()
        good = http.client.HTTPConnection(HOST, process.port, timeout=30)
        quiet, before = _reads(good, reads), _memory(process)
        with _attack(process, short=short) as attacker:
            under = _reads(good, reads)
            local = [_local(process) for _ in range(20)]
            tried = json.loads(attacker.communicate("stop\n", timeout=60)[0])
        grown = _memory(process) - before
    for percent in (50, 99):
        figure, other = percentile(under, percent), percentile(quiet, percent)
        target = "≤ 2 times" if percent == 99 else ""
        yield Row(f"good client, p{percent}", figure, "ms", "without abuse", other, target)
    yield Row("/health/live, local, slowest", max(local), "ms", target="≤ 200 ms")
    yield Row("memory, grown by", grown / 2**20, "MiB", target="bounded")
    for what, count in tried.items():
        yield Row(what, count, "tried")


def _reads(connection: http.client.HTTPConnection, count: int) -> list[float]:
    """Milliseconds of each read, at an even pace."""
    times = []
    for _ in range(count):
        time.sleep(PACE)
        began = time.perf_counter()
        connection.request("GET", "/branches")
        reply = connection.getresponse()
        reply.read()
        times.append((time.perf_counter() - began) * 1000)
        assert reply.status == 200, reply.status
    return times


def _local(process: GatewayProcess) -> float:
    began = time.perf_counter()
    assert process.local_status("/health/live") == 200
    return (time.perf_counter() - began) * 1000


def _memory(process: GatewayProcess) -> int:
    return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * 4096


@contextlib.contextmanager
def _attack(process: GatewayProcess, *, short: bool) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, str(ATTACKER), str(process.port), "short" if short else "long"]
    pipe = subprocess.PIPE
    attacker = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    try:
        time.sleep(0.5 if short else 2)  # until the half requests are there
        yield attacker
    finally:
        attacker.kill()
        attacker.wait()
