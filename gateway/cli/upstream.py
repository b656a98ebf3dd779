"""`gateway upstream`: what waits for the chain, and sending a day again."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from gateway.cli.local import ask_or_exit
from gateway.cli.options import CONFIG, JSON_OBJECT

PATIENCE = 120.0  # seconds: ninety days of a thousand machines are read from the disk
DAY = click.DateTime(formats=["%Y-%m-%d"])
HOURS = 24  # of a day
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))

Row = Mapping[str, Any]


@click.group()
def upstream() -> None:
    """Look at the line to the chain, and send days again.

    \b
    Examples:
      gateway upstream status
      gateway upstream status --json | jq .backlogRows
      gateway upstream resend 2026-11-24
    """


@upstream.command()
@CONFIG
@JSON_OBJECT
def status(path: Path, *, as_json: bool) -> None:
    """Show the link, what waits, and what became of what was to be sent.

    Rows are counted since the ledger was made, connections since the gateway's start.

    \b
    Examples:
      gateway upstream status
      gateway upstream status --json | jq '.link, .problem, .oldest'
    """
    told = ask_or_exit(path, "/admin/upstream")
    if as_json:
        click.echo(json.dumps(told))
        return
    for word, value in _facts(told):
        click.echo(f"{word:<18} {value}")


@upstream.command()
@CONFIG
@JSON_OBJECT
@click.argument("first", type=DAY)
@click.argument("last", type=DAY, required=False)
@click.option(
    "--hours", default="", help="Of each day, such as 3,4 or 8-11 (UTC); without: the whole day."
)
def resend(path: Path, first: Any, last: Any, hours: str, *, as_json: bool) -> None:
    """Queue what the history has of the UTC days FIRST to LAST again.

    What the chain has already is absorbed there. What the history has no more is declared lost in
    the day's digest, with the reason.

    \b
    Examples:
      gateway upstream resend 2026-11-24
      gateway upstream resend 2026-11-20 2026-11-24 --hours 8-11
    """
    body = {
        "first": first.date().isoformat(),
        "last": last.date().isoformat() if last else None,
        "hours": _hours(hours),
    }
    told = ask_or_exit(path, "/admin/upstream/resend", "POST", body, PATIENCE)
    if as_json:
        click.echo(json.dumps(told))
    elif told["days"]:
        click.echo(f"queued: {told['days']} days; see `gateway upstream status`")
    else:
        click.echo(
            "queued: nothing; these days are older than [upstream] keep_days, or yet to come"
        )


def _hours(text: str) -> list[int]:
    """`3,8-11` → [3, 8, 9, 10, 11]; nothing: all."""
    found: set[int] = set()
    for part in text.split(",") if text else ["0-23"]:
        first, _, last = part.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal()):
            raise click.BadParameter(
                f"{part!r} is no hour; write 3,4 or 8-11", param_hint="--hours"
            )
        if not int(first) <= int(last or first) < HOURS:
            raise click.BadParameter(
                f"{part!r}: must be hours from 0 to {HOURS - 1}", param_hint="--hours"
            )
        found.update(range(int(first), int(last or first) + 1))
    return sorted(found)


def _facts(told: Row) -> list[tuple[str, str]]:
    now = time.time()
    link = f"{told['link']} for {_span(now - told['since'])}, MQTT {told['protocol']}"
    ended = told["lastAcknowledged"]
    waits = f"{told['backlogRows']} bins, {told['backlogBytes'] / 2**20:.1f} MiB"
    oldest = told["oldest"]
    facts = [
        ("broker", told["url"]),
        ("link", link),
        ("problem", told["problem"] or "none"),
        ("waiting", f"{waits} of {told['maxBytes'] / 2**20:.0f}; {told['inFlight']} under way"),
        ("oldest", "nothing waits" if oldest is None else f"{_span(now - oldest)} old"),
        (
            "last acknowledged",
            "not since the start" if ended is None else f"{_span(now - ended)} ago",
        ),
    ]
    counted = ("acknowledged", "asked", "merged", "dropped", "declared", "siblings")
    return [*facts, *((name, str(told[name])) for name in counted)]


def _span(seconds: float) -> str:
    """`3 d`, `2 h`, `10 min`, `5 s`."""
    size, unit = next((u for u in UNITS if seconds >= u[0]), UNITS[-1])
    return f"{max(0, seconds) / size:.0f} {unit}"
