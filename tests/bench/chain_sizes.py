"""A chain of 1, 50, 500 and 1,000 branches at four times real time: what each part costs."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from gateway.fleet.figures import QUARTER
from tests.bench.harness import Row
from tests.chain import ChainBroker, HubProcess, until
from tests.postgres import Postgres

SAFE = ("max_connections=60", "shared_buffers=128MB")  # fsync as it is by default: on
SPEED = 4
SETTLES = 40.0  # seconds until all are connected and no branch is in arrears
MACHINES = 60
KEEPS_UP = "a second's worth; with more the CPU is that of a hub that cannot keep up"
TICK = os.sysconf("SC_CLK_TCK")


class Chain(NamedTuple):
    """All the processes."""

    server: Postgres
    database: str
    broker: ChainBroker
    hub: HubProcess


class Cost(NamedTuple):
    """Seconds of CPU."""

    hub: float
    database: float
    broker: float


class Steady(NamedTuple):
    """What a window showed."""

    cost: Cost
    seconds: float
    sent: float
    """Messages a second."""
    behind: int
    superseded: int
    megabytes: float


def bench(short: bool) -> Iterator[Row]:
    """Costs of one quarter hour of all branches, and of a day's arrears of all at once."""
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    )
    for many in (1, 3) if short else (1, 50, 500, 1000):
        with chain() as parts:
            found = steady(parts, many, short=short)
        told = f"{many} branches at {SPEED} times real time: "
        for name, seconds in zip(found.cost._fields, found.cost, strict=True):
            yield Row(f"{told}CPU of {name}", seconds / found.seconds * 1000, "ms/s")
        yield Row("  messages acknowledged by the broker", found.sent, "/s")
        yield Row("  messages the hub is behind by", found.behind, "", target=KEEPS_UP)
        yield Row("  messages that gave way to newer ones", found.superseded, "")
        yield Row("  RSS of the hub", found.megabytes, "MiB")
    with chain() as parts:
        yield from arrears(parts, 3 if short else 500)


def steady(parts: Chain, many: int, *, short: bool) -> Steady:
    """A window in which each branch closes one quarter hour, and how far the hub is behind then.

    What a hub costs that does not keep up is no cost of so many branches.
    """
    settles, window = (3.0, 2.0) if short else (SETTLES, QUARTER / SPEED)
    playing = simulate(parts, "--branches", many, "--speed", SPEED)
    time.sleep(settles)
    before, began = cost_of(parts), time.perf_counter()
    time.sleep(window)
    after, took = cost_of(parts), time.perf_counter() - began
    playing.terminate()
    told = json.loads(playing.communicate(timeout=60)[0])
    counts = parts.hub.counts()
    behind = max(0, told["acknowledged"] - counts.get("messages", 0))
    spent = Cost(*(b - a for a, b in zip(before, after, strict=True)))
    sent = told["acknowledged"] / told["seconds"]
    return Steady(spent, took, sent, behind, counts.get("superseded", 0), rss_of(parts.hub.pid))


def arrears(parts: Chain, many: int) -> Iterator[Row]:
    """A day of everybody, in one go."""
    with psycopg.connect(parts.database, autocommit=True) as conn:
        wal = number(conn, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint")
        before, began = cost_of(parts), time.perf_counter()
        playing = simulate(parts, "--branches", many, "--backlog", 1, "--for", 1)
        said, _ = playing.communicate(timeout=1800)
        told: dict[str, Any] = json.loads(said)
        until(lambda: taken(parts.hub) >= told["bins"], 1800)
        took = time.perf_counter() - began
        rows = number(conn, "SELECT count(*) FROM bins")
        size = number(conn, SIZE)
        wal = number(conn, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint") - wal
    named = f"a day of {many} branches into PostgreSQL"
    alone = told["binsUntilThen"] / told["currentAfter"]
    yield Row(named, rows / took, "bins/s", "acknowledged by the broker", alone, "≥ 5,000")
    for name, a, b in zip(before._fields, before, cost_of(parts), strict=True):
        yield Row(f"  CPU of {name}", (b - a) / rows * 1e6, "µs a bin")
    yield Row("  on the disk, with its key", size / rows, "bytes a bin")
    yield Row("  written ahead", wal / rows, "bytes a bin")


SIZE = """
SELECT sum(pg_total_relation_size(relid))::bigint FROM pg_partition_tree('bins') WHERE isleaf
"""


@contextmanager
def chain() -> Iterator[Chain]:
    """A hub that consumes."""
    server = Postgres(SAFE).start()
    with tempfile.TemporaryDirectory(prefix="gw-") as name:
        broker = ChainBroker(Path(name)).start()
        database = server.database()
        hub = HubProcess(Path(name) / "hub", database, broker.url)
        try:
            hub.start()
            until(hub.consumes)
            yield Chain(server, database, broker, hub)
        finally:
            hub.kill()
            broker.stop()
            server.remove()


def simulate(parts: Chain, *more: object) -> "subprocess.Popen[str]":
    fixed = ("--machines", MACHINES, "--json", "--broker", f"mqtt://127.0.0.1:{parts.broker.port}")
    return subprocess.Popen(
        [sys.executable, "-m", "gateway", "simulate", *map(str, (*fixed, *more))],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def taken(hub: HubProcess) -> int:
    counts = hub.counts()
    return sum(counts.get(word, 0) for word in ("bins", "corrections", "duplicates"))


def cost_of(parts: Chain) -> Cost:
    assert parts.server._process is not None
    assert parts.broker._process is not None
    family = [parts.server._process.pid, *children(parts.server._process.pid)]
    database = sum(cpu_of(pid) for pid in family)
    return Cost(cpu_of(parts.hub.pid), database, cpu_of(parts.broker._process.pid))


def children(parent: int) -> list[int]:
    found = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(pid) for pid in found.split()]


def cpu_of(pid: int) -> float:
    """User and system seconds, those of children that ended included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICK


def rss_of(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def number(conn: "psycopg.Connection[tuple[Any, ...]]", query: str) -> int:
    row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])
