"""`gateway version`."""

import json
import platform
import sqlite3
from importlib.metadata import version as version_of

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def version(*, as_json: bool) -> None:
    """Print the versions of the gateway and of what it stands on.

    \b
    Example:
      gateway version --json
    """  # noqa: D301  \b is click's mark for lines that stay as they are
    versions = {
        "gateway": version_of("gym-gateway"),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "paho-mqtt": version_of("paho-mqtt"),
        "aiohttp": version_of("aiohttp"),
    }
    lines = "\n".join(f"{name} {number}" for name, number in versions.items())
    click.echo(json.dumps(versions) if as_json else lines)
