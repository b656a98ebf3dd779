"""What differs between two configurations, named as in the file."""

from pathlib import Path

from msgspec.structs import replace

from config.changes import changes, same_sensors
from config.load import load
from config.sections import Config, Machine, OccupancyOverride, Simulator, Upstream

CONFIG = load(Path("config/examples/branch.toml"))


def test_the_same_is_no_change() -> None:
    found = changes(CONFIG, CONFIG)
    assert (found.config, found.swapped, found.waiting) == (CONFIG, (), ())


def test_what_cannot_be_swapped_stays_as_it_runs() -> None:
    new = replace(
        CONFIG,
        http=replace(CONFIG.http, port=9),
        branch=replace(CONFIG.branch, name="B", timezone="UTC"),
    )
    found = changes(CONFIG, new)
    assert found.swapped == ("[branch] name",)
    assert set(found.waiting) == {"[http] port", "[branch] timezone"}
    assert found.config.http == CONFIG.http
    assert found.config.branch == replace(CONFIG.branch, name="B")


def test_keys_that_are_swapped_are_taken_out_of_a_section_that_waits() -> None:
    new = replace(CONFIG, http=replace(CONFIG.http, port=9, allowed_hosts=("gym.example",)))
    found = changes(CONFIG, new)
    assert (found.swapped, found.waiting) == (("[http] allowed_hosts",), ("[http] port",))
    assert found.config.http == replace(CONFIG.http, allowed_hosts=("gym.example",))


def test_a_machine_more_and_one_less_are_named() -> None:
    new = replace(CONFIG, machines=(*CONFIG.machines[1:], Machine(id="x", name="X", category="y")))
    found = changes(CONFIG, new)
    assert set(found.swapped) == {f"[[machines]] {CONFIG.machines[0].id}", "[[machines]] x"}
    assert found.config == new


def test_a_table_that_is_new_is_named_once() -> None:
    without = replace(CONFIG, upstream=None)
    new: Config = replace(CONFIG, upstream=Upstream(url="mqtt://hub"))
    assert changes(without, new).waiting == ("[upstream]",)
    assert changes(without, new).config.upstream is None
    assert changes(new, without).config.upstream == new.upstream


def test_the_bounds_of_the_outbox_are_swapped_and_its_broker_is_not() -> None:
    old = replace(CONFIG, upstream=Upstream(url="mqtt://hub"))
    new = replace(CONFIG, upstream=Upstream(url="mqtt://other", drain=5.0, keep_days=30))
    found = changes(old, new)
    assert found.swapped == ("[upstream] keep_days", "[upstream] drain")
    assert found.waiting == ("[upstream] url",)
    assert found.config.upstream == Upstream(url="mqtt://hub", drain=5.0, keep_days=30)


def test_other_simulated_people_wait_for_a_start_with_their_machines() -> None:
    few, many = (replace(CONFIG, simulator=Simulator(machines=count)) for count in (3, 9))
    made_up = replace(many, machines=(), sensors=())
    found = changes(few, made_up)
    assert (found.swapped, found.waiting) == ((), ("[simulator] machines",))
    assert found.config == few


def test_another_order_is_a_change() -> None:
    found = changes(CONFIG, replace(CONFIG, machines=CONFIG.machines[::-1]))
    assert found.swapped == ("[[machines]] order",)


def test_a_sensor_is_the_same_until_its_device_or_machine_is_another() -> None:
    first, *others = CONFIG.sensors
    known = same_sensors(CONFIG, CONFIG)
    patient = replace(first, occupancy=OccupancyOverride(busy_after=9.0))
    assert same_sensors(CONFIG, replace(CONFIG, sensors=(patient, *others))) == known
    moved = replace(first, machine=CONFIG.machines[-1].id)
    assert first.id not in same_sensors(CONFIG, replace(CONFIG, sensors=(moved, *others)))
