"""The same reads over HTTP: a real gateway on a year of bins, its usual weeks included."""

import http.client
import random
import time
from collections.abc import Iterator

from tests.bench.harness import Row, folder_on_disk, percentile
from tests.bench.history import build
from tests.bench.start import MACHINES
from tests.process import GatewayProcess, gateway, native_config

DAY = 86400
TARGET = "p99 ≤ 10 ms"


def bench(short: bool) -> Iterator[Row]:
    """p50 and p99 of 24 h of any machine and day, beside /health/live of the same server."""
    days, reads = (5, 50) if short else (365, 3000)
    machines = [f"m{number:03d}" for number in range(MACHINES)]
    first = int(time.time()) // DAY - days
    with folder_on_disk() as folder:
        (folder / "var").mkdir()
        build(folder / "var/history.db", machines, days, pack=True, first=first)
        extra = "[limits]\nrequests = 1000000"
        with gateway(folder, native_config(MACHINES, occupancy="", extra=extra)) as process:
            times = _times(process, days, reads)
            bare = _get_all(process, ["/health/live"] * reads)
    for percent, target in ((50, ""), (99, TARGET)):
        figure, other = percentile(times, percent), percentile(bare, percent)
        yield Row(f"24 h over HTTP, p{percent}", figure, "ms", "/health/live", other, target)


def _times(process: GatewayProcess, days: int, reads: int) -> list[float]:
    """No address twice: what is kept ready serves none of these."""
    chance = random.Random(3)
    now = int(time.time())
    targets: set[str] = set()
    while len(targets) < reads:
        end = now - chance.randrange((days - 1) * 96) * 900
        machine = f"m{chance.randrange(MACHINES):03d}"
        targets.add(f"/machines/{machine}/history?from={end - DAY}&to={end}")
    return _get_all(process, sorted(targets, key=lambda _: chance.random()))


def _get_all(process: GatewayProcess, targets: list[str]) -> list[float]:
    """Milliseconds of each request, one after the other on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=30)
    times = []
    for target in targets:
        began = time.perf_counter()
        connection.request("GET", target)
        reply = connection.getresponse()
        body = reply.read()
        times.append((time.perf_counter() - began) * 1000)
        assert reply.status == 200, body
    connection.close()
    return times
