"""What differs between two configurations: what can be swapped while we run, and what cannot."""

from dataclasses import dataclass

import msgspec

from config.effective import SERIAL, sensors_of
from config.sections import Config, Sensor, Serial

SWAPPED = ("occupancy", "categories", "machines", "sensors", "serial", "alerts")
OF_BRANCH = ("name", "latitude", "longitude", "opening_hours", "holidays")  # swapped as well
LISTS = ("machines", "sensors", "serial")  # entries with an id


@dataclass(frozen=True, slots=True)
class Changes:
    """Named as a person finds them in the file."""

    config: Config
    """What is to run now: the new one, but for what waits for a start."""
    swapped: tuple[str, ...]
    waiting: tuple[str, ...]
    """What counts from the next start on."""


def changes(old: Config, new: Config) -> Changes:
    """From what runs to what the file says now."""
    swapped = tuple(name for section in SWAPPED for name in _named(section, old, new))
    of_branch = tuple(name for name in _keys("branch", old, new) if name in OF_BRANCH)
    swapped += tuple(f"[branch] {name}" for name in of_branch)
    others = [name for name in Config.__struct_fields__ if name not in SWAPPED]
    waiting = [
        f"[{section}] {key}".rstrip()
        for section in others
        for key in _keys(section, old, new)
        if section != "branch" or key not in OF_BRANCH
    ]
    branch = {name: getattr(new.branch, name) for name in OF_BRANCH}
    return Changes(
        msgspec.structs.replace(
            old,
            branch=msgspec.structs.replace(old.branch, **branch),
            **{section: getattr(new, section) for section in SWAPPED},
        ),
        swapped,
        tuple(waiting),
    )


def same_sensors(old: Config, new: Config) -> set[str]:
    """The sensors that are the same device at the same machine, by id; patience does not matter."""
    older = {sensor.id: sensor for sensor in sensors_of(old)}
    return {
        sensor.id
        for sensor in sensors_of(new)
        if (one := older.get(sensor.id)) is not None
        and msgspec.structs.replace(one, occupancy=sensor.occupancy) == sensor
        and _line_of(old, one) == _line_of(new, sensor)
    }


def _line_of(config: Config, sensor: Sensor) -> Serial | None:
    return next((line for line in config.serial if f"{SERIAL}{line.id}" == sensor.source), None)


def _named(section: str, old: Config, new: Config) -> list[str]:
    """The entries that differ, or the section's keys."""
    was, is_ = getattr(old, section), getattr(new, section)
    if section == "categories":
        return [f"[categories.{name}]" for name in _differing(was, is_)]
    if section in LISTS:
        by_id = ({entry.id: entry for entry in entries} for entries in (was, is_))
        return [f"[[{section}]] {name}" for name in _differing(*by_id)] or (
            [f"[[{section}]] order"] if was != is_ else []
        )
    return [f"[{section}] {key}" for key in _keys(section, old, new)]


def _differing(was: dict[str, object], is_: dict[str, object]) -> list[str]:
    return [name for name in {**was, **is_} if was.get(name) != is_.get(name)]


def _keys(section: str, old: Config, new: Config) -> list[str]:
    """The keys of a table that differ; "" for a table that is there in one of them only."""
    was, is_ = getattr(old, section), getattr(new, section)
    if was is None or is_ is None:
        return [""] if was is not is_ else []
    return [key for key in was.__struct_fields__ if getattr(was, key) != getattr(is_, key)]
