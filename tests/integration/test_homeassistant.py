"""Every machine is announced to Home Assistant over a real broker, and taken back."""

import json
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from sensors.announcement import announced
from tests.process import GatewayProcess, gateway, native_config

TOPIC = "homeassistant/device/test-m000/config"
CONFIG = native_config(1, occupancy="busy_after = 0\nfree_after = 0")


class Home:
    """What a Home Assistant on that broker hears."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        client.on_message = self._take

    def _take(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self._heard.put((message.topic, bytes(message.payload)))

    def next(self) -> tuple[str, Any]:
        topic, payload = self._heard.get(timeout=15)
        return topic, json.loads(payload)

    def silent(self) -> bool:
        try:
            self._heard.get(timeout=1)
        except queue.Empty:
            return True
        return False


@contextmanager
def home(process: GatewayProcess) -> Iterator[Home]:
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    found = Home(client)
    client.connect("127.0.0.1", process.broker_port())
    client.subscribe("homeassistant/device/#", qos=1)
    client.loop_start()
    try:
        yield found
    finally:
        client.disconnect()
        client.loop_stop()


def test_a_machine_is_a_device_with_its_status_and_whether_it_is_used(tmp_path: Path) -> None:
    with gateway(tmp_path, CONFIG) as process:
        process.wait_port_up()
        with home(process) as listening:
            topic, said = listening.next()
    assert topic == TOPIC
    entities = announced(topic, json.dumps(said).encode())  # as anybody reads it
    assert {(one.component, one.device_class) for one in entities} == {
        ("binary_sensor", "occupancy"),
        ("sensor", "enum"),
    }
    assert {one.state_topic for one in entities} == {"gyms/test/machines/m000/status"}
    assert said["availability_topic"] == "gyms/test/gateway/status"
    assert said["components"]["status"]["options"] == [
        *("free", "occupied", "unknown", "out_of_service")
    ]


def test_when_home_assistant_starts_it_is_told_again(tmp_path: Path) -> None:
    with gateway(tmp_path, CONFIG) as process:
        process.wait_port_up()
        with home(process) as listening:
            listening.next()
            for word in ("offline", "online", "online"):
                listening.client.publish("homeassistant/status", word, qos=1).wait_for_publish(10)
            assert listening.next()[0] == TOPIC
            assert listening.silent()  # once: who says it again and again is told no faster


def test_switched_off_nothing_of_ours_stays(tmp_path: Path) -> None:
    with gateway(tmp_path, CONFIG) as process:
        process.wait_port_up()
        with home(process) as listening:
            assert listening.next()[0] == TOPIC
        process.stop()
        off = (
            (tmp_path / "gateway.toml")
            .read_text()
            .replace("[mqtt]", "[mqtt]\nhomeassistant = false")
        )
        (tmp_path / "gateway.toml").write_text(off)
        process.start()
        process.wait_port_up()
        with home(process) as listening:
            assert any(listening.silent() for _ in range(20))  # what is taken back was still there
        with home(process) as listening:
            assert listening.silent()
