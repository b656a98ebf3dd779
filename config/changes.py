"""What differs between two configurations: what can be swapped while we run, and what cannot."""

from dataclasses import dataclass
from typing import Any

import msgspec

from config.effective import SERIAL, sensors_of
from config.sections import Config, Sensor, Serial

SWAPPED = (  # whole sections
    *("occupancy", "categories", "machines", "sensors", "serial"),
    *("alerts", "limits", "notify", "kiosk"),
)
KEYS = {  # of sections of which the rest waits for a start
    "branch": (
        "name",
        "latitude",
        "longitude",
        "opening_hours",
        "holidays",
        "public_url",
        "language",
    ),
    "http": ("allowed_hosts", "trusted_proxies", "cors_origins"),
    "store": ("commit_within", "keep_events_days", "keep_bins_days"),
    "upstream": ("keep_days", "max_bytes", "drain"),
}
MADE_UP = ("categories", "machines", "sensors", "serial")  # by the simulator, where it may
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
    if old.simulator != new.simulator:  # other people come at the next start, with their machines
        new = msgspec.structs.replace(new, **{name: getattr(old, name) for name in MADE_UP})
    swapped = [name for section in SWAPPED for name in _named(section, old, new)]
    waiting: list[str] = []
    for section in Config.__struct_fields__:
        if section not in SWAPPED:
            for key in _keys(section, old, new):
                found = swapped if key in KEYS.get(section, ()) else waiting
                found.append(f"[{section}] {key}".rstrip())
    return Changes(_merged(old, new), tuple(swapped), tuple(waiting))


def _merged(old: Config, new: Config) -> Config:
    """What is swapped from the new one, everything else as it runs."""
    parts: dict[str, Any] = {section: getattr(new, section) for section in SWAPPED}
    for section, keys in KEYS.items():
        if getattr(old, section) is None or getattr(new, section) is None:
            parts[section] = getattr(old, section)  # it comes, or goes, with the next start
            continue
        values = {key: getattr(getattr(new, section), key) for key in keys}
        parts[section] = msgspec.structs.replace(getattr(old, section), **values)
    return msgspec.structs.replace(old, **parts)


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
