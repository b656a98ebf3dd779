"""Plays a branch of people in real time: MQTT messages to the broker, bytes into real ptys."""

import asyncio
import os
import tty
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from paho.mqtt.client import (
    MQTT_ERR_SUCCESS,
    Client,
    ConnectFlags,
    DisconnectFlags,
    MQTTMessageInfo,
)
from paho.mqtt.reasoncodes import ReasonCode

from config.effective import MQTT, NATIVE, SERIAL, sensors_of
from config.sections import Config, Simulator
from gateway.bridge import in_thread
from gateway.core.clock import Clock
from gateway.ports.mqtt_client import make_client
from sensors.simulator.people import Branch, Move
from sensors.simulator.wire import REPORTS_EVERY, Line, Message, NativeSensor, Radar, TextLine

PORTS = {"mqtt": 1883, "mqtts": 8883, "unix": 1}  # paho wants a number for a socket's path too
FAREWELL = 0.8  # seconds to tell the broker, and again to stop: Ctrl-C shall end within 2
QUEUE = 1000  # messages that wait for the broker's answer: some minutes of a whole branch's words

Credentials = tuple[str, str]
Moves = Callable[[Sequence[Move]], None]


class Simulation:
    """The simulated sensors of a configuration, each speaking as its entry says."""

    def __init__(
        self, config: Config, broker_url: str, credentials: Credentials | None, clock: Clock
    ) -> None:
        """`broker_url`: `unix:///path`, `mqtt://host:port` or `mqtts://…`.

        `credentials`: user and password; None: nobody, as sensors on loopback may be.
        """
        self.on_moves: Moves = lambda _moves: None
        """Called with what people do, `at` in epoch seconds of our clock."""
        self._settings = config.simulator or Simulator()
        self._clock = clock
        self._start, self._began = _wall(clock), clock.monotonic()
        self._branch = _branch(config, self._settings.seed, self._start)
        self._moves: dict[str, Move] = {}
        self._native = _native_sensors(config, self._settings.seed)
        self._lines = {Path(port): line for port, line in _lines(config, self._settings.seed)}
        will = next((word for _, sensor in self._native for word in sensor.goodbye()), None)
        self.connection = Connection(broker_url, credentials, will)

    async def run(self) -> None:
        """Play until cancelled; then say goodbye and remove the ports."""
        with ExitStack() as ports:
            lines = [(ports.enter_context(Pty(p)), line) for p, line in self._lines.items()]
            self.connection.start(self._restart)
            try:
                await self._play(lines)
            finally:
                await self.connection.stop(word for _, s in self._native for word in s.goodbye())

    async def _play(self, lines: list[tuple["Pty", Line]]) -> None:
        due = [0.0] * len(lines)
        while True:
            now = self._clock.monotonic() - self._began
            self._let_people_move(now)
            self._speak_mqtt(now)
            for number, (port, line) in enumerate(lines):
                if now >= due[number]:
                    due[number] = now - now % line.every + line.every
                    port.write(line.speak(now, self._moves))
            await asyncio.sleep(REPORTS_EVERY - now % REPORTS_EVERY)

    def _let_people_move(self, now: float) -> None:
        """Only people go `speed` times faster; sensors and lines keep real time."""
        speed = self._settings.speed
        theirs = self._start + now * speed
        moves = self._branch.advance(theirs)
        self._moves.update((move.machine, move) for move in moves)
        if moves:
            wall = _wall(self._clock)
            self.on_moves([move.dated(wall - (theirs - move.at) / speed) for move in moves])

    def _speak_mqtt(self, now: float) -> None:
        if not self.connection.connected.is_set():
            return  # a sensor without its broker loses its words
        timestamp = _wall(self._clock)
        for machine, sensor in self._native:
            for message in sensor.say(now, timestamp, self._moves[machine]):
                self.connection.publish(message)

    def _restart(self) -> None:
        for _, sensor in self._native:
            sensor.restart()


class Connection:
    """The sensors' own connection.

    A connection has one will: a process that is killed takes only one sensor offline in the
    broker, the others stay as they were. A clean end tells of each.
    """

    def __init__(self, url: str, credentials: Credentials | None, will: Message | None) -> None:
        self.connected = asyncio.Event()
        self.refusal = ""
        """Why the broker did not take us, in its own words; "" if it never answered."""
        self._address = urlsplit(url)
        user, password = credentials or (None, None)
        self._client = make_client("", url, user, password)  # the broker thinks up a name
        self._client.max_queued_messages_set(QUEUE)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        if will is not None:
            self._client.will_set(will.topic, will.payload, qos=1, retain=True)

    def start(self, greet: Callable[[], None]) -> None:
        """Connect, again and again if need be; `greet` is called on the loop at each success."""
        self._loop = asyncio.get_running_loop()
        self._greet = greet
        to = self._address
        port = to.port or PORTS[to.scheme]
        self._client.connect_async(to.hostname or to.path, port, clean_start=True)
        self._client.loop_start()

    def publish(self, message: Message) -> MQTTMessageInfo:
        """Hand over for delivery; dropped when the queue is full."""
        return self._client.publish(message.topic, message.payload, qos=1, retain=True)

    async def stop(self, farewell: Iterable[Message]) -> None:
        """Say `farewell` if anyone listens, then leave."""
        if self.connected.is_set():
            sent = [self.publish(message) for message in farewell]
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL):
                    while _unanswered(sent):  # noqa: ASYNC110  paho's receipts cannot be awaited
                        await asyncio.sleep(0.01)
        self._client.disconnect()
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):  # paho's thread may be trying to connect
                await in_thread(self._client.loop_stop)

    def _on_connect(
        self, _c: Client, _data: object, _flags: ConnectFlags, code: ReasonCode, _p: object
    ) -> None:
        self._loop.call_soon_threadsafe(self._welcomed, str(code) if code.is_failure else "")

    def _on_disconnect(
        self, _c: Client, _data: object, _flags: DisconnectFlags, _code: ReasonCode, _p: object
    ) -> None:
        self._loop.call_soon_threadsafe(self.connected.clear)

    def _welcomed(self, refusal: str) -> None:
        self.refusal = refusal
        if not refusal:
            self._greet()
            self.connected.set()


class Pty:
    """A serial port that is not there: what is written comes out of `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        """Open the pair; OSError if something else than our own old link is in the way."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.is_symlink():
            self._path.unlink()  # left behind by a process that was killed
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._path.symlink_to(os.ttyname(self._slave))
        return self

    def __exit__(self, *_: object) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._slave)  # kept open until here, so that a reader may come and go
        os.close(self._master)

    def write(self, data: bytes) -> None:
        """What does not fit (nobody reads the 4 KiB) is lost, as on a real line."""
        with suppress(BlockingIOError):
            os.read(self._master, 4096)  # commands to the sensor: nobody here obeys
        with suppress(BlockingIOError):
            os.write(self._master, data)


def _unanswered(sent: list[MQTTMessageInfo]) -> bool:
    return any(info.rc == MQTT_ERR_SUCCESS and not info.is_published() for info in sent)


def _wall(clock: Clock) -> float:
    return clock.monotonic() + clock.offset


def _branch(config: Config, seed: int, start: float) -> Branch:
    """People of this branch's hours; a change of summer time while they move is not followed."""
    local = datetime.fromtimestamp(start, ZoneInfo(config.branch.timezone)).utcoffset()
    machines = [(machine.id, machine.category) for machine in config.machines]
    return Branch(machines, seed, start, local.total_seconds() if local else 0.0)


def _native_sensors(config: Config, seed: int) -> list[tuple[str, NativeSensor]]:
    """(machine, its sensor) of every machine that speaks the native messages."""
    native = (s for s in sensors_of(config) if (s.source, s.driver) == (MQTT, NATIVE))
    topics = [(sensor.machine, sensor.topic) for sensor in native if sensor.topic is not None]
    return [
        (machine, NativeSensor(topic, number, seed))
        for number, (machine, topic) in enumerate(topics)
    ]


def _lines(config: Config, seed: int) -> Iterator[tuple[str, Line]]:
    """(port, what speaks there) of every line whose driver has a simulated sensor."""
    for serial in config.serial:
        machines = {
            s.channel: s.machine for s in config.sensors if s.source == f"{SERIAL}{serial.id}"
        }
        if serial.driver == "lines" and machines:
            yield serial.port, TextLine(machines, serial.id, seed)
        elif serial.driver == "ld2410" and machines:
            yield serial.port, Radar(next(iter(machines.values())), serial.id, seed)
