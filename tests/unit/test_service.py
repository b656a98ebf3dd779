"""Staff's word on a machine stands above its sensors'."""

import pytest

from gateway.core.events import Cause, Status
from gateway.core.machine import Machine
from gateway.core.occupancy import Rule, Word

CONTACT = Rule(busy_after=0, free_after=0, stale_after=300, repeats_every=None)


@pytest.fixture
def machine() -> Machine:
    machine = Machine("m", {"s": CONTACT})
    machine.start(0)
    machine.hear("s", Word(active=True, at=10), 10)
    return machine


def test_out_of_service_is_the_staffs_word_from_that_moment(machine: Machine) -> None:
    (change,) = machine.service(20, out=True)
    assert (change.status, change.cause, change.at) == (Status.OUT_OF_SERVICE, Cause.STAFF, 20)
    assert machine.service(25, out=True) == []


def test_what_sensors_say_meanwhile_is_not_shown(machine: Machine) -> None:
    machine.service(20, out=True)
    assert machine.hear("s", Word(active=False, at=30), 30) == []
    assert machine.verdict.status is Status.OUT_OF_SERVICE


def test_back_it_is_what_its_sensors_say_and_no_edge(machine: Machine) -> None:
    machine.service(20, out=True)
    machine.hear("s", Word(active=False, at=30), 30)
    (change,) = machine.service(40, out=False)
    assert (change.status, change.at, change.live) == (Status.FREE, 40, False)
    assert machine.hear("s", Word(active=True, at=50), 50)[0].status is Status.OCCUPIED
