"""A real broker on a free port, pty pairs, and a little patience."""

import asyncio
import os
import shutil
import tempfile
import threading
import tty
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from paho.mqtt import publish
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from gateway.ports.broker import Broker
from tests.postgres import Postgres
from tests.process import free_port

Watch = Callable[[str], list[bytes]]
Until = Callable[[Callable[[], object]], Awaitable[None]]


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(8):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def until() -> Until:
    """Wait until a condition holds; TimeoutError after 8 s."""
    return _until


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder with a path that leaves room for a Unix socket's name."""
    folder = Path(tempfile.mkdtemp(prefix="gw-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
async def broker(short_path: Path) -> AsyncIterator[Broker]:
    """The embedded broker of the gym `g`, running."""
    broker = Broker(short_path / "broker", "g", f"127.0.0.1:{free_port()}", ["vendor/a"])
    await broker.start()
    yield broker
    await broker.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL for all tests that leave it running."""
    server = Postgres().start()
    yield server
    server.remove()


@pytest.fixture
def chain(postgres: Postgres) -> str:
    """A new, empty database."""
    return postgres.database()


class Speaker:
    """A sensor: publishes to a broker's address for sensors, without a name."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def say(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> None:
        address = self._broker.listen
        publish.single(topic, payload, qos, retain, hostname=address.host, port=address.port)


@pytest.fixture
def speaker(broker: Broker) -> Speaker:
    """A sensor at the `broker`."""
    return Speaker(broker)


@pytest.fixture
def watch(broker: Broker) -> Iterator[Watch]:
    """Payloads on a topic from now on, heard by a client with a thread of its own."""
    client, subscribed = Client(CallbackAPIVersion.VERSION2, userdata=[]), threading.Event()
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = lambda _client, heard, message: heard.append(message.payload)
    client.connect(broker.listen.host, broker.listen.port)
    client.loop_start()

    def follow(topic: str) -> list[bytes]:
        subscribed.clear()
        client.subscribe(topic, 1)
        assert subscribed.wait(8)
        heard: list[bytes] = client.user_data_get()
        return heard

    yield follow
    client.disconnect()
    client.loop_stop()


class Plug:
    """A serial device at a by-id path: a real pty that can be unplugged and plugged again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.plug()

    def plug(self) -> None:
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(slave))
        self._slave = slave

    def unplug(self) -> None:
        os.close(self._master)
        os.close(self._slave)

    def say(self, data: bytes) -> None:
        os.write(self._master, data)

    def hear(self) -> bytes:
        os.set_blocking(self._master, False)
        try:
            return os.read(self._master, 4096)
        except BlockingIOError:
            return b""


@pytest.fixture
def plug(tmp_path: Path) -> Iterator[Plug]:
    """A device that is plugged in."""
    device = Plug(tmp_path / "by-id")
    yield device
    device.unplug()
