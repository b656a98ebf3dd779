"""The embedded broker: a real mosquitto as a supervised child that may outlive us."""

import asyncio
import hashlib
import logging
import os
import secrets
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from gateway.ports.addresses import Listen, free_port, why_not
from gateway.ports.backoff import Backoff
from gateway.ports.broker_files import (
    USER,
    SensorUser,
    configuration,
    granted,
    permissions,
    users,
    write_private,
)
from gateway.ports.child import Child, command_of, spawn
from gateway.ports.mosquitto import BrokerError, find
from gateway.ports.state import Condition, PortState

LONGEST_SOCKET_PATH = 107  # bytes: the kernel's 108, less the closing zero
READY_WITHIN = 5.0  # seconds: a Pi that reads a full queue back needs about one
ASK_EVERY = 0.01  # seconds between two looks at the sockets
LOOK_EVERY = 60.0  # seconds between two looks at the log's size
LARGEST_LOG = 2**20  # bytes of errors and warnings: weeks of them; emptied above
TAIL = 500  # characters of the log that a message quotes

log = logging.getLogger(__name__)


class Broker:
    """mosquitto on a socket of our own, and on the `listen` address for sensors.

    `folder` (`var/broker`) holds all its files; `topics` are those of the configured sensors;
    `unpacked` is where config/mosquitto/install.sh may have put a mosquitto without root.
    """

    user = USER

    def __init__(
        self,
        folder: Path,
        gym: str,
        listen: str,
        topics: Collection[str] = (),
        *,
        free_port_allowed: bool = False,
        unpacked: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder.resolve()
        self._asked = Listen.parse(listen)
        self._gym = gym
        self._permissions = permissions(gym, topics)
        self._free_port_allowed = free_port_allowed
        self._unpacked = unpacked
        self._clock = clock
        self._sensors: tuple[SensorUser, ...] = ()
        self._child: Child | None = None
        self._own_port: int | None = None
        self.listen = self._asked
        """Where sensors connect: another port than configured if that may be, and was taken."""
        self.password = ""
        """The gateway's own, with `user`; known after `start`."""
        self._note("down", "not started yet")

    @property
    def url(self) -> str:
        """Where the gateway connects: a socket, or a port where its path would be too long."""
        return f"mqtt://127.0.0.1:{self._own_port}" if self._own_port else f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        """The running broker's process, if any."""
        return self._child.pid if self._child and self._child.alive else None

    def state(self) -> PortState:
        """How it is."""
        return PortState("broker", "broker", self._state, self._since, self._problem, {})

    async def start(self) -> None:
        """Adopt the one that outlived us, or start one; returns when its sockets accept.

        Raises BrokerError.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.password = self._remembered_password()
        except OSError as error:
            raise BrokerError(f"cannot write into {self._folder}: {error.strerror}") from error
        if not await self._adopt():
            await self._launch()

    async def run(self) -> None:
        """Supervise it for ever: start it again whenever it ends. `start` comes first."""
        pauses = Backoff()
        while True:
            if self._child is not None:
                began = self._clock()
                await self._watch(self._child)
                pauses.succeeded(self._clock() - began)
            await asyncio.sleep(pauses.next())
            with suppress(BrokerError):  # noted; the next attempt follows
                await self._launch()

    async def stop(self) -> None:
        """End it within 1.5 s or by force; no process stays. Cancel `run` first."""
        child, self._child = self._child, None
        if child is not None:
            await child.end()
        self._note("down", "stopped")

    def let_in(self, sensors: Collection[SensorUser]) -> None:
        """These users may write their topics, and no others of sensors any more. Raises OSError."""
        self._sensors = tuple(sensors)
        if self._child is not None:
            self._write_users()
            self._child.reload()

    def permit(self, topics: Collection[str]) -> None:
        """These are the topics of the configured sensors from now on. Raises OSError."""
        self._permissions = permissions(self._gym, topics)
        self.let_in(self._sensors)

    def _write_users(self) -> None:
        write_private(self._folder / "users", users(self.password, self._sensors))
        write_private(self._folder / "acl", self._permissions + granted(self._sensors))

    def _note(self, state: Condition, problem: str) -> None:
        self._state: Condition = state
        self._problem = problem
        self._since = self._clock()

    async def _watch(self, child: Child) -> None:
        while child.alive:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await child.gone()
            self._bound_log(LARGEST_LOG)
        self._child = None
        self._note("down", f"mosquitto ended and is started again; it said: {self._tail()}")
        log.warning("%s", self._problem)

    # --- adopting ---------------------------------------------------------------------------

    async def _adopt(self) -> bool:
        """Take over a mosquitto that outlived us; one with another configuration is ended."""
        survivor = self._survivor()
        if survivor is None:
            return False
        if self._is_what_we_want(survivor) and await self._ready(survivor):
            self._child = survivor
            self._note("up", "")
            self.let_in(self._sensors)  # they may have changed while we were away
            log.info("adopted the broker that was running already (pid %d)", survivor.pid)
            return True
        await survivor.end()
        self.listen, self._own_port = self._asked, None
        return False

    def _survivor(self) -> Child | None:
        """A mosquitto on a configuration of ours that is still there."""
        with suppress(OSError, ValueError):
            pid = int((self._folder / "pid").read_text())
            if any(part.startswith(f"{self._folder}/mosquitto-") for part in command_of(pid)):
                return Child(pid)
        return None

    def _is_what_we_want(self, survivor: Child) -> bool:
        """Whether it runs exactly the configuration that we would write."""
        with suppress(OSError, ValueError):
            self.listen = Listen(self._asked.host, int((self._folder / "port").read_text()))
            if self._needs_own_port:
                self._own_port = int((self._folder / "own_port").read_text())
            return str(self._configure()) in command_of(survivor.pid)
        return False

    # --- starting ---------------------------------------------------------------------------

    async def _launch(self) -> None:
        try:
            await self._start_child()
        except (BrokerError, OSError) as error:
            self._note("down", str(error))
            raise BrokerError(str(error)) from error
        self._note("up", "")

    async def _start_child(self) -> None:
        command, env = find(self._unpacked)
        self.listen = self._free_address()
        if self._needs_own_port and self._own_port is None:  # else kept: the gateway knows it
            self._own_port = free_port("127.0.0.1")
        conf = str(self._configure())
        self._write_users()
        if not await self._spawn([command, "-c", conf], env) and not (
            self._set_aside_what_is_corrupt() and await self._spawn([command, "-c", conf], env)
        ):
            raise BrokerError(f"mosquitto does not start; it says: {self._tail()}")
        write_private(self._folder / "port", f"{self.listen.port}\n")
        write_private(self._folder / "own_port", f"{self._own_port}\n")

    def _free_address(self) -> Listen:
        """The last one used, else the configured one, else (where that may be) a free port."""
        for listen in (self.listen, self._asked):
            problem = why_not(listen)
            if problem is None:
                return listen
        if self._free_port_allowed:
            return Listen(self._asked.host, free_port(self._asked.host))
        raise BrokerError(problem)

    async def _spawn(self, command: list[str], env: dict[str, str]) -> bool:
        """Start it; whether all its sockets accept in time."""
        self._bound_log(0)  # of its last words the person has been told
        self._child = Child(spawn(command, env, self._log))
        if await self._ready(self._child):
            return True
        await self._child.end()
        self._child = None
        return False

    async def _ready(self, child: Child) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_WITHIN):
                while child.alive:
                    if await self._accepts():
                        return child.alive
                    await asyncio.sleep(ASK_EVERY)
        return False

    async def _accepts(self) -> bool:
        try:
            _, sensors = await asyncio.open_connection(self.listen.host, self.listen.port)
            sensors.close()
            if self._own_port is None:
                _, own = await asyncio.open_unix_connection(self._socket)
                own.close()
        except OSError:
            return False
        return True

    # --- files ------------------------------------------------------------------------------

    @property
    def _socket(self) -> Path:
        return self._folder / "mqtt.sock"

    @property
    def _needs_own_port(self) -> bool:
        return len(os.fsencode(self._socket)) > LONGEST_SOCKET_PATH

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    def _configure(self) -> Path:
        """Write what mosquitto reads; the file's name carries the digest of it all.

        So the command line of a running mosquitto says which configuration it has.
        """
        own = f"{self._own_port} 127.0.0.1" if self._own_port else f"0 {self._socket}"
        text = f"# for {self._asked}\n{configuration(self._folder, own, self.listen)}"
        digest = hashlib.sha256((text + self._permissions + self.password).encode()).hexdigest()[
            :16
        ]
        conf = self._folder / f"mosquitto-{digest}.conf"
        for old in self._folder.glob("mosquitto-*.conf"):
            old.unlink()
        write_private(conf, text)
        return conf

    def _remembered_password(self) -> str:
        file = self._folder / "password"
        with suppress(OSError, ValueError):  # absent, or no text: another one does
            if known := file.read_text().strip():
                return known
        write_private(file, secrets.token_urlsafe(24))
        return file.read_text()

    def _set_aside_what_is_corrupt(self) -> bool:
        """Move the saved messages away if mosquitto cannot read them: start empty, not never."""
        saved = self._folder / "mosquitto.db"
        if "database" not in self._tail() or not saved.exists():
            return False
        saved.replace(saved.with_suffix(".corrupt"))
        log.error("the broker's saved messages are corrupt; moved to mosquitto.corrupt: %s", saved)
        return True

    def _bound_log(self, largest: int) -> None:
        with suppress(OSError):
            if self._log.stat().st_size > largest:
                os.truncate(self._log, 0)

    def _tail(self) -> str:
        """The log's last words, or `nothing`."""
        with suppress(OSError):
            return self._log.read_text(errors="replace")[-TAIL:].strip() or "nothing"
        return "nothing"
