"""A new family is one file: the docs' own example, and nothing else, makes it known everywhere."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from config.load import load
from gateway.app import branch_sensors
from gateway.cli import main
from sensors import catalog, drivers

DOCS = Path(__file__).parents[2] / "docs/sensors.md"
BRANCH = """
[branch]
id = "b"
name = "B"
[categories.all]
name = "All"
[[machines]]
id = "bench"
name = "Bench"
category = "all"
[[sensors]]
id = "seat"
machine = "bench"
driver = "seat"
topic = "seats/1"
"""


@pytest.fixture
def seat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that a newcomer adds, and a configuration that names its family."""
    code = DOCS.read_text(encoding="utf-8").split("```python\n")[-1].split("```")[0]
    (tmp_path / "seat.py").write_text(code)
    monkeypatch.setattr(drivers, "__path__", [*drivers.__path__, str(tmp_path)])
    catalog.names.cache_clear()
    path = tmp_path / "gateway.toml"
    path.write_text(BRANCH)
    yield path
    catalog.names.cache_clear()


def run(*words: str, text: str = "") -> str:
    result = CliRunner().invoke(main, words, input=text)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_configuration_takes_it_and_the_gateway_listens(seat: Path) -> None:
    assert "is good" in run("check", "--config", str(seat))
    sensors = branch_sensors.build(load(seat), lambda at: at)
    (feed,) = sensors.feeds["seats/1"]
    assert feed.decoder.feed(b"sat")[0].active is True  # type: ignore[union-attr]  # a sample


def test_the_offline_tools_know_it(seat: Path) -> None:  # noqa: ARG001  the file is there
    lines = "".join(json.dumps({"payload": word, "received": at}) + "\n" for at, word in WORDS)
    told = [
        json.loads(line)
        for line in run("decode", "seat", "-", "--json", text=lines).split("\n")[:-1]
    ]
    assert [row["samples"][0]["active"] for row in told] == [True, False]
    changes = run("replay", "seat", "-", "--json", "--busy-after", "0", text=lines)
    assert "occupied" in changes


WORDS = [(0.0, "sat"), (60.0, "up")]
