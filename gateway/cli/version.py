"""`gateway version`."""

import json
import platform
import sqlite3
from importlib.metadata import version as version_of

import click

from gateway.cli.options import JSON_OBJECT


@click.command()
@JSON_OBJECT
def version(*, as_json: bool) -> None:
    """Print the versions of the gateway and of what it stands on.

    \b
    Example:
      gateway version --json
    """
    versions = {
        "gateway": version_of("gym-gateway"),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "paho-mqtt": version_of("paho-mqtt"),
        "aiohttp": version_of("aiohttp"),
    }
    lines = "\n".join(f"{name} {number}" for name, number in versions.items())
    click.echo(json.dumps(versions) if as_json else lines)
