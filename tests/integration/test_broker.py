"""The embedded broker is a real mosquitto: adopted, restarted, guarded."""

import asyncio
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from paho.mqtt import MQTTException, publish
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.ports.broker import Broker
from gateway.ports.child import command_of
from gateway.ports.mosquitto import BrokerError, find
from tests.integration.conftest import Speaker, Until
from tests.process import free_port

STATUS = "gyms/g/machines/m/status"


SUBSCRIBED = ("subscribed", b"")


def connect(broker: Broker, *, session: bool = False, named: bool = False) -> Client:
    """A client at the sensors' address, its messages in `heard`; as the gateway if `named`."""
    client = Client(CallbackAPIVersion.VERSION2, f"tester-{named}", protocol=MQTTv5, userdata=[])
    client.on_message = lambda _client, heard, message: heard.append(
        (message.topic, message.payload)
    )
    if named:
        client.username_pw_set(broker.user, broker.password)
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 3600 * session
    address = broker.listen
    client.connect(address.host, address.port, clean_start=not session, properties=properties)
    client.loop_start()
    return client


def leave(client: Client) -> list[tuple[str, bytes]]:
    client.disconnect()
    client.loop_stop()
    heard: list[tuple[str, bytes]] = client.user_data_get()
    return heard


@asynccontextmanager
async def supervised(broker: Broker) -> AsyncIterator[None]:
    task = asyncio.create_task(broker.run())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def another(broker: Broker, **changed: object) -> Broker:
    """What the next start of the gateway makes of the same folder."""
    given = {"listen": str(broker._asked), "topics": ["vendor/a"], **changed}
    return Broker(broker._folder, "g", **given)  # type: ignore[arg-type]


async def test_a_stopped_broker_leaves_no_process_and_no_zombie(broker: Broker) -> None:
    pid = broker.pid
    await broker.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid or 0, 0)
    assert broker.state().state == "down"


async def test_the_port_in_use_is_written_down(broker: Broker, short_path: Path) -> None:
    assert (short_path / "broker/port").read_text() == f"{broker.listen.port}\n"


async def test_the_broker_is_out_of_reach_of_ctrl_c(broker: Broker) -> None:
    assert broker.pid is not None
    assert os.getsid(broker.pid) == broker.pid != os.getsid(0)


async def test_secrets_are_ours_alone(broker: Broker, short_path: Path) -> None:
    modes = {
        (short_path / "broker" / name).stat().st_mode & 0o777 for name in ("password", "users")
    }
    assert modes == {0o600}
    assert (short_path / "broker").stat().st_mode & 0o777 == 0o700
    assert broker.password not in (short_path / "broker/users").read_text()


async def test_a_killed_broker_is_started_again_on_its_port(broker: Broker, until: Until) -> None:
    async with supervised(broker):
        old, port = broker.pid, broker.listen.port
        assert old is not None
        os.kill(old, signal.SIGKILL)
        await until(lambda: broker.pid not in {old, None} and broker.state().state == "up")
        assert broker.listen.port == port


async def test_a_broker_that_outlived_us_is_adopted_with_its_sessions(
    broker: Broker, until: Until
) -> None:
    session = connect(broker, session=True)
    session.subscribe("vendor/a", 1)
    leave(session)
    ours = another(broker, free_port_allowed=True)
    await ours.start()
    assert (ours.pid, ours.listen, ours.password) == (broker.pid, broker.listen, broker.password)
    await ours.stop()
    await until(lambda: broker.pid is None)  # its own look at the process comes a turn later


async def test_an_adopted_broker_is_supervised_like_a_child(broker: Broker, until: Until) -> None:
    ours = another(broker)
    await ours.start()
    async with supervised(ours):
        old = ours.pid
        assert old is not None
        os.kill(old, signal.SIGKILL)
        await until(lambda: ours.pid not in {old, None})
    await ours.stop()


@pytest.mark.parametrize("changed", [{"topics": ["vendor/b"]}, {"listen": "127.0.0.1:0"}])
async def test_a_survivor_with_another_configuration_is_replaced(
    broker: Broker, changed: dict[str, object]
) -> None:
    if "listen" in changed:
        changed = {"listen": f"127.0.0.1:{free_port()}"}
    old, ours = broker.pid, another(broker, **changed)
    await ours.start()
    assert ours.pid not in {old, None}
    assert ours.listen == ours._asked
    await ours.stop()


async def test_a_pid_file_that_names_a_stranger_hurts_nobody(short_path: Path) -> None:
    (short_path / "pid").write_text(str(os.getpid()))
    broker = Broker(short_path, "g", f"127.0.0.1:{free_port()}")
    await broker.start()
    assert broker.pid != os.getpid()
    await broker.stop()


async def test_a_taken_port_is_an_error_that_names_its_holder(short_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        broker = Broker(short_path, "g", f"127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(BrokerError, match=rf"taken by .*pid {os.getpid()}"):
            await broker.start()
    assert broker.pid is None


async def test_a_simulated_branch_takes_a_free_port_instead(short_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        broker = Broker(short_path, "g", f"127.0.0.1:{taken}", free_port_allowed=True)
        await broker.start()
    assert broker.listen.port != taken
    await broker.stop()


async def test_a_long_path_gets_a_second_port_instead_of_a_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    broker = Broker(folder, "g", f"127.0.0.1:{free_port()}")
    await broker.start()
    assert broker.url.startswith("mqtt://127.0.0.1:")
    again = Broker(folder, "g", str(broker.listen))
    await again.start()
    assert (again.pid, again.url) == (broker.pid, broker.url)
    await again.stop()


@pytest.mark.parametrize("size", [1, 300, 3000])
async def test_corrupt_saved_messages_do_not_stop_the_start(
    broker: Broker, short_path: Path, size: int
) -> None:
    await broker.stop()
    (short_path / "broker/mosquitto.db").write_bytes(b"\x5a" * size)
    await broker.start()
    assert broker.state().state == "up"
    assert (short_path / "broker/mosquitto.corrupt").stat().st_size == size


async def test_saved_messages_survive_a_stop(
    broker: Broker, speaker: Speaker, until: Until
) -> None:
    speaker.say("vendor/a", b"kept", retain=True)
    await broker.stop()
    await broker.start()
    client = connect(broker)
    client.subscribe("vendor/a")
    await until(client.user_data_get)
    assert leave(client) == [("vendor/a", b"kept")]


@pytest.mark.parametrize(
    ("topic", "passes"),
    [
        ("gyms/g/machines/m/occupancy", True),
        ("gyms/g/machines/m/availability", True),
        ("vendor/a", True),
        ("vendor/a/deeper", True),
        ("vendor/b", False),
        ("gyms/other/machines/m/occupancy", False),
        (STATUS, False),
        ("gyms/g/gateway/status", False),
        ("gyms/g/gateway/marker/x", False),
        ("homeassistant/device/g-m/config", False),
    ],
)
async def test_a_sensor_without_a_name_writes_only_what_sensors_say(
    broker: Broker,
    speaker: Speaker,
    until: Until,
    topic: str,
    passes: bool,
) -> None:
    client = connect(broker, named=True)
    client.on_subscribe = lambda *_: client.user_data_get().append(SUBSCRIBED)
    await until(client.is_connected)
    client.subscribe("#", 1)
    await until(lambda: SUBSCRIBED in client.user_data_get())
    speaker.say(topic, b"x")
    client.publish(STATUS, b"end", 1)  # the gateway may; it comes behind whatever passed
    await until(lambda: (STATUS, b"end") in client.user_data_get())
    assert ((topic, b"x") in leave(client)) is passes


async def test_everybody_on_this_machine_may_read(broker: Broker, until: Until) -> None:
    gateway, reader = connect(broker, named=True), connect(broker)
    reader.subscribe(STATUS, 1)
    gateway.publish(STATUS, b"free", 1, retain=True)
    await until(reader.user_data_get)
    leave(gateway)
    assert leave(reader) == [(STATUS, b"free")]


async def test_an_unpacked_mosquitto_serves_where_none_is_installed(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed, _ = find(None)
    (short_path / "m/usr/sbin").mkdir(parents=True)
    shutil.copy(installed, short_path / "m/usr/sbin/mosquitto")
    monkeypatch.setattr(shutil, "which", lambda *_args, **_named: None)
    listen = f"127.0.0.1:{free_port()}"
    broker = Broker(short_path / "b", "g", listen, unpacked=short_path / "m")
    await broker.start()
    assert command_of(broker.pid or 0)[0].startswith(str(short_path))
    await broker.stop()


async def test_without_any_mosquitto_the_message_says_how_to_get_one(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_args, **_named: None)
    with pytest.raises(BrokerError, match="apt-get install mosquitto"):
        await Broker(short_path, "g", "127.0.0.1:1883").start()


async def test_beyond_this_machine_nobody_comes_in_without_a_name(short_path: Path) -> None:
    broker = Broker(short_path, "g", f"0.0.0.0:{free_port()}")
    await broker.start()
    with pytest.raises(MQTTException, match="Not authorized"):
        publish.single("vendor/a", b"x", 1, hostname="127.0.0.1", port=broker.listen.port)
    await broker.stop()
