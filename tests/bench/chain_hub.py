"""The hub of a chain: bins from the broker into PostgreSQL, and the list of 500 branches."""

import random
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from gateway.chain import Branch, Category, Counted, Machine, Payload, Summary, bins_of, encode
from gateway.core.digests import DAY
from gateway.core.digests import Row as Bin
from tests.bench.harness import Row, percentile
from tests.bench.support.load import RawPublisher, publish_packet
from tests.chain import ChainBroker, HubProcess, until
from tests.postgres import Postgres

SAFE = ("max_connections=60", "shared_buffers=128MB")  # fsync as it is by default: on
RATE = 200  # requests a second
CATEGORIES = ("legs", "chest", "cardio", "back", "arms")
SEED = 7
CLIENTS = 8  # connections that ask in turn
SINCE = time.time() - 86_400


def bench(short: bool) -> Iterator[Row]:
    """Drain beside a bare COPY of the same rows; lists while summaries come."""
    gyms, days, seconds = (5, 1, 1) if short else (50, 2, 10)
    rows = [bin_of(m, start) for start in starts(days) for m in range(60)]
    with chain() as (server, broker, hub):
        took = drain(broker, hub, [f"gym-{n}" for n in range(gyms)], rows)
        bare = copied(server, gyms * len(rows))
        yield Row(
            "bins into PostgreSQL", gyms * len(rows) / took, "/s", "bare COPY", bare, "≥ 5,000"
        )
    for many in (5, 10) if short else (50, 500):
        with chain() as (_, broker, hub):
            quiet, busy = listed(broker, hub, many, seconds)
        told = f"GET /branches of {many} at {RATE}/s, p99"
        yield Row(told, busy, "ms", "no summaries meanwhile", quiet, "≤ 20 ms")


@contextmanager
def chain() -> Iterator[tuple[Postgres, ChainBroker, HubProcess]]:
    """A hub that consumes."""
    server = Postgres(SAFE).start()
    with tempfile.TemporaryDirectory(prefix="gw-") as name:
        broker = ChainBroker(Path(name)).start()
        hub = HubProcess(Path(name) / "hub", server.database(), broker.url)
        try:
            hub.start()
            until(hub.consumes)
            yield server, broker, hub
        finally:
            hub.kill()
            broker.stop()
            server.remove()


def drain(broker: ChainBroker, hub: HubProcess, gyms: Sequence[str], rows: Sequence[Bin]) -> float:
    """Seconds from the first publication to the last commit."""
    publish(broker, [(f"gyms/{gym}/branch", described(gym)) for gym in gyms])
    parts = [rows[at : at + 500] for at in range(0, len(rows), 500)]
    messages = [(f"gyms/{gym}/bins", bins_of(gym, part)) for part in parts for gym in gyms]
    began = time.perf_counter()
    publish(broker, messages)
    until(lambda: hub.counts().get("bins", 0) == len(rows) * len(gyms), 600)
    return time.perf_counter() - began


def listed(broker: ChainBroker, hub: HubProcess, many: int, seconds: int) -> tuple[float, float]:
    """p99 in milliseconds, without and with 70 changes a second."""
    gyms = [f"gym-{n:03d}" for n in range(many)]
    publish(broker, [(f"gyms/{gym}/branch", described(gym)) for gym in gyms])
    publish(broker, [(f"gyms/{gym}/summary", summary(gym, 1)) for gym in gyms])
    until(lambda: len(hub.get("/branches")["branches"]) == many)
    time.sleep(2)  # what 500 branches that come at once cost is over
    quiet = asked(hub, seconds)
    speaking = threading.Thread(target=speak, args=(broker, gyms, seconds))
    speaking.start()
    busy = asked(hub, seconds)
    speaking.join()
    return quiet, busy


def speak(broker: ChainBroker, gyms: Sequence[str], seconds: int) -> None:
    """70 times a second a machine changes: 500 branches of 60 machines, 200 changes a day each."""
    choice, publisher = random.Random(SEED), RawPublisher(broker.port)
    seqs = dict.fromkeys(gyms, 1)
    began = time.perf_counter()
    for number in range(seconds * 70):
        gym = choice.choice(gyms)
        seqs[gym] += 1
        publisher.send(packets([(f"gyms/{gym}/summary", summary(gym, seqs[gym]))]))
        time.sleep(max(0.0, began + number / 70 - time.perf_counter()))
    publisher.close()


def asked(hub: HubProcess, seconds: int) -> float:
    """p99 in milliseconds at a steady rate, whatever the answers take: of moments, not of turns."""
    times: list[float] = []
    began = time.perf_counter() + 0.1
    each = [range(first, RATE * seconds, CLIENTS) for first in range(CLIENTS)]
    asking = [threading.Thread(target=ask, args=(hub.port, began, n, times)) for n in each]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    return percentile(times, 99)


def ask(port: int, began: float, numbers: range, times: list[float]) -> None:
    """A client that does next to nothing with what it is told: the server is measured."""
    buffer = memoryview(bytearray(2**20))
    with socket.create_connection(("127.0.0.1", port)) as line:
        for number in numbers:
            due = began + number / RATE
            time.sleep(max(0.0, due - time.perf_counter()))
            line.sendall(b"GET /branches HTTP/1.1\r\nHost: localhost\r\n\r\n")
            have = line.recv_into(buffer)
            head = bytes(buffer[:have]).partition(b"\r\n\r\n")[0]
            assert head.startswith(b"HTTP/1.1 200"), head
            size = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
            left = len(head) + 4 + size - have
            while left:
                left -= line.recv_into(buffer, left)
            times.append((time.perf_counter() - due) * 1000)


def publish(broker: ChainBroker, messages: Sequence[tuple[str, Payload]]) -> None:
    publisher = RawPublisher(broker.port)
    publisher.send(packets(messages))
    publisher.close()


def packets(messages: Sequence[tuple[str, Payload]]) -> list[bytes]:
    return [
        publish_packet(topic, encode(told), number % 65535 + 1)
        for number, (topic, told) in enumerate(messages)
    ]


def copied(server: Postgres, many: int) -> float:
    """Rows a second of a bare COPY into the same table elsewhere, with its key."""
    with psycopg.connect(server.database(), autocommit=True) as conn:
        conn.execute(
            "CREATE TABLE bins (machine int, start bigint, seconds int, revision int,"
            " occupied int, observed int, sessions int, PRIMARY KEY (machine, start, seconds))"
        )
        text = "".join(f"{n % 3000}\t{n}\t900\t0\t10\t9000\t1\n" for n in range(many))
        began = time.perf_counter()
        with conn.cursor().copy("COPY bins FROM STDIN") as copy:
            copy.write(text)
    return many / (time.perf_counter() - began)


def starts(days: int) -> range:
    midnight = int(time.time()) // DAY * DAY
    return range(midnight - days * DAY, midnight, 900)


def bin_of(machine: int, start: int) -> Bin:
    return Bin(f"machine-{machine:02d}", start, 0, start % 9000, 9000, 1)


def described(gym: str) -> Branch:
    return Branch(
        gym_id=gym,
        name=gym.title(),
        latitude=22.28,
        longitude=114.16,
        timezone="Asia/Hong_Kong",
        public_url=f"https://{gym}.example.org",
        categories=tuple(Category(category=one, name=one.title()) for one in CATEGORIES),
        machines=tuple(
            Machine(machine_id=f"machine-{n:02d}", name=f"Machine {n}", category=CATEGORIES[n % 5])
            for n in range(60)
        ),
    )


def summary(gym: str, seq: int) -> Summary:
    at = time.time()
    words = ("free", "occupied")
    return Summary(
        gym_id=gym,
        epoch="e1",
        seq=seq,
        as_of=at,
        open=True,
        machines={
            f"machine-{n:02d}": (words[(n + seq) % 60 < 20], at, "observed") for n in range(60)
        },
        categories=tuple(
            Counted(
                category=one, name=one, total=12, free=6, occupied=6, unknown=0, out_of_service=0
            )
            for one in CATEGORIES
        ),
    )
