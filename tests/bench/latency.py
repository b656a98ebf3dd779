"""From a sensor's message to the screens: 100 messages a second, 100 open streams."""

import asyncio
import tempfile
import time
from pathlib import Path

from tests.bench.harness import Row, percentile
from tests.bench.support.load import publish_packet
from tests.process import GatewayProcess, gateway, native_config

MACHINES = 200
STREAMS = 100
RATE = 100  # messages a second
UPDATE, NAME = b"event: machine_update", b'"machineId":"'  # what every message of a change holds


def bench(short: bool) -> list[Row]:
    """p50 and p99 of message → SSE client, beside the broker alone with one bare subscriber."""
    count = 200 if short else 3000
    config = native_config(
        MACHINES,
        occupancy="busy_after = 0\nfree_after = 0",
        extra="[limits]\nstreams_per_address = 1000",
    )
    with tempfile.TemporaryDirectory(prefix="gw-") as name, gateway(Path(name), config) as process:
        process.wait_port_up()
        times, bare = asyncio.run(_measure(process, count))
    return [_row(times, bare, 50, ""), _row(times, bare, 99, "≤ 20 ms")]


def _row(times: list[float], bare: list[float], percent: float, target: str) -> Row:
    ours, yardstick = (percentile(values, percent) * 1000 for values in (times, bare))
    name = f"message to SSE client, p{percent:.0f}"
    return Row(name, ours, "ms", "the broker alone", yardstick, target)


async def _measure(process: GatewayProcess, count: int) -> tuple[list[float], list[float]]:
    sent: dict[str, float] = {}
    times: list[float] = []
    bare: list[float] = []
    loop = asyncio.get_running_loop()
    for _ in range(STREAMS):
        await loop.create_connection(lambda: Stream(sent, times), "127.0.0.1", process.port)
    listener = asyncio.create_task(_subscriber(process.broker_port(), sent, bare))
    await asyncio.sleep(2)
    _, writer = await _connect(process.broker_port(), b"load")
    began = time.monotonic()
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number / RATE - time.monotonic()))
        machine, turn = f"m{number % MACHINES:03d}", number // MACHINES
        payload = b'{"occupied": %s}' % (b"false" if turn % 2 else b"true")
        topic = f"gyms/test/machines/{machine}/occupancy"
        sent[machine] = time.monotonic()
        writer.write(publish_packet(topic, payload, number % 65535 + 1))
    await asyncio.sleep(1)
    listener.cancel()
    assert len(times) == count * STREAMS, (len(times), count * STREAMS)
    return times, bare


class Stream(asyncio.Protocol):
    """A screen that costs little itself: it looks for names, and decodes nothing."""

    def __init__(self, sent: dict[str, float], times: list[float]) -> None:
        self._sent = sent
        self._times = times

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        for part in data.split(UPDATE)[1:]:
            machine = part.partition(NAME)[2][:4].decode()
            if machine in self._sent:
                self._times.append(now - self._sent[machine])


async def _subscriber(port: int, sent: dict[str, float], times: list[float]) -> None:
    """What the broker alone needs: the yardstick."""
    reader, writer = await _connect(port, b"bare")
    topic = b"gyms/test/machines/+/occupancy"
    writer.write(
        b"\x82" + bytes([len(topic) + 5]) + b"\x00\x01\x00" + bytes([len(topic)]) + topic + b"\x00"
    )
    await reader.readexactly(5)
    while True:
        head = await reader.readexactly(2)
        body = await reader.readexactly(head[1])
        machine = body[2 : 2 + body[1]].decode().split("/")[3]
        if machine in sent:
            times.append(time.monotonic() - sent[machine])


async def _connect(port: int, name: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04" + name)
    await reader.readexactly(4)
    return reader, writer
