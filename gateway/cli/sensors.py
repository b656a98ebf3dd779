"""`gateway sensors`: what the running gateway hears."""

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from gateway.cli.local import NotRunningError, ask
from gateway.cli.options import CONFIG, JSON_LINES

WATCH_EVERY = 0.25  # seconds between two questions while watching

Row = Mapping[str, Any]


@click.group()
def sensors() -> None:
    """Look at the sensors of the running gateway."""


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
    rows = _ask(path, "/admin/sensors")["sensors"]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    _print_table(rows)


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
    which = f"&sensor={sensor}" if sensor else ""
    newest = _ask(path, "/admin/samples")["newest"]
    while True:
        told = _ask(path, f"/admin/samples?after={newest}{which}")
        newest = told["newest"]
        for row in told["samples"]:
            click.echo(json.dumps(row) if as_json else _sample_line(row))
        time.sleep(WATCH_EVERY)


def _ask(path: Path, target: str) -> Any:
    try:
        return asyncio.run(ask(path, target))
    except NotRunningError as error:
        click.echo(str(error), err=True)
        sys.exit(1)


def _print_table(rows: list[Row]) -> None:
    from rich.console import Console  # noqa: PLC0415  only for people
    from rich.table import Table  # noqa: PLC0415

    table = Table("sensor", "machine", "driver", "says", "status", "last heard", "not used")
    for row in rows:
        table.add_row(
            row["sensorId"],
            row["machineId"],
            row["driver"],
            _says(row),
            f"{row['status']} ({row['cause']})",
            _ago(row["lastHeard"]),
            ", ".join(f"{reason} {count}" for reason, count in row["dropped"].items()),
        )
    Console().print(table)


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
