"""Ingest: QoS 1 through mosquitto to committed and acknowledged, each message a change."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.harness import Row
from tests.bench.support.load import RawPublisher, turns
from tests.process import GatewayProcess, gateway, native_config

MACHINES = 200
TICKS = os.sysconf("SC_CLK_TCK")


def bench(short: bool) -> list[Row]:
    """Messages a second, and CPU per message beside a paho client that does nothing."""
    count = 2000 if short else 20_000
    config = native_config(MACHINES, occupancy="busy_after = 0\nfree_after = 0")
    packets = turns((f"m{n:03d}" for n in range(MACHINES)), count)
    with tempfile.TemporaryDirectory(prefix="gw-") as name, gateway(Path(name), config) as process:
        process.wait_port_up()
        seconds, cpu = _gateway(process, packets)
    with tempfile.TemporaryDirectory(prefix="gw-") as name, gateway(Path(name), config) as process:
        process.wait_port_up()
        idle_seconds, idle_cpu = _idle(process, packets)
    rate, idle_rate = count / seconds, count / idle_seconds
    each, idle_each = cpu / count * 1e6, idle_cpu / count * 1e6
    yardstick = "paho doing nothing"
    return [
        Row(
            "ingest, committed and acknowledged",
            rate,
            "messages/s",
            yardstick,
            idle_rate,
            "≥ 10,000 messages/s",
        ),
        Row("ingest, CPU per message", each, "µs", yardstick, idle_each, "≤ 2.5 times"),
    ]


def _gateway(process: GatewayProcess, packets: list[bytes]) -> tuple[float, float]:
    publisher = RawPublisher(process.broker_port())
    before, began = _cpu(process.pid), time.monotonic()
    publisher.send(packets)
    path = process.folder / "var/history.db"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as conn:
        query = "SELECT count(*) FROM events WHERE sensor_seq IS NOT NULL"
        while conn.execute(query).fetchone()[0] < len(packets):
            assert time.monotonic() - began < 60, "not everything was stored"
            time.sleep(0.01)
    seconds = time.monotonic() - began
    time.sleep(0.5)  # the last acknowledgements and status topics are its work too
    publisher.close()
    return seconds, _cpu(process.pid) - before


def _idle(process: GatewayProcess, packets: list[bytes]) -> tuple[float, float]:
    port = process.broker_port()
    password = (process.folder / "var/broker/password").read_text().strip()
    command = [sys.executable, str(Path(__file__).parent / "support/idle_paho.py")]
    with subprocess.Popen(
        [*command, str(port), str(len(packets)), password],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as client:
        assert client.stdout is not None
        assert client.stdin is not None
        assert client.stdout.readline() == "ready\n"
        os.kill(process.pid, signal.SIGSTOP)  # the gateway shall not hear this
        publisher = RawPublisher(port)
        before, began = _cpu(client.pid), time.monotonic()
        publisher.send(packets)
        assert client.stdout.readline() == f"{len(packets)}\n"
        seconds = time.monotonic() - began
        time.sleep(0.5)
        cpu = _cpu(client.pid) - before
        publisher.close()
        os.kill(process.pid, signal.SIGCONT)
        client.stdin.close()
    return seconds, cpu


def _cpu(pid: int) -> float:
    """Seconds of CPU a process has used, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
