"""`gateway sensors`: what the running gateway hears."""

import json
import sys
import time
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from gateway.cli.local import ask_or_exit
from gateway.cli.options import CONFIG, JSON_LINES

WATCH_EVERY = 0.25  # seconds between two questions while watching
WIDE = 110  # characters of a terminal that has room for every column
COLUMNS = ("says", "status", "last heard", "problems")

Row = Mapping[str, Any]


@click.group()
def sensors() -> None:
    """Look at the sensors of the running gateway.

    \b
    Examples:
      gateway sensors list
      gateway sensors watch leg-press-01
    """


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
            _counts(row),
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
