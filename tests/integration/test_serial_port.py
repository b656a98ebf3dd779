"""Serial lines on real ptys, sockets and an RFC 2217 server."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import serial
import serial.rfc2217

from config.sections import Serial
from gateway.inbox import Delivery, Inbox, Item, PortBack, PortLost
from gateway.ports import eavesdrop_serial
from gateway.ports.backoff import Backoff
from gateway.ports.serial_port import SerialPort
from sensors import catalog
from sensors.decoder import Decoder, Options, driver
from sensors.sample import Sample, Saying
from tests.integration.conftest import Plug, Until


class Letters(Decoder):
    """`0+` … `9-`: a channel and whether it is active; asks `?` for more after each `!`."""

    def __init__(self) -> None:
        super().__init__()
        self._half = b""
        self._asks = 0

    def feed(self, data: bytes, topic: str = "") -> list[Saying]:  # noqa: ARG002  one stream
        data = self._half + data
        pairs = [data[i : i + 2] for i in range(0, len(data) - 1, 2)]
        self._half = data[2 * len(pairs) :]
        self._asks += pairs.count(b"!!")
        self.dropped["not_a_letter"] += pairs.count(b"xx")
        return [Sample(p[1:] == b"+", channel=p[0] - 48) for p in pairs if p[:1].isdigit()]

    speaks = True

    def outgoing(self, now: float) -> bytes:  # noqa: ARG002  answers at once
        asks, self._asks = self._asks, 0
        return b"?" * asks


@pytest.fixture(autouse=True)
def letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the catalog know this file's driver."""
    found = driver("letters", "serial", "for tests", Options, lambda _options: Letters())
    monkeypatch.setattr(catalog, "load", lambda _name: found)


class Line:
    """A running port and all that came out of it."""

    def __init__(self, port: str) -> None:
        self.inbox = Inbox()
        self.items: list[Item] = []
        section = Serial(id="wall", port=port, driver="letters")
        self.port = SerialPort(section, {0: "s0", 1: "s1"}, self.inbox)

    def take(self) -> list[Item]:
        self.items += self.inbox._items
        self.inbox._items.clear()
        return self.items

    def heard(self) -> list[tuple[str, bool | None]]:
        said = [pair for it in self.take() if isinstance(it, Delivery) for pair in it.sayings]
        return [(sensor, s.active) for sensor, s in said if isinstance(s, Sample)]

    def count(self, kind: type[Item]) -> int:
        return sum(isinstance(item, kind) for item in self.take())


@asynccontextmanager
async def running(port: str | Path) -> AsyncIterator[Line]:
    line = Line(str(port))
    task = asyncio.create_task(line.port.run())
    try:
        yield line
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def up(line: Line) -> Callable[[], bool]:
    return lambda: line.port.state().state == "up"


async def test_bytes_become_samples_of_the_channels_sensor(plug: Plug, until: Until) -> None:
    async with running(plug.path) as line:
        await until(up(line))
        plug.say(b"0+1-")
        await until(lambda: len(line.heard()) == 2)
    assert line.heard() == [("s0", True), ("s1", False)]


async def test_a_port_is_lost_from_the_start_until_it_is_open(plug: Plug, until: Until) -> None:
    async with running(plug.path) as line:
        await until(up(line))
    assert [type(item) for item in line.take()] == [PortLost, PortBack]


async def test_an_absent_device_is_lost_once_and_says_what_to_do(
    tmp_path: Path, until: Until
) -> None:
    async with running(tmp_path / "absent") as line:
        await until(lambda: "plug it in" in line.port.state().problem)
        await asyncio.sleep(0.5)  # two more attempts
    assert [type(item) for item in line.take()] == [PortLost]
    assert line.port.state().state == "down"


async def test_an_unplugged_device_is_lost_and_heard_again_when_it_returns(
    plug: Plug, until: Until
) -> None:
    async with running(plug.path) as line:
        await until(up(line))
        plug.unplug()
        await until(lambda: line.count(PortLost) == 2)
        plug.plug()
        await until(lambda: line.count(PortBack) == 2)
        plug.say(b"0+")
        await until(line.heard)
    assert line.heard() == [("s0", True)]


async def test_half_a_frame_from_before_the_gap_is_not_continued(plug: Plug, until: Until) -> None:
    async with running(plug.path) as line:
        await until(up(line))
        plug.say(b"xx0")
        await until(lambda: line.port.state().dropped.get("not_a_letter"))
        plug.unplug()
        plug.plug()
        await until(lambda: line.count(PortBack) == 2)
        plug.say(b"1-xx")
        await until(line.heard)
        assert line.heard() == [("s1", False)]
        assert line.port.state().dropped["not_a_letter"] == 2, "counts go on"


async def test_a_channel_without_a_sensor_is_counted(plug: Plug, until: Until) -> None:
    async with running(plug.path) as line:
        await until(up(line))
        plug.say(b"7+0+")
        await until(line.heard)
    assert line.heard() == [("s0", True)]
    assert line.port.state().dropped == {"no_sensor": 1}


async def test_what_a_decoder_wants_to_say_is_written(plug: Plug, until: Until) -> None:
    async with running(plug.path) as line:
        await until(up(line))
        plug.say(b"!!")
        await until(lambda: plug.hear() == b"?")


async def test_a_port_that_another_program_holds_is_told_so(plug: Plug, until: Until) -> None:
    with serial.Serial(str(plug.path), exclusive=True):
        async with running(plug.path) as line:
            await until(lambda: "is taken by" in line.port.state().problem)
    assert line.count(PortBack) == 0


async def test_an_endless_flood_leaves_the_loop_to_others(plug: Plug, until: Until) -> None:
    async with running(plug.path) as line:
        await until(up(line))
        stop = threading.Event()
        flood = threading.Thread(target=pour, args=(plug, stop))
        flood.start()
        rounds = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                while True:
                    await asyncio.sleep(0)
                    rounds += 1
        stop.set()
        await until(lambda: not flood.is_alive())
    assert rounds > 100
    assert max(len(item.sayings) for item in line.take() if isinstance(item, Delivery)) <= 2048


def test_attempts_grow_rarer_up_to_five_seconds_until_one_lasts() -> None:
    pauses = Backoff()
    taken = [pauses.next() for _ in range(20)]
    assert 0.1 <= taken[0] <= 0.2
    assert all(2.5 <= pause <= 5 for pause in taken[6:])
    pauses.succeeded(1)  # a line that flaps
    assert pauses.next() >= 2.5
    pauses.succeeded(60)
    assert pauses.next() <= 0.2


def pour(plug: Plug, stop: threading.Event) -> None:
    while not stop.is_set():
        plug.say(b"0+" * 500)


async def test_a_socket_url_is_a_line_like_any_other(until: Until) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        async with running(f"socket://127.0.0.1:{server.getsockname()[1]}") as line:
            client, _ = await asyncio.to_thread(server.accept)
            await until(up(line))
            client.sendall(b"0+")
            await until(line.heard)
            client.close()
            await until(lambda: line.count(PortLost) == 2)


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")  # pyserial's
async def test_an_rfc2217_url_without_a_descriptor_is_read_beside_the_loop(until: Until) -> None:
    far = serial.serial_for_url("loop://", timeout=0.02)
    words: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve_rfc2217, args=(server, far, words))
        thread.start()
        async with running(f"rfc2217://127.0.0.1:{server.getsockname()[1]}") as line:
            await until(up(line))
            far.write(b"1+!!")
            await until(line.heard)
            await until(lambda: b"?" in words)
        await asyncio.to_thread(thread.join)
    assert line.heard() == [("s1", True)]


def serve_rfc2217(server: socket.socket, far: serial.Serial, words: list[bytes]) -> None:
    """One client of an RFC 2217 server, by pyserial's own half of the protocol."""
    client, _ = server.accept()
    out = client.makefile("wb", buffering=0)
    manager = serial.rfc2217.PortManager(far, out)  # type: ignore[arg-type]  # stubs
    client.settimeout(0.02)
    with client, suppress(ConnectionError):
        while True:
            with suppress(TimeoutError):
                data = client.recv(1024)
                if not data:
                    return
                words.append(b"".join(manager.filter(data)))
            client.sendall(b"".join(manager.escape(far.read(100))))


async def test_a_port_that_hangs_in_opening_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eavesdrop_serial, "HANGS_AFTER", 0.1)
    monkeypatch.setattr(eavesdrop_serial, "open_line", lambda _section: time.sleep(1))
    with pytest.raises(eavesdrop_serial.CannotHearError, match="hangs"):
        await eavesdrop_serial.heard_on("/dev/ttyHANGS", 9600, 0.1)
