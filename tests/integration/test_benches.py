"""Every bench still works; what it measures is asserted nowhere."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.harness import Row, percentile, table
from tests.bench.run import names

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "tests/bench/run.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", names())
def test_every_bench_gives_figures(name: str) -> None:
    found = run("--short", name)
    assert found.returncode == 0, found.stderr
    title, header, *rows = found.stdout.strip().splitlines()
    assert title == name
    assert header.split() == ["figure", "unit", "yardstick", "ratio", "target"]
    assert rows


def test_an_unknown_bench_is_named_together_with_those_there_are() -> None:
    found = run("wares")
    assert found.returncode == 2
    assert "no such bench: wares; there are" in found.stderr


def test_a_row_shows_figure_yardstick_ratio_and_target() -> None:
    text = table([Row("speed", 50.0, "ms", "bare", 25.0, "≤ 2 x")])
    assert text.splitlines()[1].split() == [
        "speed",
        "50",
        "ms",
        "25",
        "bare",
        "2.00",
        "≤",
        "2",
        "x",
    ]


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile(list(range(1000)), 99) == 990
    assert percentile([5.0], 99) == 5.0
