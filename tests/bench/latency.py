"""From a sensor's message to the screens: 100 messages a second, 100 open streams."""

import asyncio
import tempfile
import time
from pathlib import Path

import msgspec

from tests.bench.harness import Row
from tests.bench.load import publish_packet
from tests.process import GatewayProcess, gateway, native_config

MACHINES = 200
STREAMS = 100
RATE = 100  # messages a second


def latency(*, short: bool = False) -> list[Row]:
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
    times.sort()
    bare.sort()
    rows = []
    for share, target in ((0.5, ""), (0.99, "≤ 20 ms")):
        ours, yardstick = (_at(values, share) * 1000 for values in (times, bare))
        label = f"message to SSE client, p{share * 100:.0f}"
        rows.append(Row(label, ours, "ms", "the broker alone", yardstick, target))
    return rows


async def _measure(process: GatewayProcess, count: int) -> tuple[list[float], list[float]]:
    sent: dict[str, float] = {}
    times: list[float] = []
    bare: list[float] = []
    streams = [asyncio.create_task(_stream(process.port, sent, times)) for _ in range(STREAMS)]
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
    for task in (*streams, listener):
        task.cancel()
    await asyncio.gather(*streams, listener, return_exceptions=True)
    assert len(times) == count * STREAMS, (len(times), count * STREAMS)
    return times, bare


async def _stream(port: int, sent: dict[str, float], times: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
    while line := await reader.readline():
        if line.startswith(b"data:") and b'"machine_update"' in line:
            now = time.monotonic()
            message = msgspec.json.decode(line[5:])
            if message["machineId"] in sent:
                times.append(now - sent[message["machineId"]])


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


def _at(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))]
