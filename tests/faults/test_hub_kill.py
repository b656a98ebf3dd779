"""Hubs killed and PostgreSQL restarted at random moments of a drain: every bin is there, once."""

import random
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gateway.core.digests import DAY, Row
from tests.chain import ChainBroker, HubProcess, Speaker, until
from tests.postgres import Postgres

SEED = 11
GYMS, MACHINES = ("alpha", "beta", "gamma"), tuple(f"m{n:02d}" for n in range(30))
BEGIN = int(time.time()) // DAY * DAY - 4 * DAY
Key = tuple[str, str, int]


def all_rows(choice: random.Random) -> list[Row]:
    """Three days, of which a tenth is corrected later."""
    first = [
        Row(machine, start, 0, choice.randrange(9000), 9000, 1)
        for start in range(BEGIN, BEGIN + 3 * DAY, 900)
        for machine in MACHINES
    ]
    corrected = choice.sample(first, len(first) // 10)
    return first + [Row(r.machine, r.start, 1, r.occupied // 2, 9000, 1) for r in corrected]


def speak(broker: ChainBroker, gym: str, rows: list[Row], choice: random.Random) -> None:
    """Some messages twice, as after a PUBACK that was lost."""
    speaker = Speaker(broker, gym)
    speaker.describe()
    for start in range(0, len(rows), 100):
        part = rows[start : start + 100]
        for _ in range(1 + (choice.random() < 0.2)):
            speaker.send(*part)
        time.sleep(0.05)
    speaker.leave()


def stored(server: Postgres) -> dict[Key, tuple[int, int]]:
    with psycopg.connect(server.url("chain1")) as conn:
        rows = conn.execute(
            "SELECT gym, machines.machine, start, revision, occupied FROM bins"
            " JOIN machines ON number = bins.machine"
        ).fetchall()
    return {(gym, machine, start): (revision, busy) for gym, machine, start, revision, busy in rows}


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a path that leaves room for a Unix socket's name."""
    with tempfile.TemporaryDirectory(prefix="gw-", dir="/tmp") as name:
        yield Path(name)


def test_every_bin_is_stored_once_with_its_highest_revision(folder: Path) -> None:
    choice = random.Random(SEED)
    told = {gym: all_rows(choice) for gym in GYMS}
    server, broker = Postgres(("max_connections=60",)).start(), ChainBroker(folder).start()
    url = server.database()
    hubs = [HubProcess(folder / f"hub{n}", url, broker.url).start() for n in range(2)]
    until(lambda: any(hub.consumes() for hub in hubs))
    speaking = [
        threading.Thread(target=speak, args=(broker, gym, rows, random.Random(SEED)))
        for gym, rows in told.items()
    ]
    try:
        for thread in speaking:
            thread.start()
        for number in range(6):
            time.sleep(choice.uniform(0.2, 1.5))
            if number % 3 == 2:
                server.restart(choice.choice((signal.SIGINT, signal.SIGQUIT)))
            else:
                hub = choice.choice(hubs)
                hub.kill()
                hub.start()
        for thread in speaking:
            thread.join()
        expected = {
            (g, r.machine, r.start): (r.revision, r.occupied) for g in told for r in told[g]
        }
        until(lambda: stored(server) == expected)
        counts = hubs[0].counts()
        print({**counts, "expected": len(expected)})
    finally:
        for hub in hubs:
            hub.kill()
        broker.stop()
        server.remove()
