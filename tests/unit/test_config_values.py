"""What stands in a configuration that is good, and what holds in the end."""

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import sections
from config.convert import section
from config.effective import occupancy_of, sensors_of
from config.load import load
from config.mistakes import Findings
from config.sections import Branch, Config, Occupancy, Sensor, Simulator
from config.simulated import furnished
from gateway.core.opening import Opening

ROOT = Path(__file__).parents[2]
BRANCH = {"id": "hk-central", "name": "Central"}
MACHINE = {"id": "leg-press-01", "name": "Leg press 1", "category": "legs"}


def config_of(**tables: object) -> Config:
    found = Findings("", {})
    config = section(Config, {"branch": BRANCH, **tables}, (), found)
    assert not found.mistakes()
    return config


def simulated(machines: int) -> Config:
    branch = Branch(id="b", name="B")
    return furnished(Config(branch=branch, simulator=Simulator(machines=machines)))


@pytest.mark.parametrize(
    "hours", ["06:00-23:00", "06:00-01:00", "00:00-24:00", "12:30-12:29", "23:59-24:00"]
)
def test_opening_hours_that_load_takes_can_be_used(hours: str, tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(f'[branch]\nid = "b"\nname = "B"\nopening_hours = {{ mon = "{hours}" }}\n')
    branch = load(file).branch
    monday_noon_thirty = 4 * 86_400 + 12.5 * 3600  # 1970-01-05, UTC
    assert Opening(branch.opening_hours, (), branch.timezone).is_open(monday_noon_thirty) is (
        hours != "23:59-24:00"
    )


def test_occupancy_is_the_default_then_the_category_s_then_the_sensor_s() -> None:
    config = config_of(
        occupancy={"busy_after": 1, "free_after": 2, "stale_after": 3},
        categories={"legs": {"name": "Legs", "occupancy": {"free_after": 20, "stale_after": 30}}},
        machines=[MACHINE],
        sensors=[{"id": "s", "machine": MACHINE["id"], "occupancy": {"stale_after": 300}}],
    )
    effective = occupancy_of(config, config.sensors[0])
    assert effective == Occupancy(busy_after=1, free_after=20, stale_after=300)


def test_a_machine_without_a_sensor_entry_listens_to_the_native_topic() -> None:
    config = config_of(categories={"legs": {"name": "Legs"}}, machines=[MACHINE])
    topic = "gyms/hk-central/machines/leg-press-01/occupancy"
    assert sensors_of(config) == (Sensor(id="leg-press-01", machine="leg-press-01", topic=topic),)


def test_a_native_sensor_without_a_topic_listens_to_that_of_its_machine() -> None:
    sensors = [
        {"id": "own", "machine": "leg-press-01"},
        {"id": "other", "machine": "leg-press-01", "topic": "a/b"},
    ]
    config = config_of(machines=[MACHINE], sensors=sensors)
    topics = [sensor.topic for sensor in sensors_of(config)]
    assert topics == ["gyms/hk-central/machines/leg-press-01/occupancy", "a/b"]


def test_a_sensor_on_a_line_has_the_line_s_driver() -> None:
    config = config_of(
        serial=[{"id": "wall", "port": "/dev/null", "driver": "lines"}],
        machines=[MACHINE],
        sensors=[{"id": "s", "machine": "leg-press-01", "source": "serial:wall"}],
    )
    assert [(s.driver, s.topic) for s in sensors_of(config)] == [("lines", None)]


def test_forty_simulated_machines_have_28_native_8_bus_and_4_radar_sensors() -> None:
    config = simulated(40)
    drivers = [sensor.driver for sensor in sensors_of(config)]
    assert [drivers.count(name) for name in ("native", "lines", "ld2410")] == [28, 8, 4]
    assert len(config.serial) == 1 + 4
    assert config.serial[0].port == "var/simulator/bus"
    assert {s.machine for s in sensors_of(config)} == {m.id for m in config.machines}


def test_the_bus_serves_cardio_and_legs() -> None:
    config = simulated(40)
    kinds = {machine.id: machine.category for machine in config.machines}
    on_the_bus = {kinds[s.machine] for s in config.sensors if s.source == "serial:bus"}
    assert on_the_bus == {"cardio", "legs"}


@settings(deadline=None)
@given(st.integers(1, 500))
def test_a_simulated_branch_of_any_size_keeps_its_proportions(count: int) -> None:
    config = simulated(count)
    drivers = [sensor.driver for sensor in sensors_of(config)]
    for name, share in (("native", 0.7), ("lines", 0.2), ("ld2410", 0.1)):
        assert abs(drivers.count(name) - share * count) <= 1
    assert len({machine.id for machine in config.machines}) == count
    assert len({(m.position.x, m.position.y) for m in config.machines if m.position}) == count
    assert {machine.category for machine in config.machines} == set(config.categories)


@pytest.mark.parametrize("count", [1, 7, 40, 500])
def test_a_simulated_branch_written_down_as_a_real_one_is_good(count: int, tmp_path: Path) -> None:
    config = simulated(count)
    lines = ['[branch]\nid = "b"\nname = "B"']
    lines += [f'[categories.{id_}]\nname = "{c.name}"' for id_, c in config.categories.items()]
    for name in ("serial", "machines", "sensors"):
        for entry in getattr(config, name):
            keys = {
                k: getattr(entry, k)
                for k in (
                    "id",
                    "name",
                    "category",
                    "port",
                    "driver",
                    "machine",
                    "source",
                    "channel",
                )
                if hasattr(entry, k)
            }
            if name == "sensors":
                del keys["driver"]
            lines += [
                f"[[{name}]]",
                *(f"{k} = {msgspec.json.encode(v).decode()}" for k, v in keys.items()),
            ]
    (tmp_path / "real.toml").write_text("\n".join(lines), encoding="utf-8")
    assert len(sensors_of(load(tmp_path / "real.toml"))) == count


def test_machines_that_are_given_go_before_made_up_ones() -> None:
    config = config_of(
        categories={"legs": {"name": "Legs"}}, machines=[MACHINE], simulator={"machines": 40}
    )
    assert furnished(config) == config


def test_the_simulated_lines_lie_beside_the_database() -> None:
    config = config_of(store={"history": "/data/h.db"}, simulator={})
    assert {Path(line.port).parent for line in furnished(config).serial} == {
        Path("/data/simulator")
    }


def test_every_key_stands_in_the_documentation_and_in_the_example() -> None:
    documentation = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    example = (ROOT / "config/examples/branch.toml").read_text(encoding="utf-8")
    tables = [cls for cls in vars(sections).values() if isinstance(cls, type)]
    keys = {
        field.name
        for table in tables
        if issubclass(table, sections.Section) and table is not Config
        for field in msgspec.structs.fields(table)
    }
    assert [
        key for key in keys if f"`{key}`" not in documentation and f"{key} =" not in documentation
    ] == []
    unused = {"machines", "seed", "speed"}  # of [simulator], which a real branch has not
    assert {key for key in keys if not re.search(rf"\b{key}\b( =|\])", example)} <= unused
