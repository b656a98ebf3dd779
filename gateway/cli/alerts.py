"""`gateway alerts`: who waits, why an alert did or did not ring, whether a ring would arrive."""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from gateway.cli.local import ask_or_exit
from gateway.cli.options import CONFIG, JSON_LINES, JSON_OBJECT

COLUMNS = ("id", "waits for", "status", "place", "created", "expires", "did not ring")
DELIVERED = "delivered"
PATIENCE = 30.0  # seconds: an attempt may take ten, and those to one host wait for each other

Row = Mapping[str, Any]


@click.group()
def alerts() -> None:
    """Look at members' alerts in the running gateway; members are anonymous.

    \b
    Examples:
      gateway alerts list
      gateway alerts show a41d2f3a09b7c6e58
      gateway alerts test a41d2f3a09b7c6e58
    """


@alerts.command(name="list")
@CONFIG
@JSON_LINES
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="Alerts at most."
)
def list_alerts(path: Path, limit: int, *, as_json: bool) -> None:
    """List the newest alerts, the ended ones too.

    \b
    Examples:
      gateway alerts list
      gateway alerts list --limit 1000 --json | jq 'select(.status == "armed")'
    """
    rows = ask_or_exit(path, f"/admin/alerts?limit={limit}")["alerts"]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    _print_table(rows)


@alerts.command()
@CONFIG
@JSON_OBJECT
@click.argument("alert")
def show(path: Path, alert: str, *, as_json: bool) -> None:
    """Show ALERT (its id): what rang, where it went, and why it did not.

    \b
    Examples:
      gateway alerts show a41d2f3a09b7c6e58
      gateway alerts show a41d2f3a09b7c6e58 --json | jq .deliveries
    """
    row = ask_or_exit(path, f"/admin/alerts/{quote(alert, safe='')}")
    if as_json:
        click.echo(json.dumps(row))
        return
    for word, value in _facts(row):
        click.echo(f"{word:<13} {value}")
    for firing in row["firings"]:
        click.echo(f"{'rang':<13} {_firing(firing)}")
    for delivery in row["deliveries"]:
        click.echo(f"{'delivery':<13} {_delivery(delivery)}")


@alerts.command()
@CONFIG
@JSON_OBJECT
@click.option("--anyway", is_flag=True, help="In its quiet hours too.")
@click.argument("alert")
def test(path: Path, alert: str, *, anyway: bool, as_json: bool) -> None:
    """Send a trial to every phone of ALERT's member, and to the branch's own targets.

    It says that it is a trial. Open pages are not rung: there a ring means a free machine.
    Exits 1 if one did not arrive, or if there is nowhere to send it.

    \b
    Examples:
      gateway alerts test a41d2f3a09b7c6e58
      gateway alerts test a41d2f3a09b7c6e58 --anyway --json
    """
    where = f"/admin/alerts/{quote(alert, safe='')}/test"
    said = ask_or_exit(path, where, "POST", {"anyway": anyway}, PATIENCE)
    if as_json:
        click.echo(json.dumps(said))
    else:
        _say_tried(said)
    tried = said["tried"]
    sys.exit(0 if tried and all(one["outcome"] == DELIVERED for one in tried) else 1)


def _say_tried(said: Row) -> None:
    click.echo(f"open page     {'yes, not rung' if said['streamOpen'] else 'none'}")
    for one in said["tried"]:
        words = f"{one['outcome']} {one['reason']}".strip()
        click.echo(f"{one['channel']:<13} {one['target']}  {words}  ({one['latency']:.2f} s)")
    if not said["tried"]:
        click.echo("The member has no push subscription, and [notify] names no target.", err=True)


def _facts(row: Row) -> list[tuple[str, str]]:
    quiet = row["quietHours"]
    facts = [
        ("id", row["alertId"]),
        ("waits for", _target(row)),
        ("status", row["status"] + (f", {row['endReason']}" if row["endReason"] else "")),
        ("place", str(row["place"] or "-")),
        ("created", _moment(row["createdAt"])),
        ("expires", _moment(row["expiresAt"])),
        (
            "quiet hours",
            f"{quiet['start']}-{quiet['end']} {' '.join(quiet['days'])}" if quiet else "none",
        ),
        ("repeats", f"after {row['cooldown']:.0f} s" if row["repeat"] else "no"),
        ("member", row["memberId"]),
    ]
    return [*facts, *(("did not ring", _reasons(row)) for _ in [0] if row["suppressed"])]


def _firing(firing: Row) -> str:
    steps = [
        f"{word} {_moment(firing[word])}"
        for word in ("delivered", "seen")
        if firing[word] is not None
    ]
    if firing["over"] is not None:
        steps.append(f"over {_moment(firing['over'])} ({firing['reason']})")
    where = f"{_moment(firing['at'])} for {firing['machine']}, place {firing['place']}"
    return "; ".join([where, *steps])


def _delivery(delivery: Row) -> str:
    outcome = f"{delivery['outcome'] or 'waits'} {delivery['reason'] or ''}".strip()
    tries = f"{delivery['attempts']} attempt{'s'[: delivery['attempts'] != 1]}"
    due = f", again {_moment(delivery['due'])}" if delivery["due"] is not None else ""
    return f"{delivery['channel']} {delivery['target']}: {outcome}, {tries}{due}"


def _print_table(rows: list[Row]) -> None:
    from rich.console import Console  # noqa: PLC0415  only for people
    from rich.table import Column, Table  # noqa: PLC0415

    table = Table(Column(COLUMNS[0], no_wrap=True), *COLUMNS[1:], box=None, pad_edge=False)
    for row in rows:
        times = (_moment(row["createdAt"]), _moment(row["expiresAt"]))
        place = "" if row["place"] is None else str(row["place"])
        table.add_row(row["alertId"], _target(row), row["status"], place, *times, _reasons(row))
    Console().print(table)


def _target(row: Row) -> str:
    return str(row["machineId"] or f"any of {row['category']}")


def _reasons(row: Row) -> str:
    return ", ".join(f"{why} {count}" for why, count in row["suppressed"].items())


def _moment(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
