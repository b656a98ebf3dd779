"""A serial line: plugged, unplugged and plugged again, it never holds up anyone else."""

import asyncio
import errno
import io
import logging
import os
import termios
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress

import serial

from config.sections import Serial
from gateway.bridge import in_thread
from gateway.inbox import Delivery, Inbox, PortBack, PortLost
from gateway.ports import holders
from gateway.ports.backoff import Backoff
from gateway.ports.state import Condition, PortState
from sensors import catalog
from sensors.sample import Channel, Saying

MOST_BYTES = 4096  # per wake: a flooding line leaves the loop to others after each
ASK_EVERY = 0.1  # seconds between two questions to a decoder that speaks
READ_WITHIN = (
    0.1  # seconds a read in a thread may wait: so soon a decoder that speaks is asked again
)
CLOSE_WITHIN = 1.0  # seconds: rfc2217 may take 7 to close; our end does not wait for that
FAULTS = (OSError, TypeError, ValueError, termios.error)
# How a line says that it is gone: pyserial's SerialException is an OSError; it raises TypeError
# when its descriptor vanished under a read, ValueError for a speed the device does not know.

log = logging.getLogger(__name__)


class SerialPort:
    """One `[[serial]]` line; `sensors` names the sensor of each channel on it."""

    def __init__(
        self,
        section: Serial,
        sensors: Mapping[Channel, str],
        inbox: Inbox,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._section = section
        self._sensors = sensors
        self._everyone = frozenset(sensors.values())
        self._inbox = inbox
        self._clock = clock
        self._driver = catalog.load(section.driver)
        self._decoder = self._driver.decoder(section.options)
        self._dropped: Counter[str] = Counter()  # by this port, and by decoders of the past
        self._problem = "not opened yet"
        self._note("down", self._problem)

    @property
    def id(self) -> str:
        """The line's."""
        return self._section.id

    @property
    def listens(self) -> tuple[Serial, dict[Channel, str]]:
        """To which line, for which sensors: two that are alike need no swap."""
        return self._section, dict(self._sensors)

    def state(self) -> PortState:
        """How the line is."""
        dropped = self._dropped + self._decoder.dropped
        return PortState(
            self._section.id, "serial", self._state, self._since, self._problem, dropped
        )

    async def run(self) -> None:
        """Open, listen, and when the line is lost begin again; for ever."""
        self._inbox.put(PortLost(self._section.id, self._everyone, self._clock()))
        pauses = Backoff()
        while True:
            try:
                line = await in_thread(lambda: open_line(self._section))
            except FAULTS as error:
                self._note("down", explain(self._section, error))
            else:
                pauses.succeeded(await self._live(line))
            await asyncio.sleep(pauses.next())

    async def _live(self, line: serial.Serial) -> float:
        """Listen until the line is lost; returns the seconds that took."""
        began = self._clock()
        self._renew_decoder()
        self._note("up", "")
        self._inbox.put(PortBack(self._section.id, self._everyone, began))
        try:
            await self._listen(line)
        except FAULTS as error:
            self._note("down", explain(self._section, error))
            self._inbox.put(PortLost(self._section.id, self._everyone, self._clock()))
        finally:
            await _close(line)
        return self._clock() - began

    def _renew_decoder(self) -> None:
        """Half a frame of before the gap is no beginning for what comes after it."""
        self._dropped += self._decoder.dropped
        self._decoder = self._driver.decoder(self._section.options)

    def _note(self, state: Condition, problem: str) -> None:
        if problem and problem != self._problem:
            log.info("serial line %s: %s", self._section.id, problem)
        self._state: Condition = state
        self._problem = problem
        self._since = self._clock()

    # --- reading and writing ----------------------------------------------------------------

    async def _listen(self, line: serial.Serial) -> None:
        """Hear and answer until something of FAULTS is raised."""
        try:
            descriptor = line.fileno()
        except io.UnsupportedOperation:  # rfc2217 reads in threads of its own
            await self._listen_in_threads(line)
        else:
            await self._listen_on_loop(descriptor)

    async def _listen_on_loop(self, descriptor: int) -> None:
        loop = asyncio.get_running_loop()
        lost: asyncio.Future[None] = loop.create_future()
        loop.add_reader(descriptor, self._readable, descriptor, lost)
        try:
            while not lost.done():
                await asyncio.wait([lost], timeout=ASK_EVERY if self._decoder.speaks else None)
                if words := self._words():
                    _write_whole(descriptor, words)
            lost.result()
        finally:
            loop.remove_reader(descriptor)

    def _readable(self, descriptor: int, lost: "asyncio.Future[None]") -> None:
        try:
            self._hear(_read(descriptor))
        except FAULTS as error:
            if not lost.done():
                lost.set_exception(error)

    async def _listen_in_threads(self, line: serial.Serial) -> None:
        while True:
            self._hear(await in_thread(lambda: line.read(1) + line.read(_waiting(line))))
            if words := self._words():
                await in_thread(lambda: line.write(words))

    def _words(self) -> bytes:
        return self._decoder.outgoing(self._clock()) if self._decoder.speaks else b""

    # --- decoding ---------------------------------------------------------------------------

    def _hear(self, data: bytes) -> None:
        at = self._clock()
        said = [pair for saying in self._decoder.feed(data) for pair in self._addressed(saying)]
        if said:
            self._inbox.put(Delivery(tuple(said), at))

    def _addressed(self, saying: Saying) -> list[tuple[str, Saying]]:
        """The saying with the sensors it is of."""
        if saying.channel is None:
            return [(sensor, saying) for sensor in self._sensors.values()]
        sensor = self._sensors.get(saying.channel)
        if sensor is None:
            self._dropped["no_sensor"] += 1
            return []
        return [(sensor, saying)]


def open_line(section: Serial) -> serial.Serial:
    """Open it for us alone, without raising DTR or RTS (an Arduino would reset). Blocks."""
    line = serial.serial_for_url(
        section.port, section.baud, do_not_open=True, exclusive=True, timeout=READ_WITHIN
    )
    line.dtr = False
    line.rts = False
    line.open()
    return line


def explain(section: Serial, error: Exception) -> str:
    """What is wrong with the line, and what the person in the branch can do."""
    port = section.port
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        return f"{port} is not there: plug it in, or set `port` to one of /dev/serial/by-id/"
    if number in {errno.EACCES, errno.EPERM}:
        return f"{port} may not be opened: `sudo adduser <the gateway's user> dialout`, restart"
    if number in {errno.EBUSY, errno.EAGAIN}:
        return f"{port} is taken by {holders.of_file(port)}: stop it; a line has one reader"
    return f"{port} was lost ({error}): check plug and cable; it is opened again by itself"


def _read(descriptor: int) -> bytes:
    """What is there, at most MOST_BYTES; b"" only where there was nothing after all."""
    try:
        data = os.read(descriptor, MOST_BYTES)
    except BlockingIOError:
        return b""
    if not data:  # readable without bytes: the far end is gone
        raise OSError(errno.EIO, "hung up")
    return data


def _write_whole(descriptor: int, words: bytes) -> None:
    """A line that does not take a few bytes is stuck: it is opened again."""
    if os.write(descriptor, words) != len(words):
        raise OSError(errno.EIO, "it takes no bytes")


def _waiting(line: serial.Serial) -> int:
    return min(int(line.in_waiting), MOST_BYTES)


async def _close(line: serial.Serial) -> None:
    """Always, else the kernel keeps the name and a returning plug gets another."""
    with suppress(TimeoutError, *FAULTS):
        async with asyncio.timeout(CLOSE_WITHIN):
            await in_thread(line.close)
