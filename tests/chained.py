"""What the tests of the line upstream share: a chain's broker, a line to cut, and a listener."""

import asyncio
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from gateway.ports.mosquitto import find
from tests.process import free_port

STARTS_WITHIN = 10.0  # seconds


class Broker:
    """A real mosquitto as the chain's; `extra` goes into its configuration."""

    def __init__(self, folder: Path, extra: str = "allow_anonymous true") -> None:
        self.port = free_port()
        self._config = folder / "chain.conf"
        self._config.write_text(f"listener {self.port} 127.0.0.1\nuser root\n{extra}\n")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        program, env = find(None)
        command = [program, "-c", str(self._config)]
        self._process = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
        end = time.monotonic() + STARTS_WITHIN
        client = Client(CallbackAPIVersion.VERSION2)
        while time.monotonic() < end:
            with suppress(OSError):
                client.connect("127.0.0.1", self.port)
                client.disconnect()
                return
            time.sleep(0.02)
        raise TimeoutError(self._config)

    def reload(self) -> None:
        """Its ACL and passwords are read again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(5)
            self._process = None


@contextmanager
def chain_broker(folder: Path, extra: str = "allow_anonymous true") -> Iterator[Broker]:
    broker = Broker(folder, extra)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


class Listener:
    """The hub's ear: every message, in order."""

    def __init__(self, port: int, topic: str = "gyms/#", **login: str) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._client = client = Client(CallbackAPIVersion.VERSION2)
        client.on_message = self._hear
        if login:
            client.username_pw_set(**login)
        self._topic = topic
        client.on_connect = self._listen
        client.connect("127.0.0.1", port)
        client.loop_start()

    def _listen(self, client: Client, *_: object) -> None:
        client.subscribe(self._topic, 1)

    def _hear(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.heard.append((message.topic, bytes(message.payload)))

    def said(self, word: str) -> list[Any]:
        """The JSON of messages whose topic holds that word."""
        return [
            msgspec.json.decode(told) for topic, told in [*self.heard] if word in topic and told
        ]

    def rows(self) -> list[tuple[Any, ...]]:
        """(machine, start, seconds, revision, …) of all bins heard, in order."""
        return [(b["machines"][r[0]], *r[1:]) for b in self.said("/bins") for r in b["bins"]]

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, 1, retain).wait_for_publish(5)

    def end(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def listening(port: int, **login: str) -> Iterator[Listener]:
    listener = Listener(port, **login)
    try:
        yield listener
    finally:
        listener.end()


class Relay:
    """A line that can be cut: whole, or so that what comes back is swallowed."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = free_port()
        self.swallows_answers = False
        self.carried = 0
        """Bytes towards the broker."""

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", self.port)

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        await asyncio.sleep(0)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()  # nobody is there either
            return
        self._writers |= {writer, far}
        there = asyncio.create_task(self._carry(reader, far, lambda: True))
        back = asyncio.create_task(
            self._carry(far_reader, writer, lambda: not self.swallows_answers)
        )
        self._tasks |= {there, back}

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, may: Callable[[], bool]
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                self.carried += len(data)
                if may():
                    writer.write(data)
                    await writer.drain()
        writer.transport.abort()

    async def end(self) -> None:
        await self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def relay_to(port: int) -> AsyncIterator[Relay]:
    relay = Relay(port)
    await relay.mend()
    try:
        yield relay
    finally:
        await relay.end()
