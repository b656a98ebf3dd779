"""Which node of a cluster is tried next, and by which version of MQTT."""

from unittest.mock import Mock

import pytest
from paho.mqtt.client import MQTTv5, MQTTv311
from paho.mqtt.enums import MQTTProtocolVersion

from gateway.ports.chain_port import ChainPort, Login, subscribe

URLS = ("mqtt://one", "mqtt://two")


def test_every_node_is_tried_by_the_newer_version_before_any_by_the_older() -> None:
    port = ChainPort(URLS, Login("hub"))
    found = [port._way() for _ in range(5)]
    assert [url for url, _ in found] == ["mqtt://one", "mqtt://two"] * 2 + ["mqtt://one"]
    assert [version for _, version in found] == [MQTTv5, MQTTv5, MQTTv311, MQTTv311, MQTTv5]


def test_the_version_that_worked_is_the_next_one_again_at_the_next_node() -> None:
    port = ChainPort(URLS, Login("hub"))
    port._way()
    port._works(MQTTv311)
    assert [port._way() for _ in range(3)] == [
        ("mqtt://two", MQTTv311),
        ("mqtt://one", MQTTv311),
        ("mqtt://two", MQTTv5),
    ]


@pytest.mark.parametrize("version", [MQTTv5, MQTTv311])
def test_a_session_keeps_all_but_summaries(version: MQTTProtocolVersion) -> None:
    client = Mock(protocol=version)
    subscribe(client, session=False)
    asked = dict(client.subscribe.call_args.args[0])
    kept = {topic: getattr(how, "QoS", how) for topic, how in asked.items()}
    assert [topic for topic, qos in kept.items() if qos == 0] == ["gyms/+/summary"]
    assert len(kept) == 5
