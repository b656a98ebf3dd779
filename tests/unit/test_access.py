"""Roles, and the topics a sensor may be given."""

import pytest

from gateway.core.access import Key, Role, may
from gateway.core.topics import objection

LADDER = [Role.KIOSK, Role.STAFF, Role.TECHNICIAN, Role.ADMIN]
ALONE = [Role.MEMBER, Role.METRICS, Role.SENSOR]


@pytest.mark.parametrize("holder", LADDER)
@pytest.mark.parametrize("needed", LADDER)
def test_each_role_of_the_ladder_includes_those_below(holder: Role, needed: Role) -> None:
    assert may(holder, needed) is (LADDER.index(holder) >= LADDER.index(needed))


@pytest.mark.parametrize("holder", ALONE)
def test_the_others_stand_alone(holder: Role) -> None:
    assert [needed for needed in Role if may(holder, needed)] == [holder]
    assert not may(Role.ADMIN, holder)


def test_a_key_ends_at_its_very_moment() -> None:
    key = Key("k1", Role.STAFF, "", created=0, expires=100)
    assert (key.ended(99.9), key.ended(100)) == (None, "expired")


@pytest.mark.parametrize(
    "topic",
    [
        "zigbee2mqtt/leg-press-01",
        "zigbee2mqtt/#",
        "homeassistant/binary_sensor/x/state",
        "gyms/g/machines/m/occupancy",
        "gyms/g/machines/m/availability",
    ],
)
def test_a_sensor_may_write_its_own_topics(topic: str) -> None:
    assert objection(topic, "g") is None


@pytest.mark.parametrize(
    "topic",
    [
        "#",
        "a/+/b",
        "a/#/b",
        "",
        "$SYS/x",
        "/x",
        "a\nuser gateway",
        "gyms/#",
        "gyms/g/#",
        "gyms/g/machines/m/#",
        "gyms/g/machines/m/status",
        "gyms/g/gateway/status",
        "gyms/g/gateway/marker/x",
        "gyms/other/machines/m/occupancy",
        "homeassistant/device/g-m/config",
        "homeassistant/#",
        "homeassistant/device/#",
    ],
)
def test_nobody_but_the_gateway_writes_what_the_gateway_says(topic: str) -> None:
    assert objection(topic, "g") is not None
