"""Simulated people, and what their sensors put on the wire."""

import json
from collections import Counter
from itertools import pairwise

import pytest

from sensors import catalog
from sensors.sample import Sample
from sensors.simulator.noise import Spells, chance, damaged
from sensors.simulator.people import DAY, HOUR, Branch, Move, wanted
from sensors.simulator.wire import BARE, Message, NativeSensor, Radar, TextLine

MONDAY = 1_789_948_800.0  # 2026-09-21 00:00 UTC
CATEGORIES = ("cardio", "legs", "chest", "back", "core")
MACHINES = [(f"m-{number:02}", CATEGORIES[number % 5]) for number in range(40)]
TOPIC = "gyms/hk/machines/m-01/occupancy"
AVAILABILITY = "gyms/hk/machines/m-01/availability"


@pytest.fixture(scope="module")
def week() -> list[Move]:
    return Branch(MACHINES, seed=1, start=MONDAY).advance(MONDAY + 7 * DAY)


def move(*, active: bool, truth: bool | None = None) -> Move:
    return Move(0.0, "m-01", active, active if truth is None else truth)


def share(moves: list[Move], begin: float, end: float) -> float:
    """Of all machine time in [begin, end), how much a person had."""
    since: dict[str, float] = {}
    had = 0.0
    for one in moves:
        if one.machine in since:
            had += max(0.0, min(one.at, end) - max(since.pop(one.machine), begin))
        if one.truth:
            since[one.machine] = one.at
    return had / (end - begin) / len(MACHINES)


def test_the_same_seed_gives_the_same_moves_however_time_is_cut() -> None:
    whole = Branch(MACHINES, seed=7, start=MONDAY).advance(MONDAY + DAY)
    branch = Branch(MACHINES, seed=7, start=MONDAY)
    pieces = [m for step in range(1000) for m in branch.advance(MONDAY + DAY * (step + 1) / 1000)]
    assert pieces == whole
    assert len(whole) > 1000


def test_another_seed_gives_other_moves() -> None:
    one, other = (Branch(MACHINES, seed, MONDAY).advance(MONDAY + HOUR) for seed in (1, 2))
    assert one != other


def test_moves_come_in_order_of_time(week: list[Move]) -> None:
    assert all(before.at <= after.at for before, after in pairwise(week))


def test_the_first_moves_tell_how_every_machine_stands() -> None:
    evening = MONDAY + 18.5 * HOUR
    first = Branch(MACHINES, seed=1, start=evening).advance(evening)
    assert [m.machine for m in first] == [machine for machine, _ in MACHINES]
    assert {m.at for m in first} == {evening}
    assert sum(m.truth for m in first) > 10  # people are already there


def test_a_machine_has_one_person_at_a_time_who_works_and_rests_in_turn(week: list[Move]) -> None:
    last: dict[str, Move] = {}
    for one in week:
        before = last.get(one.machine)
        last[one.machine] = one
        if before is None:
            continue
        if before.truth:
            assert one.active != before.active or not one.truth  # a set, a rest, or the end
        else:
            assert one.active
    assert all(one.truth or not one.active for one in week)


def test_a_session_begins_and_ends_with_a_set(week: list[Move]) -> None:
    last: dict[str, Move] = {}
    for one in week:
        before = last.get(one.machine)
        if before is not None and not one.truth and before.at > MONDAY:
            assert before.active
        last[one.machine] = one


def test_the_evening_is_busier_than_the_night(week: list[Move]) -> None:
    hours = Counter(int((one.at - MONDAY) % DAY // HOUR) for one in week if one.active)
    assert hours[18] > 4 * hours[4]
    assert hours[7] > 2 * hours[4]


def test_the_weekend_trains_late_in_the_morning(week: list[Move]) -> None:
    saturday = MONDAY + 5 * DAY
    morning = share(week, saturday + 10 * HOUR, saturday + 12 * HOUR)
    evening = share(week, saturday + 19 * HOUR, saturday + 21 * HOUR)
    assert morning > evening


def test_machines_are_used_about_as_much_as_visitors_want(week: list[Move]) -> None:
    for hour, least, most in ((4, 0.0, 0.2), (18, 0.45, 0.85), (14, 0.1, 0.45)):
        begin = MONDAY + DAY + hour * HOUR
        assert least <= share(week, begin, begin + HOUR) <= most, hour


def test_hours_are_those_of_the_branch() -> None:
    hong_kong = 8 * HOUR
    assert wanted(MONDAY + 10 * HOUR + hong_kong) == wanted(MONDAY + 18 * HOUR)
    busy = Branch(MACHINES, 1, MONDAY + 10.5 * HOUR, hong_kong).advance(MONDAY + 12 * HOUR)
    quiet = Branch(MACHINES, 1, MONDAY + 18.5 * HOUR, hong_kong).advance(MONDAY + 20 * HOUR)
    assert len(busy) > 2 * len(quiet)


def test_a_branch_without_machines_is_quiet() -> None:
    assert Branch([], seed=1, start=MONDAY).advance(MONDAY + DAY) == []


def test_spells_do_not_depend_on_how_often_one_looks() -> None:
    often, seldom = (Spells(chance(3, "x"), every=100, lasting=(5, 20)) for _ in range(2))
    seen = [often.holds(float(second)) for second in range(10_000)]
    assert [seldom.holds(float(second)) for second in range(0, 10_000, 7)] == seen[::7]
    assert 0.05 < sum(seen) / len(seen) < 0.2


def test_a_damaged_frame_is_never_longer_and_most_are_whole() -> None:
    random = chance(1, "damage")
    frames = [damaged(random, b"\x00" * 23) for _ in range(20_000)]
    assert all(len(frame) <= 23 for frame in frames)
    assert 5 <= sum(frame != b"\x00" * 23 for frame in frames) <= 60


def native(number: int = 0, seed: int = 1) -> NativeSensor:
    return NativeSensor(TOPIC, number, seed)


def test_a_native_sensor_greets_then_speaks_on_change_only() -> None:
    sensor = native()
    online, word = sensor.say(0.0, MONDAY, move(active=True))
    assert online == Message(AVAILABILITY, b"online")
    assert json.loads(word.payload) == {"occupied": True, "timestamp": MONDAY, "seq": 1}
    assert sensor.say(0.1, MONDAY, move(active=True)) == []
    assert sensor.say(0.2, MONDAY, move(active=False))[0].topic == TOPIC


def test_some_native_sensors_speak_bare_words_and_have_no_availability() -> None:
    said = [native(BARE - 1 + BARE * kind).say(0.0, MONDAY, move(active=True)) for kind in range(3)]
    assert said == [[Message(TOPIC, word)] for word in (b"ON", b"1", b"true")]
    assert native(BARE - 1).goodbye() == []


def test_a_sensor_on_a_topic_of_its_own_has_no_availability() -> None:
    said = NativeSensor("vendor/a", 0, 1).say(0.0, MONDAY, move(active=True))
    assert [message.topic for message in said] == ["vendor/a"]


def test_a_native_sensor_tells_how_it_stands_when_it_is_back() -> None:
    sensor = native(seed=5)
    said = [m for second in range(100_000) for m in sensor.say(second, MONDAY, move(active=False))]
    back = [n for n, m in enumerate(said) if m.payload == b"online"]
    assert len(back) > 1
    assert all(said[n - 1].payload == b"offline" for n in back[1:])
    assert all(json.loads(said[n + 1].payload)["occupied"] is False for n in back)


def test_a_false_blip_is_shorter_than_five_seconds() -> None:
    sensor = native(seed=5)
    said = [(t, m) for t in range(50_000) for m in sensor.say(t, float(t), move(active=False))]
    words = [(t, b"true" in m.payload) for t, m in said if m.topic == TOPIC]
    blips = [(on, off) for (on, word), (off, _) in pairwise(words) if word]
    assert blips
    assert all(off - on < 5 for on, off in blips)


def test_the_same_seed_gives_the_same_bytes() -> None:
    def played(seed: int) -> bytes:
        radar, line = Radar("m-01", "r", seed), TextLine({0: "m-01", 1: "m-01"}, "bus", seed)
        moves = {"m-01": move(active=True)}
        return b"".join(s.speak(n / 10, moves) for n in range(5000) for s in (radar, line))

    assert played(1) == played(1) != played(2)


def test_native_words_decode_to_the_moves() -> None:
    sensor, decoder = native(), catalog.load("native").decoder({})
    for at, active in enumerate((True, False, True, False)):
        message = sensor.say(at / 10, MONDAY + at, move(active=active))[-1]
        (sample,) = decoder.feed(message.payload, message.topic)
        assert isinstance(sample, Sample)
        assert (sample.active, sample.timestamp, sample.seq) == (active, MONDAY + at, at + 1)


def test_text_lines_decode_to_the_moves() -> None:
    machines: dict[int | str, str] = {number: f"m-{number:02}" for number in range(6)}
    line, decoder = TextLine(machines, "bus", seed=1), catalog.load("lines").decoder({})
    right = words = 0
    for second in range(3600):
        moves = {m: move(active=n == second % 6) for n, m in enumerate(machines.values())}
        for sample in decoder.feed(line.speak(float(second), moves)):
            assert isinstance(sample, Sample)
            words += 1
            right += sample.active == (sample.channel == second % 6)
    assert words > 0.95 * 3600 * 6
    assert right > 0.99 * words


@pytest.mark.parametrize(
    ("active", "truth", "seen"), [(True, True, True), (False, True, True), (False, False, False)]
)
def test_radar_reports_decode_to_the_truth(active: bool, truth: bool, seen: bool) -> None:
    radar, decoder = Radar("m-01", "r", seed=1), catalog.load("ld2410").decoder({})
    moves = {"m-01": move(active=active, truth=truth)}
    data = b"".join(radar.speak(n / 10, moves) for n in range(36_000))
    samples = decoder.feed(data)
    assert len(samples) > 0.95 * 36_000
    right = sum(isinstance(s, Sample) and s.active == seen for s in samples)
    assert right > 0.9 * len(samples)
    assert sum(decoder.dropped.values()) > 0  # damaged frames are seen as such
