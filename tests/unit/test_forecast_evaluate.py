"""`gateway forecast evaluate` on recorded events: scores, files, and what it refuses."""

import csv
import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli import main

MONDAY = 1_700_438_400.0


def recorded(folder: Path, weeks: int = 3) -> str:
    """Two machines, busier in the evening."""
    chance = random.Random(7)
    path = folder / "events.csv"
    rows = []
    for machine in ("bench", "press"):
        at = MONDAY
        while at < MONDAY + weeks * 7 * 86_400:
            hour = at % 86_400 / 3600
            at += chance.expovariate(1 / (1200 if 17 <= hour <= 21 else 7200))
            rows.append((at, machine, 1))
            at += chance.lognormvariate(7, 0.5)
            rows.append((at, machine, 0))
    with path.open("w", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("local_time", "machine", "occupied"))
        for at, machine, busy in sorted(rows):
            local = datetime.fromtimestamp(at, UTC).replace(tzinfo=None)
            writer.writerow((local.isoformat(timespec="seconds"), machine, busy))
    return str(path)


def run(*words: str) -> str:
    result = CliRunner().invoke(main, ["forecast", "evaluate", *words])
    assert result.exit_code == 0, result.output
    return result.output


def test_it_prints_scores_beside_those_of_the_simple_ones(tmp_path: Path) -> None:
    told = json.loads(run(recorded(tmp_path), "--train-until", "2023-12-04", "--json"))
    assert set(told["brier"]) == {"ours", "logistic", "climatology", "persistence"}
    assert told["brier"]["ours"]["all"] < told["brier"]["persistence"]["all"]
    assert len(told["calibration"]) == 10


def test_predictions_use_nothing_that_came_after_them(tmp_path: Path) -> None:
    whole = Path(recorded(tmp_path))
    words = ("--train-until", "2023-12-04", "--every", "3600", "--predictions")
    run(str(whole), *words, str(tmp_path / "whole.csv"))
    lines = whole.read_text().splitlines()
    (tmp_path / "half.csv").write_text(
        "\n".join(x for x in lines if x < "2023-12-07" or x[0] == "l")
    )
    run(str(tmp_path / "half.csv"), *words, str(tmp_path / "part.csv"))
    part = (tmp_path / "part.csv").read_text().splitlines()
    assert len(part) > 100
    assert part == (tmp_path / "whole.csv").read_text().splitlines()[: len(part)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "column local_time is missing"),
        ("local_time,machine,occupied\n", "no events"),
        ("local_time,machine,occupied\nyesterday,bench,1\n", "line 2"),
        ("local_time,machine,occupied\n2023-11-20T10:00,bench,2\n", "line 2"),
        ("local_time,machine,occupied\n2023-11-20T10:00,bench,1\n", "both sides"),
        ("\ufefflocal_time,machine,occupied\n2023-11-20T10:00,bench,1\n", "both sides"),
        ("local_time,machine,occupied\n2023-11-20T10:00,bench\n", "line 2"),
        ("local_time,machine,occupied\n0001-11-20T10:00,bench,1\n", "line 2"),
        ("local_time,machine,occupied\n2023-11-20T10:00,%s,1\n" % ("x" * 200_000), "line "),
        (
            "local_time,machine,occupied\n1971-11-20T10:00,a,1\n2099-11-20T10:00,b,1\n",
            "ask less often",
        ),
    ],
)
def test_what_cannot_be_judged_says_why(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    words = ["forecast", "evaluate", str(tmp_path / "x.csv"), "--train-until", "2023-12-04"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    assert said in result.output


def test_a_zone_that_does_not_exist_is_a_usage_error(tmp_path: Path) -> None:
    words = ["forecast", "evaluate", recorded(tmp_path, 1), "--train-until", "2023-12-04"]
    result = CliRunner().invoke(main, [*words, "--timezone", "Mars/Olympus"])
    assert result.exit_code == 2
    assert "there is no time zone" in result.output
