"""`gateway calibration fit|judge` and `replay --calibration`, from files to lines."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main


def called(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def samples(path: Path, *watts: float) -> str:
    lines = [json.dumps({"at": at, "levels": {"power_w": w}}) for at, w in enumerate(watts)]
    path.write_text("\n".join(lines))
    return str(path)


@pytest.fixture
def fitted(tmp_path: Path) -> str:
    empty = samples(tmp_path / "empty.jsonl", *[2.0, 3.0] * 20)
    busy = samples(tmp_path / "busy.jsonl", *[90.0, 110.0] * 20)
    done = called("calibration", "fit", "--empty", empty, "--busy", busy, "--json")
    assert done.exit_code == 0, done.output
    (tmp_path / "new.json").write_text(done.output)
    return str(tmp_path / "new.json")


def test_what_fit_writes_judge_reads(tmp_path: Path, fitted: str) -> None:
    day = samples(tmp_path / "day.jsonl", 1.0, 100.0, 1.0)
    done = called("calibration", "judge", fitted, day, "--json")
    told = [json.loads(line) for line in done.output.splitlines()]
    assert [one["active"] for one in told] == [False, True, False]
    assert [one["at"] for one in told] == [0, 1, 2]
    assert told[1]["score"] > 1


def test_fit_says_it_in_a_technicians_words(tmp_path: Path, fitted: str) -> None:
    empty = str(tmp_path / "empty.jsonl")
    done = called("calibration", "fit", "--empty", empty)
    assert "empty 2.5, in use above" in done.output
    assert json.loads(Path(fitted).read_text())["statistics"]["confidence"] == "good"


def test_a_replay_goes_by_the_calibration(tmp_path: Path, fitted: str) -> None:
    lines = [
        {"topic": "tele/p/SENSOR", "payload": {"ENERGY": {"Power": watts}}, "received": at * 60}
        for at, watts in enumerate((100, 100, 1, 1, 1, 1))
    ]
    file = tmp_path / "tele.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    done = called("replay", "tasmota", str(file), "--json", "--calibration", fitted)
    told = [json.loads(line)["status"] for line in done.output.splitlines()]
    assert told == ["unknown", "occupied", "free"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["fit", "--empty", "BAD"], "line 1"),
        (["judge", "BAD", "BAD"], "is no calibration"),
        (["fit", "--empty", "FEW"], "Record longer"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, words: list[str], told: str) -> None:
    (tmp_path / "bad").write_text("nonsense")
    few = samples(tmp_path / "few", 1.0)
    named = {"BAD": str(tmp_path / "bad"), "FEW": few}
    done = called("calibration", *(named.get(word, word) for word in words))
    assert done.exit_code == 1
    assert told in done.output
    assert "Traceback" not in done.output
