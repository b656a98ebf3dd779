"""Recorded data under two calibrations: `replay --compare` and `calibration compare`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main

Row = dict[str, object]
EACH = 30.0  # seconds between two messages
DAY = [2, 2, 2, 2, 2, 2, 80, 80, 80, 80, 2, 2, 2, 2, 2, 2, 300, 300, 300, 300, 2, 2, 2, 2, 2, 2]


def called(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def above(folder: Path, watts: float) -> str:
    file = folder / f"above-{watts:g}.json"
    file.write_text(json.dumps({"limits": {"power_w": {"floor": 2.0, "limit": watts}}}))
    return str(file)


def messages(folder: Path, *said: tuple[float, float], plug: str = "p") -> str:
    """(second, watts) of a plug, as `mosquitto_sub` writes them."""
    lines = [
        {"topic": f"tele/{plug}/SENSOR", "payload": {"ENERGY": {"Power": watts}}, "received": at}
        for at, watts in said
    ]
    file = folder / "messages.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    return str(file)


def samples(folder: Path, *said: tuple[float, float]) -> str:
    """The same, as `gateway sensors record` writes them."""
    lines = [{"at": at, "active": None, "levels": {"power_w": watts}} for at, watts in said]
    file = folder / "samples.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    return str(file)


def spaced(watts: list[int]) -> list[tuple[float, float]]:
    return [(number * EACH, float(value)) for number, value in enumerate(watts)]


def rows(done: Result) -> list[Row]:
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def replayed(folder: Path, file: str, now: float, then: float) -> list[Row]:
    both = ("--calibration", above(folder, now), "--compare", above(folder, then))
    return rows(called("replay", "tasmota", file, "--json", *both))


def test_a_replay_lists_only_what_differs(tmp_path: Path) -> None:
    found = replayed(tmp_path, messages(tmp_path, *spaced(DAY)), 50, 200)
    assert [(one["at"], one["now"], one["then"]) for one in found] == [
        (185.0, "occupied", "free"),  # 80 W from 180 on, busy_after 5
        (390.0, "free", "free"),  # 2 W from 300 on, free_after 90
    ]
    assert [one["line"] for one in found] == [8, 14]


def test_the_same_calibration_differs_nowhere(tmp_path: Path) -> None:
    assert replayed(tmp_path, messages(tmp_path, *spaced(DAY)), 50, 50) == []


def test_without_a_calibration_the_own_word_is_what_it_is_compared_with(tmp_path: Path) -> None:
    file = messages(tmp_path, *spaced(DAY))
    found = rows(called("replay", "tasmota", file, "--json", "--compare", above(tmp_path, 50)))
    assert [(one["now"], one["then"]) for one in found] == [
        ("unknown", "free"),  # watts alone say nothing
        ("unknown", "occupied"),
        ("unknown", "free"),
        ("unknown", "occupied"),
        ("unknown", "free"),
    ]


def test_what_differed_between_two_lines_only_is_told(tmp_path: Path) -> None:
    said = [(0.0, 300.0), (30.0, 300.0), (60.0, 80.0), (90.0, 80.0), (600.0, 300.0), (610.0, 300.0)]
    found = replayed(tmp_path, messages(tmp_path, *said), 50, 200)
    assert [(one["line"], one["now"], one["then"]) for one in found] == [
        (5, "occupied", "free"),
        (6, "occupied", "occupied"),
    ]


def test_a_step_back_in_time_keeps_the_order(tmp_path: Path) -> None:
    twice = [*spaced(DAY), *spaced(DAY)]
    found = replayed(tmp_path, messages(tmp_path, *twice), 50, 200)
    assert [(one["now"], one["then"]) for one in found] == [
        ("occupied", "free"),
        ("free", "free"),
    ] * 2


def test_people_read_a_line_for_each(tmp_path: Path) -> None:
    file, new = messages(tmp_path, *spaced(DAY)), above(tmp_path, 200)
    done = called("replay", "tasmota", file, "--calibration", above(tmp_path, 50), "--compare", new)
    assert done.stdout.splitlines()[0].split() == ["185.0", "channel", "0", "occupied", "→", "free"]


def compared(folder: Path, file: str, *words: str) -> list[Row]:
    both = (above(folder, 200), file, "--against", above(folder, 50))
    return rows(called("calibration", "compare", *both, "--json", *words))


def test_a_recording_tells_the_same_differences(tmp_path: Path) -> None:
    found = compared(tmp_path, samples(tmp_path, *spaced(DAY)))
    assert found == [
        {"at": 180.0, "now": "occupied", "then": "free"},
        {"at": 300.0, "now": "free", "then": "free"},
    ]


@pytest.mark.parametrize(("words", "last"), [([], "unknown"), (["--on-change"], "occupied")])
def test_silence_is_unknown_but_of_what_speaks_on_change(
    tmp_path: Path, words: list[str], last: str
) -> None:
    said = [*spaced([2] * 6), (200.0, 80.0), (230.0, 80.0), (2000.0, 80.0)]
    found = compared(tmp_path, samples(tmp_path, *said), *words)
    assert (found[0]["now"], found[0]["then"]) == ("occupied", "free")
    assert {one["now"] for one in found[-2:]} == {"occupied", last}


def test_a_file_whose_time_steps_back_is_refused_by_name(tmp_path: Path) -> None:
    file = samples(tmp_path, (60.0, 2.0), (30.0, 2.0))
    done = called("calibration", "compare", above(tmp_path, 50), file)
    assert done.exit_code == 1
    assert "at 30.0 comes after 60.0; sort its lines" in done.output
