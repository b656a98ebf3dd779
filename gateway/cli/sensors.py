"""`gateway sensors`: what the running gateway hears."""

import json
import re
import sys
import time
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from config.load import load
from gateway.cli.local import ask_or_exit
from gateway.cli.options import CONFIG, JSON_LINES
from gateway.cli.sensors_identify import identify
from gateway.cli.sensors_import import import_sensors
from gateway.cli.sensors_record import record
from gateway.cli.sensors_swap import swap

if TYPE_CHECKING:
    from sensors.discovery import Proposal

WATCH_EVERY = 0.25  # seconds between two questions while watching
WIDE = 110  # characters of a terminal that has room for every column
LISTEN_TO_A_LINE = 2.0  # seconds at each speed: twenty reports of a radar, two words of a bus
COLUMNS = ("says", "status", "last heard", "problems")

Row = Mapping[str, Any]


@click.group()
def sensors() -> None:
    """Look at the sensors of the running gateway.

    \b
    Examples:
      gateway sensors list
      gateway sensors watch leg-press-01
      gateway sensors discover
      gateway sensors identify
    """


for _command in (identify, import_sensors, record, swap):
    sensors.add_command(_command)


@sensors.command(name="list")
@CONFIG
@JSON_LINES
def list_sensors(path: Path, *, as_json: bool) -> None:
    """List every sensor: what it says, when last, what could not be used and why.

    \b
    Examples:
      gateway sensors list
      gateway sensors list --json | jq 'select(.dropped != {})'
    """
    told = ask_or_exit(path, "/admin/sensors")
    if as_json:
        for row in told["sensors"]:
            click.echo(json.dumps(row))
        return
    _print_table(told["sensors"])
    for port in told["ports"]:
        if port["dropped"] or port["problem"]:
            click.echo(f"{port['id']}: {port['state']} {port['problem']} {_counts(port)}".rstrip())


@sensors.command()
@CONFIG
@JSON_LINES
@click.argument("sensor", required=False)
def watch(path: Path, sensor: str | None, *, as_json: bool) -> None:
    """Show samples as they come, of SENSOR or of all, until Ctrl-C.

    \b
    Examples:
      gateway sensors watch leg-press-01
      gateway sensors watch --json
    """
    newest = _first_look(path, sensor, quiet=as_json)
    which = f"&sensor={sensor}" if sensor else ""
    try:
        while True:
            told = ask_or_exit(path, f"/admin/samples?after={newest}{which}")
            newest = told["newest"]
            for row in told["samples"]:
                click.echo(json.dumps(row) if as_json else _sample_line(row))
            time.sleep(WATCH_EVERY)
    except KeyboardInterrupt:
        sys.exit(0)


@sensors.command()
@CONFIG
@JSON_LINES
@click.option(
    "--seconds", type=click.FloatRange(1, 3600), default=30.0, show_default=True, help="To listen."
)
@click.option("--all", "all_", is_flag=True, help="Those that are configured too.")
@click.option("--port", "ports", multiple=True, help="A serial port; default: every plug's.")
@click.option("--no-serial", is_flag=True, help="Listen to the broker alone.")
def discover(
    path: Path,
    seconds: float,
    ports: tuple[str, ...],
    *,
    all_: bool,
    no_serial: bool,
    as_json: bool,
) -> None:
    """Listen to the broker and to serial ports, and propose entries for what is heard.

    Prints `[[sensors]]` entries, ready to paste into the configuration. Use a machine while it
    listens, or let the device send: what speaks on change is heard when it changes. Ports that
    the gateway or another program holds are left alone; nothing is written to any.

    \b
    Examples:
      gateway sensors discover
      gateway sensors discover --port /dev/ttyUSB0
      gateway sensors discover --seconds 120 --json | jq 'select(.confidence == "high")'
    """
    from gateway.ports.eavesdrop import CannotListenError, overheard  # noqa: PLC0415  paho: 20 ms
    from sensors.discovery import propose  # noqa: PLC0415  with it

    login = ask_or_exit(path, "/admin/broker")
    if not as_json:
        click.echo(f"listening to {login['url']} for {seconds:g} s; Ctrl-C ends it", err=True)
    heard: list[tuple[str, bytes]] = []
    try:
        heard.extend(overheard(login["url"], login["user"], login["password"], seconds))
    except CannotListenError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    known = {
        (row["driver"], row["source"]) for row in ask_or_exit(path, "/admin/sensors")["sensors"]
    }
    found = [one for one in propose(heard) if all_ or (one.driver, one.topic) not in known]
    _print_proposals(path, found, as_json=as_json)
    if not found and not as_json:
        click.echo(f"{len(heard)} messages, and no sensor that is not configured.", err=True)
    if not no_serial:
        _discover_lines(path, ports, as_json=as_json)


def _discover_lines(path: Path, ports: Sequence[str], *, as_json: bool) -> None:
    from gateway.cli.sensors_serial import listen, show  # noqa: PLC0415  only here

    config = load(path)
    configured = {str(Path(line.port).resolve()) for line in config.serial}
    for one in listen(ports, configured, LISTEN_TO_A_LINE):
        show(one, [machine.id for machine in config.machines], as_json=as_json)


def _print_proposals(path: Path, found: Sequence["Proposal"], *, as_json: bool) -> None:
    from sensors.discovery import as_toml  # noqa: PLC0415  only here

    machines = [machine.id for machine in load(path).machines]
    for one in found:
        name = _name_of(one)
        near = get_close_matches(name, machines, n=1, cutoff=0.5)
        if as_json:
            row = msgspec.to_builtins(one)
            click.echo(json.dumps({"sensorId": name, "machineId": next(iter(near), None), **row}))
        else:
            click.echo(as_toml(one, name, next(iter(near), None), machines) + "\n")


def _name_of(one: "Proposal") -> str:
    """An id made of its topic: the part that names the device."""
    noise = {"tele", "stat", "sensor", "binary_sensor", "state", "event", "up", "application"}
    noise |= {"device", "devices", "shellies", "zigbee2mqtt", "occupancy", "gyms", "machines", "v3"}
    parts = [part for part in one.topic.lower().split("/") if part not in noise]
    text = re.sub(r"[^a-z0-9]+", "-", "-".join(parts[-2:])).strip("-") or one.driver
    return f"{text}-{one.channel}"[:64] if one.channel != 0 else text[:64]


def _first_look(path: Path, sensor: str | None, *, quiet: bool) -> int:
    """The newest sample's number; says what SENSOR said last, exits 2 where there is none such."""
    rows = {row["sensorId"]: row for row in ask_or_exit(path, "/admin/sensors")["sensors"]}
    if sensor is not None and sensor not in rows:
        near = get_close_matches(sensor, rows, n=1)
        hint = f" Did you mean {near[0]}?" if near else " `gateway sensors list` names them all."
        raise click.UsageError(f"There is no sensor {sensor!r}.{hint}")
    if not quiet:
        heard = f"last heard {_ago(rows[sensor]['lastHeard'])}" if sensor else "all sensors"
        click.echo(f"waiting for {sensor or 'samples'}; {heard}; Ctrl-C ends", err=True)
    newest: int = ask_or_exit(path, "/admin/samples")["newest"]
    return newest


def _print_table(rows: list[Row]) -> None:
    """Names are never cut; machine and driver only where there is room for them."""
    from rich.console import Console  # noqa: PLC0415  only for people
    from rich.table import Column, Table  # noqa: PLC0415

    console = Console()
    wide = console.width >= WIDE
    more = ("machine", "driver") if wide else ()
    table = Table(Column("sensor", no_wrap=True), *more, *COLUMNS, box=None, pad_edge=False)
    for row in rows:
        table.add_row(
            row["sensorId"],
            *((row["machineId"], row["driver"]) if wide else ()),
            _says(row),
            f"{row['status']} ({row['cause']})",
            _ago(row["lastHeard"]),
            ", ".join(filter(None, (*row["findings"], _counts(row)))),
        )
    console.print(table)


def _counts(row: Row) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in row["dropped"].items())


def _says(row: Row) -> str:
    word = {True: "active", False: "still", None: "-"}[row["active"]]
    strength = "" if row["strength"] is None else f" {row['strength']:g} {row['unit'] or ''}"
    return word + strength.rstrip()


def _ago(moment: float | None) -> str:
    return "never" if moment is None else f"{max(0.0, time.time() - moment):.0f} s ago"


def _sample_line(row: Row) -> str:
    clock = time.strftime("%H:%M:%S", time.localtime(row["at"]))
    levels = " ".join(f"{name}={value:g}" for name, value in row["levels"].items())
    return f"{clock} {row['sensorId']:<24} {_says(row)} {levels}".rstrip()
