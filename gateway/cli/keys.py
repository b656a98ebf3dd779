"""`gateway keys`: who may come in, made and ended over the local socket."""

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from gateway.cli.local import ask_or_exit
from gateway.cli.options import CONFIG, JSON_LINES, JSON_OBJECT

ROLES = ("kiosk", "staff", "technician", "admin", "metrics", "sensor")
UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}  # seconds
COLUMNS = ("id", "role", "name", "state", "created", "last used")

Row = Mapping[str, Any]


class Span(click.ParamType[float]):
    """A span of time: `90d`, `12h`; seconds."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """`90d` → 7776000."""
        found = re.fullmatch(r"(\d{1,6})([mhdwy])", str(value))
        if not found:
            self.fail(f"{value!r} is no span of time; write 30m, 12h, 90d, 8w or 1y", param, ctx)
        return float(int(found[1]) * UNITS[found[2]])


@click.group()
def keys() -> None:
    """Make, list and revoke keys of the running gateway.

    \b
    Examples:
      gateway keys create --role kiosk --name "Screen at the entrance"
      gateway keys create --role sensor --topics zigbee2mqtt/leg-press-01
      gateway keys revoke k41d2f3a09b7c
      gateway keys audit
    """


@keys.command()
@CONFIG
@JSON_OBJECT
@click.option("--role", type=click.Choice(ROLES), required=True, help="What its holder may do.")
@click.option("--name", default="", help="Whose it is; shown in lists.")
@click.option("--expires", type=Span(), help="30m, 12h, 90d, 8w, 1y; without: never.")
@click.option("--signed", is_flag=True, help="Its calls must be signed (RFC 9421).")
@click.option("--topics", multiple=True, help="For sensors: a topic it may write; repeatable.")
def create(  # click hands each option over as an argument of its own
    path: Path,
    role: str,
    name: str,
    expires: float | None,
    topics: tuple[str, ...],
    *,
    signed: bool,
    as_json: bool,
) -> None:
    """Make a key and show its secret, once.

    \b
    Examples:
      gateway keys create --role staff --name "Front desk" --expires 1y
      gateway keys create --role metrics --json | jq -r .secret
      gateway keys create --role sensor --topics gyms/hk-central/machines/bench-01/occupancy
      gateway keys create --role admin --signed
    """
    asked = {"role": role, "name": name, "signed": signed, "topics": list(topics)}
    body = asked if expires is None else asked | {"expiresIn": expires}
    made = ask_or_exit(path, "/admin/keys", "POST", body)
    if as_json:
        click.echo(json.dumps(made))
        return
    for word, value in _lines(made):
        click.echo(f"{word:<9} {value}")
    click.echo("The secret is shown this once; the gateway keeps only a hash of it.", err=True)


@keys.command(name="list")
@CONFIG
@JSON_LINES
def list_keys(path: Path, *, as_json: bool) -> None:
    """List every key, the ended ones too.

    \b
    Examples:
      gateway keys list
      gateway keys list --json | jq 'select(.lastUsed == null)'
    """
    rows = ask_or_exit(path, "/admin/keys")["keys"]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    _print_table(rows)


@keys.command()
@CONFIG
@JSON_OBJECT
@click.argument("key")
def revoke(path: Path, key: str, *, as_json: bool) -> None:
    """End KEY (its id) at once.

    \b
    Example:
      gateway keys revoke k41d2f3a09b7c
    """
    row = ask_or_exit(path, f"/admin/keys/{quote(key)}", "DELETE")
    click.echo(json.dumps(row) if as_json else f"{row['id']} ({row['role']}) is revoked")


@keys.command()
@CONFIG
@JSON_LINES
@click.option(
    "--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="Entries at most."
)
def audit(path: Path, limit: int, *, as_json: bool) -> None:
    """Show who changed what, the newest last.

    \b
    Examples:
      gateway keys audit
      gateway keys audit --limit 500 --json | jq 'select(.what == "key created")'
    """
    entries = ask_or_exit(path, "/admin/audit")["entries"][:limit]
    for entry in reversed(entries):
        click.echo(json.dumps(entry) if as_json else _entry(entry))


def _entry(entry: Row) -> str:
    words = (_day(entry["at"]), entry["who"], entry["what"], entry["target"], entry["detail"])
    return "  ".join(word for word in words if word)


def _lines(made: Row) -> list[tuple[str, str]]:
    """What the one who made it needs, by the kind of key."""
    if made["role"] == "sensor":
        topics = ", ".join(made["topics"])
        return [("user", made["id"]), ("password", made["secret"]), ("topics", topics)]
    if made["signed"]:
        return [
            ("keyid", made["id"]),
            ("secret", f"{made['secret']} (hex)"),
            ("role", made["role"]),
        ]
    return [("id", made["id"]), ("token", made["secret"]), ("role", made["role"])]


def _print_table(rows: list[Row]) -> None:
    from rich.console import Console  # noqa: PLC0415  only for people
    from rich.table import Column, Table  # noqa: PLC0415

    table = Table(Column(COLUMNS[0], no_wrap=True), *COLUMNS[1:], box=None, pad_edge=False)
    for row in rows:
        used = "never" if row["lastUsed"] is None else _day(row["lastUsed"])
        table.add_row(row["id"], row["role"], row["name"], _state(row), _day(row["created"]), used)
    Console().print(table)


def _state(row: Row) -> str:
    if row["revoked"] is not None:
        return f"revoked {_day(row['revoked'])}"
    if row["expires"] is None:
        return "good"
    return f"{'expired' if row['expires'] <= time.time() else 'good until'} {_day(row['expires'])}"


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))
