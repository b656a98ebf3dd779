"""`gateway sensors import|swap`: what is written, and what is refused with nothing written."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from config.load import load
from gateway.cli import main

EXAMPLE = Path("config/examples/branch.toml")


@pytest.fixture
def branch(tmp_path: Path) -> Path:
    path = tmp_path / "branch.toml"
    shutil.copy(EXAMPLE, path)
    path.chmod(0o640)
    return path


def run(path: Path, *words: str, table: str = "") -> Result:
    return CliRunner().invoke(main, ["sensors", *words, "--config", str(path)], input=table)


def imported(path: Path, table: str, *words: str) -> Result:
    return run(path, "import", "-", *words, table=table)


def machine(path: Path) -> str:
    return load(path).machines[0].id


# --- import -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_table_becomes_entries_ready_to_paste(branch: Path, mark: str) -> None:
    row = mark.join(("new-1", machine(branch), "zigbee2mqtt", "zigbee2mqtt/new-1"))
    told = imported(branch, f"\ufeffid{mark}machine{mark}driver{mark}topic\n{row}\n\n")
    assert told.exit_code == 0, told.output
    assert '[[sensors]]\nid = "new-1"' in told.stdout
    assert "new-1" not in branch.read_text()


def test_written_they_are_part_of_the_configuration_with_its_mode_and_comments(
    branch: Path,
) -> None:
    before = branch.read_text()
    options = '"{""repeats_every"": 10}"'
    table = f"id,machine,driver,topic,options\na1,{machine(branch)},tasmota,tele/a1,{options}\n"
    assert imported(branch, table, "--write").exit_code == 0
    added = load(branch).sensors[-1]
    assert (added.id, added.options) == ("a1", {"repeats_every": 10})
    assert branch.read_text().startswith(before.rstrip("\n"))
    assert branch.stat().st_mode & 0o777 == 0o640
    assert [*branch.parent.iterdir()] == [branch]


def test_every_mistake_is_told_by_the_tables_own_line_and_nothing_is_written(branch: Path) -> None:
    before = branch.read_text()
    known = load(branch).sensors[0].id
    table = (
        "id,machine,driver,topic\n"
        f"ok,{machine(branch)},shelly,plug-1\n"
        "bad,nowhere,shelly,plug-2\n"
        f"{known},{machine(branch)},shely,plug-3\n"
    )
    told = imported(branch, table, "--write")
    assert told.exit_code == 2
    assert "standard input, line 3: machine (bad)" in told.output
    assert "standard input, line 4: driver" in told.output
    assert "did you mean `shelly`" in told.output
    assert branch.read_text() == before


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "column `id` is missing"),
        ("id,machine\n", "no sensor"),
        ("id,machin\na,b\n", "did you mean `machine`"),
        ("id,machine\na,b,c\n", "line 2: it has more fields"),
        ("id,machine,options\na,b,{\n", "line 2: options are no JSON"),
        ("id,machine,options\na,b,{}\nc,d,[\ne,f,{}\ng,h,]\n", "\n  line 5: options are no JSON"),
        ("id,machine\n" + "a,b\n" * 2500, "more than 2000"),
        ("id,machine\n" + "x" * 200_000 + ",b\n", "line 2"),
    ],
)
def test_a_table_that_cannot_be_read_says_where(branch: Path, table: str, said: str) -> None:
    told = imported(branch, table)
    assert (told.exit_code, said in told.output) == (2, True), told.output


# --- swap ---------------------------------------------------------------------------------------


def mqtt_sensor(path: Path) -> str:
    return next(s.id for s in load(path).sensors if s.source == "mqtt")


def alone(path: Path) -> str:
    """A sensor that has its serial line for itself."""
    sources = [sensor.source for sensor in load(path).sensors]
    return next(
        s.id for s in load(path).sensors if s.source != "mqtt" and sources.count(s.source) == 1
    )


def test_a_new_device_takes_over_the_name_and_every_comment_stays(branch: Path) -> None:
    name, before = mqtt_sensor(branch), branch.read_text()
    told = run(branch, "swap", name, "--to", "zigbee2mqtt/new", "--driver", "zigbee2mqtt")
    assert told.exit_code == 0, told.output
    after = next(s for s in load(branch).sensors if s.id == name)
    assert (after.topic, after.driver) == ("zigbee2mqtt/new", "zigbee2mqtt")
    kept = [line for line in before.splitlines() if line.strip().startswith("#")]
    assert [x for x in branch.read_text().splitlines() if x.strip().startswith("#")] == kept
    assert "gateway reload" in told.output


def test_a_serial_device_takes_over_its_line(branch: Path) -> None:
    name = alone(branch)
    told = run(branch, "swap", name, "--to", "/dev/serial/by-id/usb-new")
    assert told.exit_code == 0, told.output
    line = next(s.source for s in load(branch).sensors if s.id == name).removeprefix("serial:")
    assert next(s.port for s in load(branch).serial if s.id == line) == "/dev/serial/by-id/usb-new"


def test_a_device_on_a_shared_line_takes_no_other_along_unless_it_is_asked_to(
    branch: Path,
) -> None:
    name = next(s.id for s in load(branch).sensors if s.source != "mqtt" and s.id != alone(branch))
    words = ("swap", name, "--to", "/dev/serial/by-id/usb-new")
    told = run(branch, *words)
    assert (told.exit_code, "with --line they all move" in told.output) == (2, True)
    assert run(branch, *words, "--line").exit_code == 0
    port = next(line.port for line in load(branch).serial if line.port == words[-1])
    told = run(branch, "swap", name, "--to", port, "--channel", "9")
    assert told.exit_code == 0, told.output
    assert next(s.channel for s in load(branch).sensors if s.id == name) == 9


def test_a_dry_run_shows_and_writes_nothing(branch: Path) -> None:
    before = branch.read_text()
    told = run(branch, "swap", mqtt_sensor(branch), "--to", "a/b", "--dry-run")
    assert '+topic = "a/b"' in told.stdout
    assert branch.read_text() == before


def test_what_would_be_wrong_is_not_written(branch: Path) -> None:
    before = branch.read_text()
    told = run(branch, "swap", mqtt_sensor(branch), "--to", "a/+/b", "--options", '{"what": 1}')
    assert told.exit_code == 2
    assert "Nothing was written" in told.output
    assert branch.read_text() == before
    assert [*branch.parent.iterdir()] == [branch]


def test_a_native_sensor_that_nobody_wrote_down_gets_an_entry(branch: Path) -> None:
    heard = {sensor.machine for sensor in load(branch).sensors}
    name = next(m.id for m in load(branch).machines if m.id not in heard)
    told = run(branch, "swap", name, "--to", "tele/x/SENSOR", "--driver", "tasmota")
    assert told.exit_code == 0, told.output
    assert load(branch).sensors[-1].id == name


def test_a_sensor_that_is_not_there_gets_a_hint(branch: Path) -> None:
    name = mqtt_sensor(branch)
    told = run(branch, "swap", name[:-1], "--to", "a/b")
    assert (told.exit_code, f"Did you mean {name}" in told.output) == (2, True)


def test_options_that_are_no_object_are_refused(branch: Path) -> None:
    for options in ("{", "[]", json.dumps("x")):
        told = run(branch, "swap", mqtt_sensor(branch), "--to", "a/b", "--options", options)
        assert told.exit_code == 2


def test_lines_end_as_they_did(branch: Path) -> None:
    branch.write_bytes(branch.read_bytes().replace(b"\n", b"\r\n"))
    before = branch.read_bytes()
    told = run(branch, "swap", mqtt_sensor(branch), "--to", "a/b")
    assert told.exit_code == 0, told.output
    after = branch.read_bytes()
    assert after.count(b"\r\n") == after.count(b"\n") == before.count(b"\n")


def test_an_entry_in_a_form_of_its_own_is_left_to_the_person(branch: Path) -> None:
    name = mqtt_sensor(branch)
    head = branch.read_text().partition("[[sensors]]")[0]
    text = f'sensors = [{{ id = "{name}", machine = "treadmill-01" }}]\n{head}'
    branch.write_text(text)
    told = run(branch, "swap", name, "--to", "a/b")
    assert (told.exit_code, branch.read_text()) == (1, text)
    assert "Nothing was written" in told.output


def test_what_is_only_shown_needs_no_place_to_write(
    branch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("config.edit._write_whole", read_only)
    assert run(branch, "swap", mqtt_sensor(branch), "--to", "a/b", "--dry-run").exit_code == 0
    table = f"id,machine,driver,topic\na1,{machine(branch)},tasmota,tele/a1\n"
    assert imported(branch, table).exit_code == 0
    assert "cannot be written" in imported(branch, table, "--write").output
