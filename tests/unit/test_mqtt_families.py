"""What each MQTT family's messages mean, and which topics are heard for a device."""

import json
from pathlib import Path
from typing import Any

import pytest

from sensors import catalog
from sensors.announcement import BadAnnouncementError, announced
from sensors.sample import Availability, Sample

CAPTURE = Path(__file__).parents[1] / "captures/mqtt_families.jsonl"
LINES = [json.loads(line) for line in CAPTURE.read_text(encoding="utf-8").splitlines()]


def named(line: dict[str, Any]) -> str:
    return f"{line['topic']} {line['payload']}"[:60]


def fed(line: dict[str, Any]) -> tuple[list[Any], int]:
    decoder = catalog.load(line["driver"]).decoder(line.get("options", {}))
    payload = line["payload"]
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return decoder.feed(text.encode(), line["topic"]), decoder.dropped.total()


@pytest.mark.parametrize("line", LINES, ids=named)
def test_a_message_says_what_it_means(line: dict[str, Any]) -> None:
    sayings, dropped = fed(line)
    assert dropped == 0
    samples = [saying for saying in sayings if isinstance(saying, Sample)]
    there = [saying.online for saying in sayings if isinstance(saying, Availability)]
    assert there == ([line["available"]] if "available" in line else [])
    assert len(samples) == ("active" in line)
    for sample in samples:
        assert sample.active == line["active"]
        assert dict(sample.levels) == pytest.approx(line["levels"])
        for name in ("strength", "battery", "signal", "timestamp"):
            assert getattr(sample, name) == line.get(name)
        assert sample.channel == line.get("channel", 0)


@pytest.mark.parametrize(
    ("driver", "options", "payload", "active"),
    [
        ("zigbee2mqtt", {"property": "contact", "invert": True}, {"contact": False}, False),
        ("zigbee2mqtt", {"property": "contact"}, {"contact": False, "occupancy": False}, True),
        ("zigbee2mqtt", {"property": "mode", "on": ["hiit", 7]}, {"mode": "hiit"}, True),
        ("zigbee2mqtt", {"property": "mode", "on": ["hiit", 7]}, {"mode": "rest"}, False),
        ("tasmota", {"property": "Switch2"}, {"Switch1": "ON", "Switch2": "OFF"}, False),
        ("chirpstack", {"property": "people", "on": [1, 2]}, {"object": {"people": 2}}, True),
    ],
)
def test_options_say_what_counts(
    driver: str, options: dict[str, Any], payload: dict[str, Any], *, active: bool
) -> None:
    decoder = catalog.load(driver).decoder(options)
    (sample,) = decoder.feed(json.dumps(payload).encode(), "x/y")
    assert isinstance(sample, Sample)
    assert sample.active is active


def test_a_device_that_has_shown_presence_is_asked_for_nothing_else() -> None:
    decoder = catalog.load("zigbee2mqtt").decoder({})
    decoder.feed(b'{"occupancy": true}', "zigbee2mqtt/a")
    (sample,) = decoder.feed(b'{"contact": true}', "zigbee2mqtt/a")
    assert isinstance(sample, Sample)
    assert sample.active is None


@pytest.mark.parametrize(
    ("driver", "topic", "also"),
    [
        ("zigbee2mqtt", "zigbee2mqtt/a b", {"zigbee2mqtt/a b/availability"}),
        ("zigbee2mqtt", "z/a/occupancy", {"z/a/availability", "z/bridge/state"}),
        ("tasmota", "tele/a/SENSOR", {"tele/a/LWT", "stat/a/STATUS10", "tele/a/STATE"}),
        ("tasmota", "home/tele/a/STATE", {"home/tele/a/LWT", "home/stat/a/RESULT"}),
        ("shelly", "shellies/b", {"shellies/b/#"}),
        ("esphome", "n/sensor/x/state", {"n/status"}),
        ("chirpstack", "application/1/device/2/event/up", set()),
    ],
)
def test_a_devices_other_topics_are_heard_too(driver: str, topic: str, also: set[str]) -> None:
    assert also <= set(catalog.load(driver).topics(topic, {}))


def test_an_announcement_is_read_with_its_abbreviations_and_base() -> None:
    said = {
        "~": "plug/1",
        "stat_t": "~/state",
        "val_tpl": "{{ value_json['ENERGY'].Power }}",
        "dev_cla": "power",
        "unit_of_meas": "W",
        "avty": [{"t": "bridge/state"}, {"t": "~/LWT", "pl_avail": "Online"}],
    }
    (found,) = announced("homeassistant/sensor/1/power/config", json.dumps(said).encode())
    assert (found.state_topic, found.field) == ("plug/1/state", "ENERGY.Power")
    assert (found.device_class, found.unit) == ("power", "W")
    assert (found.availability_topic, found.online) == ("plug/1/LWT", "Online")


def test_a_devices_announcement_has_an_entity_for_each_of_its_components() -> None:
    said = {
        "dev": {"ids": "x"},
        "stat_t": "x/state",
        "cmps": {
            "a": {"p": "binary_sensor", "dev_cla": "occupancy", "val_tpl": "{{value_json.o}}"},
            "b": {"p": "button"},
        },
    }
    found = announced("homeassistant/device/x/config", json.dumps(said).encode())
    assert [(one.component, one.field) for one in found] == [
        ("binary_sensor", "o"),
        ("button", None),
    ]


@pytest.mark.parametrize(
    "payload", [b"[]", b"{", b'{"state_topic": "~/x"}', b"x" * 70_000, b"[" * 5000]
)
def test_a_bad_announcement_says_why(payload: bytes) -> None:
    with pytest.raises(BadAnnouncementError):
        announced("homeassistant/sensor/x/config", payload)


@pytest.mark.parametrize("topic", ["homeassistant/status", "x/config", "zigbee2mqtt/a"])
def test_other_topics_announce_nothing(topic: str) -> None:
    assert announced(topic, b"{}") == []
