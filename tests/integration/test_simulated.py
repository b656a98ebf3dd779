"""The simulated branch over a real broker and real ptys."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import serial
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from config.sections import Branch, Config, Machine, Sensor, Serial, Simulator
from gateway.clock import SystemClock
from gateway.ports.broker import Broker
from gateway.ports.simulated import Pty, Simulation
from sensors import catalog
from sensors.sample import Sample
from sensors.simulator.people import Move

NOBODY = "mqtt://127.0.0.1:9"  # the discard port, which nobody serves
NATIVE = ("m-3", "m-4", "m-5")  # m-6 is native too, and speaks bare words
EVENING = 1_790_015_400.0  # Monday, 2026-09-21 18:30 UTC: people are there
Until = Callable[[Callable[[], object]], Awaitable[None]]
Heard = list[tuple[str, bytes]]


@pytest.fixture
def url(broker: Broker) -> str:
    """Where sensors find the running broker."""
    return f"mqtt://127.0.0.1:{broker.listen.port}"


@pytest.fixture
def heard(broker: Broker) -> Iterator[Heard]:
    """Every message of the branch, as (topic, payload)."""
    messages: Heard = []
    subscribed: list[bool] = []
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)

    def take(_client: Client, _data: object, message: MQTTMessage) -> None:
        messages.append((message.topic, bytes(message.payload)))

    client.on_message = take
    client.on_subscribe = lambda *_: subscribed.append(True)
    client.connect("127.0.0.1", broker.listen.port)
    client.loop_start()
    client.subscribe("gyms/#", qos=1)
    while not subscribed:
        time.sleep(0.01)
    yield messages
    client.disconnect()
    client.loop_stop()


def branch(folder: Path) -> Config:
    machines = [Machine(id=f"m-{n}", name=f"M {n}", category="legs") for n in range(7)]
    sensors = [
        Sensor(id=f"s-{n}", machine=f"m-{n}", source="serial:bus", channel=n, driver="lines")
        for n in range(2)
    ]
    sensors.append(Sensor(id="s-2", machine="m-2", source="serial:radar", driver="ld2410"))
    return Config(
        branch=Branch(id="g", name="Central"),
        machines=tuple(machines),
        sensors=tuple(sensors),
        serial=(
            Serial(id="bus", port=str(folder / "bus"), driver="lines"),
            Serial(id="radar", port=str(folder / "radar"), driver="ld2410"),
        ),
        simulator=Simulator(speed=200),
    )


@asynccontextmanager
async def playing(
    folder: Path, url: str, moves: list[Move] | None = None
) -> AsyncIterator[Simulation]:
    clock = SystemClock(trusted=True)
    clock.offset = EVENING - clock.monotonic()
    simulation = Simulation(branch(folder), url, None, clock)
    if moves is not None:
        simulation.on_moves = moves.extend
    task = asyncio.create_task(simulation.run())
    await asyncio.sleep(0)  # the ports are open at its first pause
    yield simulation
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def read(path: Path, seconds: float) -> bytes:
    """What a reader of the port gets."""
    with serial.Serial(str(path), 115200, timeout=0, exclusive=True) as line:
        await asyncio.sleep(seconds)
        data: bytes = line.read(4096)
    return data


def words(heard: Heard, machine: str) -> list[dict[str, float]]:
    """What the machine's sensor said in JSON."""
    return [json.loads(p) for topic, p in heard if topic.endswith(f"{machine}/occupancy")]


def of(heard: Heard, word: str) -> dict[str, bytes]:
    """The newest message of each machine's topic that ends in `word`."""
    return {topic.split("/")[3]: payload for topic, payload in heard if topic.endswith(word)}


async def test_sensors_greet_and_speak_over_the_broker(
    tmp_path: Path, url: str, heard: Heard, until: Until
) -> None:
    async with playing(tmp_path, url):
        await until(lambda: len(heard) >= 7)
        online = of(heard, "availability")
    assert online == dict.fromkeys(NATIVE, b"online")
    assert set(of(heard, "occupancy")) == {*NATIVE, "m-6"}


async def test_a_clean_end_leaves_every_sensor_offline_in_the_broker(
    tmp_path: Path, url: str, heard: Heard, until: Until
) -> None:
    async with playing(tmp_path, url) as simulation:
        await until(simulation.connection.connected.is_set)
    await until(lambda: sum(payload == b"offline" for _, payload in heard) >= 3)
    assert of(heard, "availability") == dict.fromkeys(NATIVE, b"offline")


async def test_words_over_the_broker_are_what_people_do(
    tmp_path: Path, url: str, heard: Heard, until: Until
) -> None:
    moves: list[Move] = []
    async with playing(tmp_path, url, moves):
        await until(lambda: any(len(words(heard, machine)) >= 4 for machine in NATIVE))
    machine = next(machine for machine in NATIVE if len(words(heard, machine)) >= 4)
    said = words(heard, machine)
    assert [word["seq"] for word in said] == list(range(1, len(said) + 1))
    did = [move for move in moves if move.machine == machine]
    for word in said[1:]:
        last = [[m for m in did if m.at <= word["timestamp"] + d][-1] for d in (-0.002, 0.002)]
        assert word["occupied"] in {move.active for move in last}  # timestamps are rounded


async def test_sensors_say_all_again_when_the_broker_is_back(
    tmp_path: Path, url: str, heard: Heard, until: Until
) -> None:
    async with playing(tmp_path, url) as simulation:
        await until(lambda: len(of(heard, "availability")) == 3)
        heard.clear()
        simulation.connection._client._sock_close()  # as a cut cable would
        await until(lambda: len(of(heard, "availability")) == 3)
        await until(lambda: len(of(heard, "occupancy")) == 4)


@pytest.mark.parametrize(("name", "seconds", "least"), [("radar", 1.5, 10), ("bus", 2.5, 4)])
async def test_bytes_come_out_of_a_real_pty_and_decode(
    tmp_path: Path, name: str, seconds: float, least: int
) -> None:
    driver = "ld2410" if name == "radar" else "lines"
    async with playing(tmp_path, NOBODY):
        data = await read(tmp_path / name, seconds)
    samples = catalog.load(driver).decoder({}).feed(data)
    assert len(samples) >= least
    assert {s.channel for s in samples if isinstance(s, Sample)} <= {0, 1}


async def test_ports_go_away_at_the_end(tmp_path: Path) -> None:
    ports = [tmp_path / "bus", tmp_path / "radar"]
    async with playing(tmp_path, NOBODY):
        assert all(port.is_symlink() for port in ports)
    assert not any(port.is_symlink() for port in ports)


def test_a_port_that_nobody_reads_never_blocks(tmp_path: Path) -> None:
    with Pty(tmp_path / "port") as pty:
        for _ in range(10_000):
            pty.write(b"x" * 23)
        with serial.Serial(str(tmp_path / "port"), timeout=0.2) as line:
            pty.write(b"fresh")
            assert line.read(5) == b"fresh"  # opening discards what came before


def test_who_writes_to_the_port_is_never_blocked(tmp_path: Path) -> None:
    with Pty(tmp_path / "port") as pty, serial.Serial(str(tmp_path / "port")) as line:
        line.write_timeout = 1
        for _ in range(100):
            line.write(b"command" * 100)
            pty.write(b"")


def test_a_link_that_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "port"
    path.symlink_to("/dev/pts/no-such-terminal")
    with Pty(path):
        assert path.exists()


def test_a_real_port_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("a device")
    with pytest.raises(FileExistsError), Pty(tmp_path / "port"):
        pass
    assert (tmp_path / "port").read_text() == "a device"


def simulate(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """`gateway simulate` on a simulated branch."""
    toml = '[branch]\nid = "g"\nname = "G"\n[simulator]\nmachines = 12\nspeed = 100\n'
    (folder / "gateway.toml").write_text(toml)
    return subprocess.Popen(
        [sys.executable, "-m", "gateway", "simulate", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What it printed, while the broker's task goes on."""
    return await asyncio.to_thread(process.communicate, timeout=20)


async def test_simulate_prints_moves_for_the_time_it_is_given(
    tmp_path: Path, url: str, heard: Heard
) -> None:
    truth = tmp_path / "truth.jsonl"
    process = simulate(
        tmp_path, "--broker", url, "--json", "--for", "1", "--machines", "3", "--truth", str(truth)
    )
    out, errors = await ended(process)
    assert (process.returncode, errors) == (0, "")
    moves = [json.loads(line) for line in out.splitlines()]
    assert [json.loads(line) for line in truth.read_text().splitlines()] == moves
    assert len({move["machine"] for move in moves}) == 3
    assert set(of(heard, "occupancy")) == {move["machine"] for move in moves}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_simulate_ends_with_0_when_it_is_told_to(
    tmp_path: Path, url: str, heard: Heard, until: Until, number: signal.Signals
) -> None:
    process = simulate(tmp_path, "--broker", url)
    await until(lambda: of(heard, "occupancy"))
    process.send_signal(number)
    _, errors = await ended(process)
    assert (process.returncode, errors) == (0, "")
    assert set(of(heard, "availability").values()) == {b"offline"}


async def test_simulate_without_a_broker_says_what_where_and_what_to_do(tmp_path: Path) -> None:
    process = simulate(tmp_path, "--broker", "mqtt://user:pass@127.0.0.1:9")
    _, errors = await ended(process)
    assert process.returncode == 1
    assert "No MQTT broker answers at mqtt://127.0.0.1:9." in errors
    assert "--broker" in errors


async def test_simulate_refuses_an_address_that_is_no_broker(tmp_path: Path) -> None:
    process = simulate(tmp_path, "--broker", "http://localhost")
    _, errors = await ended(process)
    assert process.returncode == 2
    assert "mqtt://host:port" in errors
