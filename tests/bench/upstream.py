"""The line returns after thirty days: how soon the chain is current, how fast the rest follows."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Semaphore

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from gateway.chain import bins_of, encode
from gateway.core.bins import Bin
from gateway.core.digests import Row as BinRow
from gateway.store import bins as bin_table
from gateway.store.history import HistoryFile
from gateway.upstream.draining import IN_FLIGHT
from tests.bench.harness import Row, folder_on_disk, percentile
from tests.bench.support.load import RawPublisher, turns
from tests.bench.support.readers import Crowd, crowd, resident
from tests.chain import ChainBroker, HubProcess, until
from tests.postgres import Postgres
from tests.process import GatewayProcess, gateway, native_config

SCREENS, EVENTS = 200, 10  # streams that are open meanwhile; changes a second
QUICK = "busy_after = 0\nfree_after = 0"
SAFE = ("max_connections=60", "shared_buffers=128MB")  # fsync as it is by default: on
LIMITS = '[limits]\nstreams_per_address = 500\nexempt = ["127.0.0.1"]'


@dataclass(frozen=True, slots=True)
class Size:
    """Of the branch and of its outage."""

    machines: int
    days: int
    drain: float
    quiet: float
    """Seconds to look at before the line returns."""


class Ear:
    """Notes when the first summary of this connection came."""

    def __init__(self, port: int) -> None:
        self.current_at = 0.0
        self._client = client = Client(CallbackAPIVersion.VERSION2)
        client.on_message = self._hear
        until(lambda: not client.connect("127.0.0.1", port))
        client.subscribe("gyms/+/summary", 0)
        client.loop_start()

    def _hear(self, _client: Client, _data: object, _message: MQTTMessage) -> None:
        self.current_at = self.current_at or time.monotonic()

    def end(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def bench(short: bool) -> list[Row]:
    """A branch that has waited, and paho alone with the same messages."""
    size = Size(5, 3, 1000.0, 1.0) if short else Size(100, 30, 12.0, 12.0)
    with folder_on_disk() as folder, _centre() as (broker, hub):
        found = _outage(folder, broker, hub, size)
        hub.kill()
        found["paho"] = _paho(broker, size)
    return _rows(found, size)


@contextmanager
def _centre() -> Iterator[tuple[ChainBroker, HubProcess]]:
    """A hub on PostgreSQL that has subscribed; its broker, that keeps the session, is away."""
    with ExitStack() as undo:
        server = Postgres(SAFE).start()
        undo.callback(server.remove)
        folder = Path(undo.enter_context(TemporaryDirectory(prefix="gw-")))
        broker = ChainBroker(folder).start()
        undo.callback(broker.stop)
        hub = HubProcess(folder / "hub", server.database(), broker.url)
        undo.callback(hub.kill)
        hub.start()
        until(hub.consumes)
        broker.stop()
        yield broker, hub


def _rows(found: dict[str, float], size: Size) -> list[Row]:
    many = f"{size.machines * size.days * 96:,} bins"
    return [
        Row("link's return to a current summary", found["current"], "s", target="≤ 2 s"),
        Row(
            f"{many} from the branch into PostgreSQL",
            found["drained"],
            "bins/s",
            "paho",
            found["paho"],
            "≥ 5,000",
        ),
        Row("memory it takes to drain", found["grown"], "MiB", target="≤ 16 MiB"),
        Row(
            f"sensor to screen meanwhile, p99, {SCREENS} screens, {EVENTS}/s",
            found["p99 draining"],
            "ms",
            "while quiet",
            found["p99 quiet"],
            "≤ 50 ms",
        ),
    ]


def _outage(folder: Path, broker: ChainBroker, hub: HubProcess, size: Size) -> dict[str, float]:
    _remember(folder, size)
    upstream = f'[upstream]\nurl = "{broker.url}"\ndrain = {size.drain}\n'
    config = native_config(size.machines, occupancy=QUICK, extra=f"{LIMITS}\n{upstream}")
    with ExitStack() as stack:
        process = stack.enter_context(gateway(folder, config))
        process.wait_port_up()
        total = size.machines * size.days * 96
        _wait(lambda: process.local("/admin/upstream")["backlogRows"] >= total)
        readers = stack.enter_context(crowd(process.port, "/stream", SCREENS))
        say = _speaking(process, size.machines)
        _latency(readers, say, lambda: False, size.quiet)  # every machine's first word costs more
        quiet = _latency(readers, say, lambda: False, size.quiet)
        before = resident(process.pid)
        broker.start()
        back = time.monotonic()
        ear = Ear(broker.port)
        peaks = [before]
        draining = _latency(readers, say, lambda: _drained(process, hub, total, peaks), 600.0)
        ear.end()
        seconds = time.monotonic() - back
    return {
        "current": ear.current_at - back,
        "drained": total / seconds,
        "grown": (max(peaks) - before) / 1024,
        "p99 quiet": quiet,
        "p99 draining": draining,
    }


def _drained(process: GatewayProcess, hub: HubProcess, total: int, peaks: list[float]) -> bool:
    peaks.append(resident(process.pid))
    with suppress(OSError):
        return hub.counts().get("bins", 0) >= total
    return False


def _latency(
    readers: Crowd, say: Callable[[], None], over: Callable[[], bool], most: float
) -> float:
    """p99 in milliseconds, until it is over."""
    readers.heard()
    end = time.monotonic() + most
    while time.monotonic() < end and not over():
        say()
        time.sleep(1 / EVENTS)
    time.sleep(0.3)  # the last ones are under way
    times = readers.heard().times
    return percentile(times, 99) * 1000 if times else float("inf")


def _speaking(process: GatewayProcess, machines: int) -> Callable[[], None]:
    """A change of the next machine, dated now: the crowd looks at `lastChange`."""
    sensors = RawPublisher(process.broker_port())
    names = [f"m{number:03d}" for number in range(machines)]
    packets, number = turns(names, 65_000), count()
    return lambda: sensors.send([packets[next(number)]])


def _remember(folder: Path, size: Size) -> None:
    """What the branch has measured in these days."""
    newest = int(time.time()) // 900 * 900
    file = HistoryFile(folder / "var/history.db", "another boot")
    file.conn.execute("BEGIN")
    for ago in range(size.days * 96, 0, -1):
        start = newest - ago * 900
        bins = [
            Bin(f"m{m:03d}", start, float((ago * 7 + m * 13) % 900), 900.0, 2)
            for m in range(size.machines)
        ]
        file.store_bins(bins, None, file.conn)
        if ago % 96 == 0:
            bin_table.pack(file.conn, start)
    file.conn.execute("COMMIT")
    file.conn.close()


def _paho(broker: ChainBroker, size: Size) -> float:
    """Rows a second of a client that has the messages ready, with the same window."""
    rows = [BinRow(f"m{n % size.machines:03d}", 900 * n, 0, 4770, 9000, 2) for n in range(500)]
    payload, messages = encode(bins_of("paho", rows)), size.machines * size.days * 96 // 500 + 1
    room = Semaphore(IN_FLIGHT)
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_publish = lambda *_: room.release()
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    began = time.monotonic()
    for _ in range(messages):
        room.acquire()
        client.publish("gyms/paho/bins", payload, 1)
    for _ in range(IN_FLIGHT):
        room.acquire()
    seconds = time.monotonic() - began
    client.disconnect()
    client.loop_stop()
    return messages * 500 / seconds


def _wait(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.2)
