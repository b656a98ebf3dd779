"""`gateway sensors swap`: a new device takes over the old one's name and calibration."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches, unified_diff
from pathlib import Path

import click

from config.edit import CannotEditError, entry, with_changes, with_sensors, write
from config.effective import SERIAL, sensors_of
from config.load import ConfigError, explain, parse, text_of
from config.sections import Config, Sensor
from gateway.cli.local import ask_or_exit, load_or_exit
from gateway.cli.options import CONFIG
from sensors import catalog


@dataclass(frozen=True, slots=True)
class Device:
    """What is plugged in instead; None: as the old one."""

    to: str
    """Its topic, or its port."""
    driver: str | None
    channel: str | None
    options: dict[str, object] | None
    whole_line: bool


@click.command()
@CONFIG
@click.argument("sensor")
@click.option(
    "--to", required=True, help="The new device: its MQTT topic, or its port (/dev/serial/by-id/…)."
)
@click.option("--driver", type=click.Choice(catalog.names()), help="Where it is of another family.")
@click.option("--channel", help="Where it speaks on another channel.")
@click.option("--options", help='Its driver\'s options as JSON: {"property": "contact"}.')
@click.option("--line", "whole_line", is_flag=True, help="All sensors of its serial line move.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and write nothing.")
@click.option("--reload", "at_once", is_flag=True, help="Have the running gateway use it at once.")
def swap(
    path: Path,
    sensor: str,
    to: str,
    driver: str | None,
    channel: str | None,
    options: str | None,
    *,
    whole_line: bool,
    dry_run: bool,
    at_once: bool,
) -> None:
    """Let a new device take over from SENSOR: its id, its machine, its calibration.

    Writes the configuration, whose comments stay as they are; a file that would be wrong is not
    written. The old calibration goes on: calibrate again where the new device is another model.

    \b
    Examples:
      gateway sensors swap leg-press-01 --to zigbee2mqtt/0x00158d0009 --reload
      gateway sensors swap bench-radar --to /dev/serial/by-id/usb-CP2102_0002 --dry-run
    """
    config = load_or_exit(path)
    known = _known(config, sensor)
    text = text_of(path)
    try:
        device = Device(to, driver, channel, _options(options), whole_line)
        changed = _changed(text, config, known, device)
        after = (parse if dry_run else write)(path, changed)
    except ConfigError as error:
        click.echo(f"Nothing was written. {explain(error)}", err=True)
        sys.exit(2)
    except CannotEditError as error:
        click.echo(f"Nothing was written. {error}", err=True)
        sys.exit(1)
    except OSError as error:
        click.echo(f"{path} cannot be written: {error.strerror}", err=True)
        sys.exit(1)
    _show(path, text, changed)
    _advise(known, _known(after, sensor))
    if at_once and not dry_run:
        ask_or_exit(path, "/admin/reload", "POST", patience=60)
        click.echo("The running gateway uses it.", err=True)
    elif not dry_run:
        click.echo("Now: gateway reload", err=True)


def _known(config: Config, name: str) -> Sensor:
    sensors = {sensor.id: sensor for sensor in sensors_of(config)}
    if name not in sensors:
        near = get_close_matches(name, sensors, n=1)
        hint = f" Did you mean {near[0]}?" if near else " `gateway sensors list` names them all."
        raise click.UsageError(f"There is no sensor {name!r}.{hint}")
    return sensors[name]


def _options(text: str | None) -> dict[str, object] | None:
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"--options is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise click.UsageError('--options must be an object: {"property": "contact"}')
    return found


def _changed(text: str, config: Config, sensor: Sensor, device: Device) -> str:
    """The new text; options belong to a driver, so another one begins without."""
    other = device.driver is not None and device.driver != sensor.driver
    given: dict[str, object] = {} if device.driver is None else {"driver": device.driver}
    given |= {"options": device.options} if device.options is not None or other else {}
    own = (
        {}
        if device.channel is None
        else {"channel": int(device.channel) if device.channel.isdecimal() else device.channel}
    )
    if sensor.source.startswith(SERIAL):
        line = sensor.source.removeprefix(SERIAL)
        if not device.whole_line:
            _must_be_alone(config, sensor, line, {"port": device.to, **given})
        text = with_changes(text, "serial", line, {"port": device.to, **given})
        return with_changes(text, "sensors", sensor.id, own) if own else text
    if device.to.startswith("/dev/"):
        raise click.UsageError(
            f"{sensor.id} speaks over MQTT, and {device.to} is a serial port:"
            " add a [[serial]] line and set the sensor's source by hand (docs/sensors.md)."
        )
    if all(one.id != sensor.id for one in config.sensors):  # a native one that nobody wrote down
        values = {"id": sensor.id, "machine": sensor.machine, "topic": device.to, **given, **own}
        return with_sensors(text, [entry("sensors", values)])
    return with_changes(text, "sensors", sensor.id, {"topic": device.to, **given, **own})


def _channel(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _must_be_alone(config: Config, sensor: Sensor, line: str, wanted: Mapping[str, object]) -> None:
    """On a line that changes. Raises UsageError that names who else is on it."""
    known = next(one for one in config.serial if one.id == line)
    others = [s.id for s in config.sensors if s.source == sensor.source and s.id != sensor.id]
    if others and any(getattr(known, key) != value for key, value in wanted.items()):
        raise click.UsageError(
            f"The line {line!r} carries {', '.join(others)} too: with --line they all move;"
            f" to change this sensor's channel alone, say --to {known.port} --channel …"
        )


def _show(path: Path, before: str, after: str) -> None:
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    click.echo("".join(unified_diff(old, new, str(path), str(path), n=2)), nl=False)


def _advise(before: Sensor, after: Sensor) -> None:
    if before.driver != after.driver:
        click.echo(
            f"{after.id} is a {after.driver} now and was a {before.driver}: its calibration may"
            f" not fit; try `gateway calibrate {after.id}`.",
            err=True,
        )
