"""Keys, sensors' users and staff's word on a running gateway with its broker."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.process import GatewayProcess, gateway, native_config

TOPIC = "gyms/test/machines/m000/occupancy"


@pytest.fixture
def process(tmp_path: Path) -> Iterator[GatewayProcess]:
    config = native_config(2, occupancy="busy_after = 0\nfree_after = 0")
    with gateway(tmp_path, config) as running:
        running.wait_port_up()
        yield running


def cli(process: GatewayProcess, *arguments: str) -> Any:
    command = [sys.executable, "-m", "gateway", *arguments, "--config", "gateway.toml", "--json"]
    env = {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        command, cwd=process.folder, env=env, capture_output=True, text=True, timeout=30, check=True
    )
    return json.loads(done.stdout)


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)


def say(process: GatewayProcess, topic: str, payload: str, user: str, password: str) -> str:
    """Publish as that user; how the broker answers."""
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.username_pw_set(user, password)
    answers: list[str] = []
    client.on_connect = lambda _c, _d, _f, reason, _p: answers.append(str(reason))
    client.on_publish = lambda _c, _d, _m, reason, _p: answers.append(str(reason))
    client.connect("127.0.0.1", process.broker_port())
    client.loop_start()
    _until(lambda: len(answers) == 1)
    if answers == ["Success"]:
        client.publish(topic, payload, qos=1)
        _until(lambda: len(answers) == 2)
    client.disconnect()
    client.loop_stop()
    return answers[-1]


def test_a_sensors_key_writes_its_own_topics_at_once_and_none_after_its_end(
    process: GatewayProcess,
) -> None:
    made = cli(process, "keys", "create", "--role", "sensor", "--topics", TOPIC)
    user, password = made["id"], made["secret"]
    assert say(process, TOPIC, "ON", user, password) == "Success"
    process.wait_status("m000", "occupied")
    other = TOPIC.replace("m000", "m001")
    assert say(process, other, "ON", user, password) == "Not authorized"
    status = "gyms/test/machines/m000/status"
    assert say(process, status, "{}", user, password) == "Not authorized"
    cli(process, "keys", "revoke", user)
    assert say(process, TOPIC, "OFF", user, password) == "Not authorized"


def test_an_adopted_broker_knows_the_sensors(process: GatewayProcess) -> None:
    made = cli(process, "keys", "create", "--role", "sensor", "--topics", TOPIC)
    process.kill()
    process.start()
    process.wait_port_up()
    assert say(process, TOPIC, "ON", made["id"], made["secret"]) == "Success"
    process.wait_status("m000", "occupied")


def test_out_of_service_outlives_kill_9(process: GatewayProcess) -> None:
    body = {"outOfService": True, "note": "The cable is torn."}
    assert process.local_call("PUT", "/machines/m000/service", body)[0] == 200
    process.kill()
    process.start()
    assert process.status("m000") == "out_of_service"
    assert process.local_call("PUT", "/machines/m000/service", {"outOfService": False})[0] == 200
    assert process.status("m000") == "unknown"
