"""Start to ready, and how much memory that takes: own broker and simulator off."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.harness import Row
from tests.process import GatewayProcess, free_port, native_config

MACHINES = 100
IMPORTS = "import aiohttp.web, paho.mqtt.client, sqlite_utils, click, msgspec"


def bench(short: bool) -> list[Row]:
    """Seconds from the start of the process to ready, and its resident memory then."""
    runs = 1 if short else 7
    config = native_config(MACHINES, occupancy="").replace(
        "[mqtt]\n", f'[mqtt]\nurl = "mqtt://127.0.0.1:{free_port()}"\n'
    )
    seconds, memory = [], []
    with tempfile.TemporaryDirectory(prefix="gw-") as name:
        process = GatewayProcess(Path(name), config)
        for _ in range(runs):
            began = time.monotonic()
            process.start()
            seconds.append(time.monotonic() - began)
            time.sleep(1)
            memory.append(_resident(process.pid))
            process.stop()
    imports = statistics.median(_imports() for _ in range(runs))
    bare = statistics.median(_imports_memory() for _ in range(runs))
    return [
        Row(
            "start to ready",
            statistics.median(seconds),
            "s",
            "its libraries alone",
            imports,
            "≤ 0.8 s",
        ),
        Row(
            "memory after it",
            statistics.median(memory),
            "MiB",
            "its libraries alone",
            bare,
            "≤ 64 MiB",
        ),
    ]


def _imports() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)
    return time.monotonic() - began


def _imports_memory() -> float:
    with subprocess.Popen(
        [sys.executable, "-c", f"{IMPORTS}\nprint(flush=True)\nimport sys; sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        found = _resident(child.pid)
        assert child.stdin is not None
        child.stdin.close()
    return found


def _resident(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
