"""Raw samples recorded for a while: in memory, bounded."""

import json

import pytest

from gateway import recordings as subject
from gateway.core.errors import ConflictError, UnknownIdError
from gateway.recordings import MOST, Recordings
from sensors.sample import Sample


class Kept:
    def __init__(self) -> None:
        self.now = 100.0
        self.offset = 1e9
        self.recordings = Recordings(lambda: self.now, lambda at: at + self.offset)

    def say(self, sensor: str = "plug", power: float = 5.0) -> None:
        self.recordings.add(sensor, Sample(None, power, "W", {"power_w": power}), self.now)


def test_what_comes_in_its_time_is_a_line_each() -> None:
    kept = Kept()
    kept.say()
    one = kept.recordings.begin("plug", 10)
    kept.say(power=7.0)
    kept.say("other")
    kept.now += 11
    kept.say()
    (line,) = one.lines
    said = json.loads(line)
    assert (said["at"], said["levels"], said["active"]) == (1e9 + 100, {"power_w": 7.0}, None)
    assert one.complete(kept.now)


def test_two_technicians_at_one_sensor_are_told_so() -> None:
    kept = Kept()
    one = kept.recordings.begin("plug", 10)
    with pytest.raises(ConflictError, match=f"for another 10 s.*{one.id}"):
        kept.recordings.begin("plug", 10)
    kept.now += 10
    assert kept.recordings.begin("plug", 10).id != one.id


def test_a_full_recording_drops_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MOST_OF_ONE", 1000)
    kept = Kept()
    one = kept.recordings.begin("plug", 100)
    for _ in range(50):
        kept.say()
    assert one.size <= 1000
    assert len(one.lines) + one.dropped == 50


def test_the_oldest_that_is_complete_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MOST_BYTES", 1000)
    kept = Kept()
    first = kept.recordings.begin("plug", 1)
    for _ in range(50):
        kept.say()
    kept.now += 2
    second = kept.recordings.begin("plug", 1)
    kept.say()
    assert kept.recordings.of("plug") == [second]
    with pytest.raises(UnknownIdError):
        kept.recordings.get("plug", first.id)


def test_no_more_than_so_many_are_kept() -> None:
    kept = Kept()
    for _ in range(2 * MOST):
        kept.recordings.begin("plug", 1)
        kept.now += 2
    assert len(kept.recordings.of("plug")) == MOST


def test_that_of_another_sensor_is_not_there() -> None:
    kept = Kept()
    one = kept.recordings.begin("plug", 1)
    with pytest.raises(UnknownIdError):
        kept.recordings.get("other", one.id)


def test_a_jump_of_the_wall_clock_does_not_tear_it_apart() -> None:
    kept = Kept()
    one = kept.recordings.begin("plug", 10)
    for _ in range(3):
        kept.now += 1
        kept.offset += 3600
        kept.say()
    assert [json.loads(line)["at"] for line in one.lines] == [1e9 + 101, 1e9 + 102, 1e9 + 103]


def test_so_many_at_once_are_recorded_and_one_more_is_told_which_ends_first() -> None:
    kept = Kept()
    for number in range(MOST):
        kept.recordings.begin(f"plug-{number}", 60 - number)
    with pytest.raises(ConflictError, match=f"plug-{MOST - 1}, for another 29 s"):
        kept.recordings.begin("another", 10)
    kept.say("plug-0")
    (one,) = kept.recordings.of("plug-0")
    assert (len(one.lines), one.dropped) == (1, 0)


def test_seven_minutes_of_a_radar_with_every_gate_have_room() -> None:
    kept = Kept()
    gates = {f"{kind}_g{gate}": 100.0 for kind in ("move", "still") for gate in range(9)}
    summed = dict.fromkeys(("moving_cm", "still_cm", "detection_cm", "moving_energy"), 400.0)
    radar = Sample(True, 400.0, "cm", gates | summed)
    one = kept.recordings.begin("radar", 3600)
    for _ in range(7 * 60 * 10):
        kept.recordings.add("radar", radar, kept.now)
    assert one.dropped == 0
