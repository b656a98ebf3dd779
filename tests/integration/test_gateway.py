"""The whole gateway in a process of its own, native sensors at a real broker."""

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt import publish, subscribe

from tests.process import GatewayProcess, free_port, gateway, native_config

NOW = "busy_after = 0\nfree_after = 0"


@pytest.fixture
def process(short_path: Path) -> Iterator[GatewayProcess]:
    with gateway(short_path, native_config(3, occupancy=NOW)) as running:
        running.wait_port_up()
        yield running


def say(process: GatewayProcess, machine: str, payload: bytes | str, **more: object) -> None:
    topic = f"gyms/test/machines/{machine}/occupancy"
    publish.single(topic, payload, qos=1, port=process.broker_port(), **more)  # type: ignore[arg-type]


def cli(process: GatewayProcess, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "gateway", *words]
    env = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        command,
        cwd=process.folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_word_becomes_a_status_and_a_retained_message(process: GatewayProcess) -> None:
    say(process, "m001", '{"occupied": true, "seq": 1}')
    process.wait_status("m001", "occupied")
    topic = "gyms/test/machines/m001/status"
    for _ in range(50):
        heard = subscribe.simple(topic, port=process.broker_port())
        message = json.loads(heard.payload)
        if message["status"] == "occupied":
            break
    assert heard.retain
    assert message["type"] == "machine_update"
    assert (message["machineId"], message["gymId"]) == ("m001", "test")


def test_bad_words_are_counted_and_lose_no_good_one_behind_them(process: GatewayProcess) -> None:
    for payload in (b"\xff\xfe", b"", b"{", b"[" * 10_000, b'{"occupied": 3}', bytes(10_000_000)):
        say(process, "m000", payload)
    say(process, "m999", "ON")
    say(process, "m000", '{"occupied": true, "timestamp": 5}')
    say(process, "m000", '{"occupied": true, "timestamp": 99999999999}')
    process.wait_status("m000", "occupied")
    rows = process.local("/admin/sensors")["sensors"]
    dropped = next(row["dropped"] for row in rows if row["sensorId"] == "m000")
    assert sum(dropped.values()) >= 7
    assert {"timestamp_older_than_a_day", "timestamp_in_the_future"} <= dropped.keys()
    details = process.local("/health")["details"]
    counted = next(port["dropped"] for port in details["ports"] if port["id"] == "mqtt")
    assert {"too_large", "no_sensor"} <= counted.keys()
    assert details["sensors"]["m000"] == dropped
    assert "Traceback" not in process.log.read_text()


def test_sensors_list_tells_what_each_says(process: GatewayProcess) -> None:
    say(process, "m002", "ON")
    process.wait_status("m002", "occupied")
    rows = [
        json.loads(line) for line in cli(process, "sensors", "list", "--json").stdout.splitlines()
    ]
    assert [row["active"] for row in rows] == [None, None, True]
    table = cli(process, "sensors", "list")
    assert table.returncode == 0
    assert "m002" in table.stdout


def test_sensors_watch_shows_samples_as_they_come(process: GatewayProcess) -> None:
    command = [sys.executable, "-m", "gateway", "sensors", "watch", "m000", "--json"]
    env = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(command, cwd=process.folder, env=env, stdout=subprocess.PIPE) as watch:
        assert watch.stdout is not None
        for turn in range(40):
            say(process, "m000", ("ON", "OFF")[turn % 2])
            with contextlib.suppress(subprocess.TimeoutExpired):
                watch.wait(0.1)
            if process.local("/admin/samples?after=0")["newest"] > 15:
                break
        row = json.loads(watch.stdout.readline())
        watch.send_signal(signal.SIGINT)
        assert row["sensorId"] == "m000"
        assert watch.wait(5) == 0


def test_watching_an_unknown_sensor_names_the_one_that_was_meant(process: GatewayProcess) -> None:
    told = cli(process, "sensors", "watch", "m0001")
    assert told.returncode == 2
    assert "Did you mean m00" in told.stderr


def test_a_second_gateway_is_refused_and_leaves_the_log_as_it_was(process: GatewayProcess) -> None:
    before = process.local("/admin/sensors")
    other = (process.folder / "gateway.toml").read_text().replace(str(process.port), "0")
    (process.folder / "other.toml").write_text(other)
    told = cli(process, "run", "--config", "other.toml")
    assert told.returncode == 1
    assert f"in use by another gateway (pid {process.pid})" in told.stderr
    assert "Traceback" not in told.stderr
    assert process.local("/admin/sensors")["sensors"] == before["sensors"]
    with contextlib.closing(sqlite3.connect(process.folder / "var/history.db")) as conn:
        assert conn.execute("SELECT count(*) FROM events").fetchone() == (3,)


def test_without_a_running_gateway_the_cli_says_what_to_do(process: GatewayProcess) -> None:
    process.stop()
    told = cli(process, "sensors", "list")
    assert told.returncode == 1
    assert "start it with `gateway run`" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_wrong_configuration_starts_nothing(process: GatewayProcess) -> None:
    process.stop()
    (process.folder / "gateway.toml").write_text("[branch]\nid = 'X'\n[htpp]\n")
    told = cli(process, "run")
    assert told.returncode == 2
    assert "htpp" in told.stderr
    assert "branch.id" in told.stderr


def test_a_taken_port_is_told_with_what_to_do(process: GatewayProcess, tmp_path: Path) -> None:
    other = GatewayProcess(tmp_path, native_config(1, occupancy=NOW))
    text = (tmp_path / "gateway.toml").read_text()
    (tmp_path / "gateway.toml").write_text(text.replace(str(other.port), str(process.port)))
    told = cli(other, "run")
    assert told.returncode == 1
    assert str(process.port) in told.stderr
    assert "Traceback" not in told.stderr


def test_a_start_imports_nothing_it_does_not_need(tmp_path: Path) -> None:
    config = native_config(1, occupancy=NOW)
    own = config.replace("[mqtt]\n", f'[mqtt]\nurl = "mqtt://127.0.0.1:{free_port()}"\n')
    (tmp_path / "gateway.toml").write_text(own.format(http_port=free_port()))
    script = (
        "import sys; from config.load import load; from pathlib import Path;"
        "from gateway.app import Gateway; Gateway(load(Path('gateway.toml')), None);"
        "print(*sys.modules)"
    )
    env = {"PYTHONPATH": str(Path(__file__).parents[2])}
    told = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, check=True
    )
    unneeded = {
        "rich",
        "serial",
        "gateway.ports.broker",
        "gateway.ports.simulated",
        "sensors.simulator",
    }
    assert unneeded.isdisjoint(told.stdout.decode().split())
