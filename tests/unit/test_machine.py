"""Several sensors on a machine."""

import pytest

from gateway.core.events import Cause, Change, Status
from gateway.core.machine import Machine
from gateway.core.occupancy import Held, Verdict, Word
from tests.unit.knowing import (
    CONTACT,
    FREE,
    OBSERVED,
    OCCUPIED,
    OFFLINE,
    PORT_DOWN,
    QUICK,
    QUICK_RADAR,
    RESTORED,
    SILENT,
    START,
    UNKNOWN,
    Story,
)

OFF_AT_20 = Held(Word(active=False, at=20), 20, 20, offline=False, tells_availability=False)
ON_AT_30 = Held(Word(active=True, at=30), 30, 30, offline=False, tells_availability=False)


def pair(combine: str = "any") -> Story:
    return Story(QUICK, QUICK, combine=combine)


@pytest.mark.parametrize("sensor", [0, 1])
def test_any_active_is_occupied_though_the_other_is_unknown(sensor: int) -> None:
    assert pair().on(5, sensor).last == (OCCUPIED, OBSERVED, 5)


def test_all_known_and_inactive_is_free() -> None:
    story = pair().off(5, 0)
    assert story.status is UNKNOWN
    assert story.off(9, 1).last == (FREE, OBSERVED, 9)


def test_one_inactive_and_one_unknown_is_unknown() -> None:
    story = pair().on(0, 0).off(5, 0)
    assert story.told == [(OCCUPIED, OBSERVED, 0), (UNKNOWN, START, 5)]


def test_all_the_other_way_round_any_inactive_is_free() -> None:
    assert pair("all").off(5, 1).last == (FREE, OBSERVED, 5)


def test_all_the_other_way_round_all_known_and_active_is_occupied() -> None:
    story = pair("all").on(5, 0)
    assert story.status is UNKNOWN
    assert story.on(9, 1).last == (OCCUPIED, OBSERVED, 9)


def test_all_the_other_way_round_one_active_and_one_unknown_is_unknown() -> None:
    story = pair("all").on(0, 0).on(1, 1).offline(7, 1)
    assert story.last == (UNKNOWN, OFFLINE, 7)


def test_it_is_free_since_the_last_of_them_became_inactive() -> None:
    story = Story(CONTACT, CONTACT).on(0, 0).on(0, 1).tick(5)
    story.off(50, 0).off(70, 1).tick(159)
    assert story.status is OCCUPIED
    assert story.tick(160).last == (FREE, OBSERVED, 70)
    assert story.changes[-1].live


def test_it_is_occupied_since_the_first_of_them_became_active() -> None:
    story = pair().off(0, 0).off(0, 1).on(10, 0).on(20, 1).off(30, 0)
    assert story.last == (OCCUPIED, OBSERVED, 10)


def test_the_freeing_word_is_that_of_the_sensor_that_made_it_free() -> None:
    story = pair().on(0, 0).on(0, 1).off(10, 0, live=False, seq=3).off(20, 1, seq=4)
    assert [(c.status, c.live, c.sensor_seq) for c in story.changes[-1:]] == [(FREE, True, 4)]


def test_a_lost_port_blinds_only_its_own_sensor() -> None:
    story = pair().on(0, 0).off(0, 1).lost(10, 1).tick(30)
    assert story.told == [(OCCUPIED, OBSERVED, 0)]
    assert story.off(40, 0).last == (UNKNOWN, PORT_DOWN, 40)
    assert story.back(50, 1).last == (FREE, RESTORED, 40)


def test_a_silent_sensor_beside_an_inactive_one_is_unknown() -> None:
    story = Story(QUICK, QUICK_RADAR).off(0, 0).off(0, 1).tick(300)
    assert story.told == [(FREE, OBSERVED, 0), (UNKNOWN, SILENT, 300)]


def test_a_silence_is_told_before_the_word_that_came_after_it() -> None:
    story = Story(QUICK, QUICK_RADAR).off(0, 0).off(0, 1).on(400, 0)
    assert story.told[1:] == [(UNKNOWN, SILENT, 300), (OCCUPIED, OBSERVED, 400)]


def test_the_cause_is_that_of_the_newest_unknown() -> None:
    story = pair().off(0, 0).off(0, 1).offline(10, 0).lost(20, 1).tick(30)
    assert story.told[1:] == [(UNKNOWN, OFFLINE, 10), (UNKNOWN, PORT_DOWN, 10)]


# --- after a restart --------------------------------------------------------------------------


def restored(status: Status, *held: Held | None) -> Machine:
    """A machine of on-change sensors, restored at 100 by a start of then."""
    machine = Machine("m", {f"s{n}": QUICK for n in range(len(held))})
    cause = RESTORED if status.observed else PORT_DOWN
    machine.restore(Verdict(status, cause, 30, 100), 95)
    for number, word in enumerate(held):
        machine.resume(f"s{number}", word)
    return machine


def test_a_restored_machine_is_what_it_was() -> None:
    machine = restored(OCCUPIED, ON_AT_30, OFF_AT_20)
    assert machine.tick(101) == []
    assert machine.verdict.status is OCCUPIED


def test_a_restored_machine_is_free_once_its_active_sensor_says_so() -> None:
    machine = restored(OCCUPIED, ON_AT_30, OFF_AT_20)
    (change,) = machine.hear("s0", Word(active=False, at=110), 110)
    assert (change.status, change.cause, change.at, change.live) == (FREE, OBSERVED, 110, True)


@pytest.mark.parametrize(
    ("held", "cause"),
    [
        (None, Cause.START),
        (Held(None, 10, 10, offline=True, tells_availability=True), Cause.SENSOR_OFFLINE),
    ],
)
def test_a_sensor_without_a_word_has_no_part_in_what_was_restored(
    held: Held | None, cause: Cause
) -> None:
    machine = restored(OCCUPIED, ON_AT_30, held)
    (change,) = machine.hear("s0", Word(active=False, at=110), 110)
    assert (change.status, change.cause, change.at) == (UNKNOWN, cause, 110)


def test_what_was_heard_before_a_machine_became_unknown_is_no_leaning() -> None:
    machine = restored(UNKNOWN, OFF_AT_20)
    assert machine.tick(5000) == []


def test_a_leaning_out_of_unknown_goes_on_over_a_restart() -> None:
    (change,) = restored(UNKNOWN, ON_AT_30).tick(101)
    assert (change.status, change.cause, change.at) == (OCCUPIED, OBSERVED, 30)


def adopted(story: Story, sensors: str, kept: str) -> tuple[Machine, list[Change]]:
    """Its successor after a change of the configuration, 60 s later."""
    machine = Machine("m", dict.fromkeys(sensors.split(), QUICK))
    return machine, machine.adopt(story.machine, kept.split(), 160)


def test_a_machine_that_loses_its_idle_sensor_stays_as_it_is() -> None:
    machine, changes = adopted(pair().off(50).on(100, 1), "s1", "s1")
    assert changes == []
    assert (machine.verdict.status, machine.verdict.at) == (OCCUPIED, 100)


def test_a_machine_that_loses_its_active_sensor_is_as_the_others_say_and_that_is_no_edge() -> None:
    _, changes = adopted(pair().off(50).on(100, 1), "s0", "s0")
    assert [(c.status, c.at, c.live) for c in changes] == [(FREE, 160, False)]


def test_a_machine_with_a_new_sensor_is_free_once_that_has_spoken_too() -> None:
    machine, changes = adopted(pair().off(50).off(60, 1), "s0 new", "s0")
    assert [(c.status, c.cause) for c in changes] == [(UNKNOWN, START)]
    assert [c.status for c in machine.hear("new", Word(active=False, at=170), 170)] == [FREE]


def test_a_machine_that_is_out_of_service_stays_so_whatever_its_sensors_become() -> None:
    story = pair().on(50)
    story.machine.service(60, out=True)
    machine, changes = adopted(story, "new", "")
    assert (changes, machine.out_of_service) == ([], True)
    assert machine.service(170, out=False)[0].status is UNKNOWN
