"""`gateway check`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from config.effective import sensors_of
from config.load import ConfigError, explain, load
from config.sections import Config
from gateway.cli.options import CONFIG, JSON_OBJECT


@click.command()
@CONFIG
@JSON_OBJECT
def check(path: Path, *, as_json: bool) -> None:
    """Name all mistakes of a configuration at once, or say that it is good.

    \b
    Examples:
      gateway check
      gateway check --config /etc/gateway/gateway.toml
      gateway check --json | jq -r '.mistakes[].place'

    Exit codes: 0 good, 2 mistakes.
    """
    try:
        counts = _counts(load(path))
    except ConfigError as error:
        _tell_mistakes(error, as_json=as_json)
        sys.exit(2)
    if as_json:
        click.echo(json.dumps({"file": str(path), "good": True, **counts, "mistakes": []}))
    else:
        click.echo(f"{path} is good: {_said(counts)}")


def _counts(config: Config) -> dict[str, int]:
    return {
        "machines": len(config.machines),
        "sensors": len(sensors_of(config)),
        "categories": len(config.categories),
        "serialLines": len(config.serial),
    }


def _said(counts: dict[str, int]) -> str:
    words = {"machines": "machine", "sensors": "sensor", "serialLines": "serial line"}
    found = []
    for what, count in counts.items():
        one, many = words.get(what, "category"), f"{words[what]}s" if what in words else what
        found.append(f"{count} {one if count == 1 else many}")
    return ", ".join(found)


def _tell_mistakes(error: ConfigError, *, as_json: bool) -> None:
    if as_json:
        mistakes = [asdict(mistake) for mistake in error.mistakes]
        report = {"file": str(error.path), "good": False, "mistakes": mistakes, "more": error.more}
        click.echo(json.dumps(report))
    else:
        click.echo(explain(error), err=True)
