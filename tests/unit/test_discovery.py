"""What is heard on a broker becomes entries that a technician can paste."""

import json
import tomllib
from pathlib import Path

import pytest

from sensors import catalog
from sensors.discovery import Proposal, as_toml, propose

CAPTURE = Path(__file__).parents[1] / "captures/mqtt_families.jsonl"
LINES = [json.loads(line) for line in CAPTURE.read_text(encoding="utf-8").splitlines()]


def said(topic: str, payload: object) -> tuple[str, bytes]:
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return topic, text.encode()


def only(*messages: tuple[str, object]) -> Proposal:
    (found,) = propose([said(*message) for message in messages])
    return found


@pytest.mark.parametrize(
    ("topic", "payload", "driver", "configured"),
    [
        ("zigbee2mqtt/door", {"contact": True}, "zigbee2mqtt", "zigbee2mqtt/door"),
        ("home/x", {"occupancy": True, "linkquality": 3}, "zigbee2mqtt", "home/x"),
        ("stat/p/POWER", "ON", "tasmota", "tele/p/SENSOR"),
        ("home/tele/p/STATE", {"POWER": "ON"}, "tasmota", "home/tele/p/SENSOR"),
        ("shellies/shelly1-A/input/0", "1", "shelly", "shellies/shelly1-A"),
        ("shellyplus1-a/status/switch:0", {"apower": 3.0}, "shelly", "shellyplus1-a"),
        ("n/binary_sensor/seat/state", "ON", "esphome", "n/binary_sensor/seat/state"),
        ("gyms/a/machines/b/occupancy", "ON", "native", "gyms/a/machines/b/occupancy"),
    ],
)
def test_each_family_is_known_by_its_topics(
    topic: str, payload: object, driver: str, configured: str
) -> None:
    found = only((topic, payload))
    assert (found.driver, found.topic) == (driver, configured)


def test_what_says_presence_comes_first_and_what_measures_second() -> None:
    found = propose(
        [
            said("zigbee2mqtt/lamp", {"state": "ON"}),
            said("tele/plug/SENSOR", {"ENERGY": {"Power": 12}}),
            said("zigbee2mqtt/pir", {"occupancy": False}),
        ]
    )
    assert [(one.confidence, one.topic) for one in found] == [
        ("high", "zigbee2mqtt/pir"),
        ("medium", "tele/plug/SENSOR"),
        ("low", "zigbee2mqtt/lamp"),
    ]
    assert [one.says for one in found[:2]] == ["not in use; occupancy 0", "power_w 12"]


def test_a_device_with_two_inputs_is_two_sensors() -> None:
    found = propose([said("shellies/s/input/0", "1"), said("shellies/s/input/1", "0")])
    assert {(one.channel, one.confidence) for one in found} == {(0, "high"), (1, "high")}


def test_an_announced_entity_of_no_known_family_gets_its_options() -> None:
    config = {
        "stat_t": "boxes/1",
        "dev_cla": "occupancy",
        "val_tpl": "{{ value_json.used }}",
        "pl_on": "yes",
        "pl_off": "no",
    }
    found = only(
        ("homeassistant/binary_sensor/box1/used/config", config), ("boxes/1", {"used": "yes"})
    )
    assert (found.driver, found.confidence) == ("homeassistant", "high")
    assert found.options["field"] == "used"
    assert found.options["on"] == ["yes"]


@pytest.mark.parametrize(
    "topic",
    [
        "gyms/a/machines/b/status",
        "gyms/a/gateway/status",
        "homeassistant/device/a-b/config",
        "$SYS/broker/uptime",
        "zigbee2mqtt/bridge/state",
        "zigbee2mqtt/pir/availability",
        "some/chatter",
    ],
)
def test_our_own_and_unknown_topics_are_no_sensors(topic: str) -> None:
    assert propose([said(topic, {"state": "online"})]) == []


def test_an_entry_is_toml_that_its_driver_takes() -> None:
    for proposal in propose([said(line["topic"], line["payload"]) for line in LINES]):
        entry = tomllib.loads(as_toml(proposal, "a", "bike", ["bike"]))["sensors"][0]
        catalog.load(entry["driver"]).decoder(entry.get("options", {}))
        assert entry["topic"] == proposal.topic
    unknown = as_toml(Proposal("native", 'a"b'), "a", None, ["bike", "rower"])
    assert tomllib.loads(unknown)["sensors"][0]["topic"] == 'a"b'
    assert "# one of bike, rower" in unknown
