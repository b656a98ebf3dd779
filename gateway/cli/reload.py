"""`gateway reload`."""

import json
from pathlib import Path

import click

from gateway.cli.local import ask_or_exit
from gateway.cli.options import CONFIG, JSON_LINES

PATIENCE = 60.0  # seconds: sensors are swapped between two commits


@click.command()
@CONFIG
@JSON_LINES
def reload(path: Path, *, as_json: bool) -> None:
    """Have the running gateway read its configuration again, and swap what has changed.

    A file with a mistake changes nothing. Sensors, machines, serial lines and categories that are
    as they were do not notice; streams stay open. What cannot be swapped is named: it counts from
    the next start on.

    \b
    Examples:
      gateway check && gateway reload
      gateway reload --json | jq .waiting
    """
    told = ask_or_exit(path, "/admin/reload", "POST", patience=PATIENCE)
    if as_json:
        click.echo(json.dumps(told))
        return
    for name in told["swapped"]:
        click.echo(f"changed: {name}")
    if not told["swapped"]:
        click.echo("nothing has changed that counts now")
    for name in told["waiting"]:
        click.echo(f"counts from the next start on: {name}")
