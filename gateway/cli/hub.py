"""`gateway hub …`."""

import asyncio
import json
import logging
import signal
import sqlite3
import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from config.hub import HubConfig, load_hub
from config.load import ConfigError, explain
from gateway.cli.local import NotRunningError, RefusedError, ask
from gateway.cli.options import JSON_OBJECT
from gateway.logs import log_to_stderr

if TYPE_CHECKING:
    from gateway.app.hub import ChainHub

STOPS = (signal.SIGINT, signal.SIGTERM)
HUB_CONFIG = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("hub.toml"),
    show_default=True,
    help="The hub's configuration.",
)
CONNECTED = "connected"
PATIENCE = 3.0  # seconds for the hub that runs here
NO_PSYCOPG = "the hub needs psycopg: pip install 'gym-gateway[hub]'"

log = logging.getLogger("gateway")


@click.group()
def hub() -> None:
    """The hub of a chain: all branches in one place, in PostgreSQL.

    \b
    Examples:
      gateway hub run --config /etc/gateway/hub.toml
      gateway hub doctor
    """


@hub.command()
@HUB_CONFIG
@click.option("--verbose", is_flag=True, help="Say more in the log.")
def run(path: Path, *, verbose: bool) -> None:
    """Run a hub until Ctrl-C or SIGTERM; several may run, one of them consumes.

    \b
    Examples:
      gateway hub run
      gateway hub run --config /etc/gateway/hub.toml

    Exit codes: 0 stopped in order, 1 failed (systemd starts it again), 2 wrong configuration.
    """
    log_to_stderr(verbose=verbose)
    config = _loaded(path)
    from gateway.app.hub import ChainHub  # noqa: PLC0415  the extra may be missing

    try:
        chain = ChainHub(config)
    except (OSError, sqlite3.Error) as error:
        log.error("the hub cannot start: %s", error)  # noqa: TRY400  the text says it all
        sys.exit(1)
    try:
        asyncio.run(_until_told(chain))
    except Exception as error:
        log.error("the hub stops: %s", error, exc_info=verbose)  # noqa: TRY400  as it was asked
        sys.exit(1)


async def _until_told(chain: "ChainHub") -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in STOPS:
        loop.add_signal_handler(number, stop.set)
    await chain.run(stop)


@hub.command()
@HUB_CONFIG
@JSON_OBJECT
@click.option(
    "--letters",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="So many dead letters.",
)
def doctor(path: Path, *, as_json: bool, letters: int) -> None:
    """What the hub has, what is missing, and what it could not use and why.

    \b
    Examples:
      gateway hub doctor
      gateway hub doctor --json | jq '.deadLetters[] | .reason'

    Exit codes: 0 all is well, 1 something is wrong or PostgreSQL does not answer, 2 wrong usage.
    """
    config = _loaded(path)
    try:
        found = asyncio.run(_examined(path, config, letters))
    except OSError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    click.echo(json.dumps(found) if as_json else "\n".join(_lines(found)))
    sys.exit(1 if found["problems"] else 0)


async def _examined(path: Path, config: HubConfig, letters: int) -> dict[str, Any]:
    """What the database says, and `here`: what the hub of this configuration does. OSError."""
    from gateway.app.hub import examine  # noqa: PLC0415  the extra may be missing

    found: dict[str, Any] = await examine(config, letters)
    try:
        told = await ask(path, "/admin/hub", patience=PATIENCE)
    except (NotRunningError, RefusedError):
        return found | {"here": None}
    if told["consumes"] and told["broker"] != CONNECTED:
        found["problems"].append(f"the hub that consumes hears nothing: {told['broker']}")
    return found | {"here": {"consumes": told["consumes"], "broker": told["broker"]}}


def _here(told: dict[str, Any] | None) -> str:
    if told is None:
        return "here: no hub answers"
    return f"here: consumes, broker: {told['broker']}" if told["consumes"] else "here: serves"


def _loaded(path: Path) -> HubConfig:
    if find_spec("psycopg") is None:
        click.echo(NO_PSYCOPG, err=True)
        sys.exit(1)
    try:
        return load_hub(path)
    except ConfigError as error:
        click.echo(explain(error), err=True)
        sys.exit(2)


def _lines(found: dict[str, Any]) -> list[str]:
    """For a person."""
    counts = ", ".join(f"{name} {many}" for name, many in sorted(found["counts"].items()))
    consumer = found["consumer"] or "no hub: nothing is stored now"
    return [
        f"schema {found['schema']}, epoch {found['epoch']}, newest event {found['seq']}",
        f"consumed by {consumer}",
        _here(found["here"]),
        f"branches: {found['branches']}; silent: {', '.join(found['silent']) or 'none'}",
        f"counts: {counts or 'nothing yet'}",
        *(f"bins: {month['name']}, {_about(month['rows'])}" for month in found["months"]),
        *(f"hole: {one['gymId']} {one['day']} hours {one['hours']}" for one in found["holes"]),
        *(
            f"lost: {one['gymId']} {one['day']} {one['bins']} bins, {one['reason']}"
            for one in found["lost"]
        ),
        *(
            f"dead letter: {_when(one['at'])} {one['topic']} ({one['size']} bytes): {one['reason']}"
            for one in found["deadLetters"]
        ),
        *(f"problem: {problem}" for problem in found["problems"]),
    ]


def _when(at: float) -> str:
    """In UTC, as the days of holes are."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _about(rows: int | None) -> str:
    """PostgreSQL's own estimate: counting years of bins takes minutes."""
    return "not counted yet" if rows is None else f"about {rows} rows"
