"""The one message, to the letter."""

import json

from gateway.core.events import Cause, Event, Status
from gateway.messages import encode_event, encode_update
from gateway.readmodel import MachineView

VIEW = MachineView(
    gym="hk-central",
    machine="leg-press-01",
    name="Leg press 1",
    category="legs",
    status=Status.FREE,
    cause=Cause.OBSERVED,
    timestamp=1634567890.12345,
    last_change=1634567850.0,
    metadata={},
)
EVENT = Event(7, "e", "leg-press-01", Status.OCCUPIED, Cause.LATE, 5.0, 4.0, False, 3)


def test_a_machine_as_it_stands_is_the_one_message() -> None:
    assert json.loads(encode_update(VIEW)) == {
        "type": "machine_update",
        "machineId": "leg-press-01",
        "gymId": "hk-central",
        "category": "legs",
        "status": "free",
        "timestamp": 1634567890.123,
        "lastChange": 1634567850,
        "cause": "observed",
    }


def test_an_event_says_what_it_says_and_not_what_the_machine_is_now() -> None:
    said = json.loads(encode_event(EVENT, VIEW))
    assert (said["status"], said["cause"], said["seq"]) == ("occupied", "late", 7)
    assert (said["timestamp"], said["lastChange"]) == (5.0, 4.0)


def test_the_type_comes_first() -> None:
    assert encode_update(VIEW).startswith(b'{"type":"machine_update",')
