"""`gateway check`: what it prints, where, and how it ends."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from gateway.cli.check import check

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(check, arguments)


def bad(folder: Path) -> str:
    file = folder / "bad.toml"
    file.write_text('[branch]\nid = "b"\nname = "B"\nlatitude = 91\nlongitude = 181\n')
    return str(file)


def test_a_good_configuration_is_told_in_one_line() -> None:
    result = run("--config", str(ROOT / "gateway.toml"))
    assert result.exit_code == 0
    assert result.stdout.endswith(
        "is good: 40 machines, 40 sensors, 7 categories, 5 serial lines\n"
    )


def test_the_example_is_good_in_the_words_of_the_documentation() -> None:
    said = run("--config", str(ROOT / "config/examples/branch.toml")).stdout.partition(" is ")[2]
    assert said
    assert said in (ROOT / "docs/configuration.md").read_text(encoding="utf-8")


def test_a_good_configuration_in_json() -> None:
    result = run("--json", "--config", str(ROOT / "gateway.toml"))
    report = json.loads(result.stdout)
    assert (result.exit_code, report["good"], report["machines"]) == (0, True, 40)


def test_all_mistakes_go_to_standard_error_and_the_exit_code_is_2(tmp_path: Path) -> None:
    result = run("--config", bad(tmp_path))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "has 2 mistakes" in result.stderr
    assert "branch.latitude, line 4" in result.stderr
    assert "branch.longitude, line 5" in result.stderr


def test_all_mistakes_in_json_go_to_standard_output(tmp_path: Path) -> None:
    result = run("--json", "--config", bad(tmp_path))
    assert result.exit_code == 2
    places = [mistake["place"] for mistake in json.loads(result.stdout)["mistakes"]]
    assert places == ["branch.latitude, line 4", "branch.longitude, line 5"]


def test_a_missing_file_is_a_mistake_with_a_hint(tmp_path: Path) -> None:
    result = run("--config", str(tmp_path / "nowhere.toml"))
    assert result.exit_code == 2
    assert "name another with --config" in result.stderr
