"""`gateway sensors discover` beside a running gateway and a real broker."""

import json
import os
import pty
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.process import GatewayProcess, gateway, native_config

REPORT = bytes.fromhex("f4f3f2f10d0002aa021e003200003c00005500f8f7f6f5")
TRAVELLING = """
[[sensors]]
id = "pir"
machine = "m000"
source = "mqtt"
driver = "zigbee2mqtt"
topic = "zigbee2mqtt"
"""


@pytest.fixture
def process(tmp_path: Path) -> Iterator[GatewayProcess]:
    config = native_config(2, occupancy="busy_after = 0\nfree_after = 0", extra=TRAVELLING)
    with gateway(tmp_path, config) as running:
        running.wait_port_up()
        yield running


def discover(process: GatewayProcess, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "gateway", "sensors", "discover", "--seconds", "1", *words]
    env = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        command, cwd=process.folder, env=env, capture_output=True, text=True, check=False
    )


def say(process: GatewayProcess, topic: str, payload: object) -> None:
    """Retained, so that it is heard whenever somebody listens."""
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.connect("127.0.0.1", process.broker_port())
    client.loop_start()
    client.publish(topic, json.dumps(payload), qos=1, retain=True).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def test_what_is_heard_and_not_configured_is_proposed(process: GatewayProcess) -> None:
    say(process, "zigbee2mqtt/m001", {"occupancy": True, "linkquality": 90})
    say(process, "gyms/test/machines/m001/occupancy", "ON")  # configured: its native topic
    done = discover(process)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("[[sensors]]") == 1
    assert 'machine = "m001"' in done.stdout
    assert 'driver = "zigbee2mqtt"' in done.stdout
    (row,) = [json.loads(line) for line in discover(process, "--json").stdout.splitlines()]
    assert (row["sensorId"], row["machineId"], row["confidence"]) == ("m001", "m001", "high")


def test_a_silent_broker_is_told_so(process: GatewayProcess) -> None:
    done = discover(process)
    assert done.returncode == 0
    assert done.stdout == ""
    assert "no sensor that is not configured" in done.stderr


def test_a_radar_on_a_serial_port_is_proposed(process: GatewayProcess) -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    port = os.ttyname(slave)
    os.close(slave)  # else it is we who hold it
    speaking = threading.Event()
    speaker = threading.Thread(target=speak, args=(master, speaking), daemon=True)
    speaker.start()
    done = discover(process, "--port", port)
    speaking.set()
    speaker.join()
    os.close(master)
    assert done.returncode == 0, done.stderr
    assert "[[serial]]" in done.stdout
    assert 'driver = "ld2410"' in done.stdout
    assert "baud = 256000" in done.stdout


def speak(master: int, stop: threading.Event) -> None:
    """As the radar does, ten times a second."""
    while not stop.wait(0.1):
        os.write(master, REPORT)


def test_a_port_that_is_not_there_is_told_with_what_to_do(process: GatewayProcess) -> None:
    done = discover(process, "--port", "/dev/ttyNOWHERE")
    assert (done.returncode, done.stdout) == (0, "")
    assert "plug it in" in done.stderr
