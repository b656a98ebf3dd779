"""The branch's ports, composed: the broker, MQTT, serial lines, and simulated people."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from config.secrets import secret
from config.sections import Config
from gateway.app.branch_sensors import BranchSensors
from gateway.clock import SystemClock
from gateway.inbox import Inbox, PortLost
from gateway.ports.broker_files import SensorUser
from gateway.ports.homeassistant import Announcer
from gateway.ports.mqtt_port import MqttPort
from gateway.ports.state import PortState
from gateway.ports.status_topics import StatusTopics
from gateway.supervision import Supervisor

if TYPE_CHECKING:
    from gateway.ports.broker import Broker
    from gateway.ports.serial_port import SerialPort

EMBEDDED = "embedded"
BROKER_AGAIN = 5.0  # seconds between attempts to start a broker that cannot start
BROKER_SETTLES = 0.05  # seconds between two looks whether it is there
STRANGERS = ("gyms/{gym}/machines/+/occupancy", "gyms/{gym}/machines/+/availability")
# a mistyped machine is the likeliest mistake: its words are heard, and counted as `no_sensor`
UNPACKED = Path(".venv/mosquitto")  # where config/mosquitto/install.sh unpacks without root

log = logging.getLogger(__name__)


class Ports:
    """Runs and stops them; tells how they are."""

    def __init__(
        self,
        config: Config,
        sensors: BranchSensors,
        inbox: Inbox,
        clock: SystemClock,
        supervisor: Supervisor,
    ) -> None:
        self._config = config
        self._sensors = sensors
        self._inbox = inbox
        self._clock = clock
        self._supervisor = supervisor
        self._broker = _broker(config, sensors) if config.mqtt.url == EMBEDDED else None
        self._serial = {port.id: port for port in _serial_ports(config, sensors, inbox)}
        self._mqtt: MqttPort | None = None
        self._status: StatusTopics | None = None
        self._announcer: Announcer | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self._people = asyncio.Event()
        self._greet: list[Callable[[], None]] = []
        self._listeners: dict[str, Callable[[bytes], None]] = {}

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Run every port, each kept alive by itself."""
        self._tasks = tasks
        self._inbox.put(
            PortLost("mqtt", frozenset(self._sensors.decoders), self._clock.monotonic())
        )
        self._keep("mqtt", self._run_mqtt)
        for port in self._serial.values():
            self._keep(port.id, partial(self._run_line, port))

    def _keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        if self._tasks is not None:
            part = self._supervisor.keep(name, run)
            self._running[name] = self._tasks.create_task(part, name=name)

    def cancel(self) -> None:
        """Let go of every port."""
        for task in self._running.values():
            task.cancel()

    # --- another configuration ------------------------------------------------------------------

    def show(self, config: Config) -> None:
        """Its machines are who has topics of ours from now on."""
        self._config = config
        if self._status is not None:
            self._status.become(machine.id for machine in config.machines)
        if self._announcer is not None:
            self._announcer.become(config.machines, config.branch.public_url)
            if config.mqtt.homeassistant:
                self._announcer.all_again()

    async def listen(self) -> None:
        """To the sensors as they are now: new topics, and lines that have changed. OSError."""
        if self._broker is not None:
            self._broker.permit(self._sensors.feeds.keys())
        if self._mqtt is not None:
            self._mqtt.listen_to(self._sensors.feeds)
        wanted = {p.id: p for p in _serial_ports(self._config, self._sensors, self._inbox)}
        kept = {
            name
            for name in self._serial.keys() & wanted.keys()
            if self._serial[name].listens == wanted[name].listens
        }
        await self._unplug(self._serial.keys() - kept)
        for name in wanted.keys() - kept:
            self._serial[name] = wanted[name]
            self._keep(name, partial(self._run_line, wanted[name]))

    async def _unplug(self, lines: Iterable[str]) -> None:
        """Each is free for somebody else, or for our next self, on return."""
        tasks = [self._running.pop(name) for name in lines if name in self._running]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for name in lines:
            self._supervisor.faults.pop(name, None)
            del self._serial[name]

    async def stop(self) -> None:
        """End the broker; the tasks have been cancelled before."""
        if self._broker is not None:
            await self._broker.stop()

    def status_topics(
        self,
        machines: Iterable[str],
        removed: Iterable[str],
        message: Callable[[str], bytes],
    ) -> StatusTopics:
        """Our retained status topics on this broker."""
        gym = self._config.branch.id
        gone = tuple(removed)
        topics = self._status = StatusTopics(gym, machines, gone, self._publish, message)
        self._greet.append(topics.all_again)
        url = self._config.branch.public_url
        announcer = Announcer(gym, self._config.machines, gone, self._publish, url)
        self._announcer = announcer
        if self._config.mqtt.homeassistant:
            self._listeners.update(announcer.heard())
            self._greet.append(announcer.all_again)
        else:
            self._greet.append(announcer.withdraw)
        return topics

    def let_in(self, sensors: Iterable[tuple[str, str, tuple[str, ...]]]) -> None:
        """(user, hashed password, topics) of who may write on the embedded broker.

        Raises OSError.
        """
        if self._broker is not None:
            self._broker.let_in([SensorUser(*sensor) for sensor in sensors])

    def states(self) -> list[PortState]:
        """How every port is."""
        parts = (self._broker, self._mqtt, *self._serial.values())
        return [part.state() for part in parts if part is not None]

    def problems(self) -> dict[str, str]:
        """Port → what is wrong and what to do."""
        return {state.id: state.problem for state in self.states() if state.state != "up"}

    def broker_login(self) -> dict[str, str | None]:
        """How to listen to the broker, for who may open the local socket."""
        if self._broker is None:
            url, user, password = _configured(self._config)
            return {"url": url, "user": user, "password": password}
        broker = self._broker
        return {"url": broker.url, "user": broker.user, "password": broker.password}

    def publish(self, topic: str, payload: bytes) -> bool:
        """With QoS 1; False while the broker is not there."""
        mqtt = self._mqtt
        return mqtt is not None and mqtt.publish(topic, payload, retain=False, qos=1)

    def _publish(self, topic: str, payload: bytes, *, retain: bool) -> object:
        return self._mqtt is not None and self._mqtt.publish(topic, payload, retain=retain)

    async def _run_line(self, port: "SerialPort") -> None:
        """Simulated people plug their lines in first."""
        if self._config.simulator is not None:
            await self._people.wait()
        await port.run()

    async def _run_mqtt(self) -> None:
        """The broker first, then who speaks through it."""
        url, user, password = await self._broker_address()
        self._mqtt = MqttPort(
            self._config.branch.id,
            url,
            self._sensors.feeds,
            self._inbox,
            strangers=[filter_.format(gym=self._config.branch.id) for filter_ in STRANGERS],
            username=user,
            password=password,
            listeners=self._listeners,
        )
        for greet in self._greet:
            self._mqtt.on_connected(greet)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._mqtt.run())
            if self._broker is not None:
                tasks.create_task(self._broker.run())
            if self._config.simulator is not None:
                tasks.create_task(self._simulate(self._mqtt, url, user, password))

    async def _simulate(
        self, mqtt: MqttPort, url: str, user: str | None, password: str | None
    ) -> None:
        """People come once we listen: their first words are live then."""
        from gateway.ports.simulated import Simulation  # noqa: PLC0415  only in a simulated branch

        while mqtt.state().state != "up":  # noqa: ASYNC110  a port has no event; once, for ms
            await asyncio.sleep(BROKER_SETTLES)
        credentials = (user, password) if user and password else None
        simulation = Simulation(self._config, url, credentials, self._clock)
        simulation.on_moves = lambda _moves: self._people.set()
        await simulation.run()

    async def _broker_address(self) -> tuple[str, str | None, str | None]:
        """(url, user, password), once an embedded broker runs."""
        if self._broker is None:
            return _configured(self._config)
        from gateway.ports.mosquitto import BrokerError  # noqa: PLC0415  only where it is embedded

        while True:
            try:
                await self._broker.start()
            except BrokerError as error:
                log.error("%s", error)  # noqa: TRY400  the text says what to do
                await asyncio.sleep(BROKER_AGAIN)
            else:
                return self._broker.url, self._broker.user, self._broker.password


def _configured(config: Config) -> tuple[str, str | None, str | None]:
    """An address of the configuration, its user within, its password from the secrets."""
    scheme, _, rest = config.mqtt.url.partition("://")
    user, at, host = rest.rpartition("@")
    password = secret("mqtt-password", Path(config.store.history).parent)
    return f"{scheme}://{host}", user if at else None, password.decode() if password else None


def _broker(config: Config, sensors: BranchSensors) -> "Broker":
    from gateway.ports.broker import Broker  # noqa: PLC0415  only where it is embedded

    return Broker(
        Path(config.store.history).parent / "broker",
        config.branch.id,
        config.mqtt.listen,
        sensors.feeds.keys(),
        free_port_allowed=config.simulator is not None,
        unpacked=UNPACKED,
    )


def _serial_ports(config: Config, sensors: BranchSensors, inbox: Inbox) -> Iterator["SerialPort"]:
    if config.serial:
        from gateway.ports.serial_port import SerialPort  # noqa: PLC0415  only where there are lines

        for section in config.serial:
            yield SerialPort(section, sensors.lines[section.id], inbox)
