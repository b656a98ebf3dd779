"""`gateway sensors import`: many sensors from a table."""

import csv
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from config.edit import CannotEditError, entry, with_sensors, write
from config.load import ConfigError, explain, parse, text_of
from config.mistakes import Mistake, near
from gateway.cli.local import load_or_exit
from gateway.cli.options import CONFIG

COLUMNS = ("id", "machine", "driver", "source", "topic", "channel", "options")
MOST_TOLD = 100  # mistakes in one message
MOST = 2000  # rows: twenty sensors on each of a hundred machines
PLACE = re.compile(r"sensors\[(\d+)\]\.?(.*?)(?:, line \d+)?\Z", re.DOTALL)


class RowError(Exception):
    """The table cannot be read; the text names the line."""


@click.command(name="import")
@CONFIG
@click.argument("table", type=click.Path(path_type=Path, allow_dash=True, exists=True))
@click.option("--write", "write_it", is_flag=True, help="Append them to the configuration.")
def import_sensors(path: Path, table: Path, *, write_it: bool) -> None:
    """Make `[[sensors]]` entries of TABLE (CSV; `-` is standard input).

    The first row names the columns: id, machine, and where needed driver, source, topic, channel,
    options (JSON). Commas, semicolons or tabs between them. All mistakes are told at once, and
    nothing is written while there is one.

    \b
    id,machine,driver,topic
    leg-press-01,leg-press-01,zigbee2mqtt,zigbee2mqtt/leg-press-01

    \b
    Examples:
      gateway sensors import sensors.csv
      gateway sensors import sensors.csv --write && gateway reload
    """
    before = load_or_exit(path)
    name = "standard input" if str(table) == "-" else str(table)
    try:
        with click.open_file(str(table), encoding="utf-8-sig") as file:
            rows = read(file)
    except (RowError, UnicodeDecodeError) as error:
        click.echo(f"{name}: {error}", err=True)
        sys.exit(2)
    try:
        entries = [entry("sensors", values) for _, values in rows]
        text = with_sensors(text_of(path), entries)
        (write if write_it else parse)(path, text)
    except ConfigError as error:
        lines = [line for line, _ in rows]
        click.echo(_explained(error, len(before.sensors), lines, name), err=True)
        sys.exit(2)
    except CannotEditError as error:
        click.echo(f"Nothing was written. {error}", err=True)
        sys.exit(2)
    except OSError as error:
        click.echo(f"{path} cannot be written: {error.strerror}", err=True)
        sys.exit(1)
    if not write_it:
        click.echo("\n".join(entries), nl=False)
    told = f"{len(entries)} sensors are in {path} now; next: gateway reload"
    click.echo(told if write_it else f"{len(entries)} sensors; --write appends them", err=True)


def read(lines: Iterable[str]) -> list[tuple[int, dict[str, object]]]:
    """(line, values) of every row that is not empty. Raises RowError."""
    text = [line for line, _ in zip(lines, range(MOST * 4), strict=False)]
    reader = csv.DictReader(text, delimiter=_delimiter(text), restkey="")
    try:
        names = reader.fieldnames or []
        for name in names:
            if name not in COLUMNS:
                raise RowError(f"line 1: there is no column {name[:64]!r}; {near(name, COLUMNS)}")
        for name in ("id", "machine"):
            if name not in names:
                raise RowError(f"line 1: the column `{name}` is missing")
        rows = list(_rows(reader))
    except csv.Error as error:
        raise RowError(f"line {reader.line_num + 1}: {error}") from None
    rows = [(line, values) for line, values in rows if values]
    if not rows:
        raise RowError("there is no sensor in it")
    if len(rows) > MOST:
        raise RowError(f"{len(rows)} rows are more than {MOST}: import them in parts")
    return rows


def _rows(reader: "csv.DictReader[str]") -> Iterator[tuple[int, dict[str, object]]]:
    """Raises RowError that names every line it cannot read."""
    wrong = []
    for row in reader:
        try:
            yield reader.line_num, _values(row, reader.line_num)
        except RowError as error:
            wrong.append(str(error))
    if wrong:
        raise RowError("\n  ".join(wrong[:MOST_TOLD]))


def _delimiter(text: list[str]) -> str:
    """The one that the first row has most of."""
    first = text[0] if text else ""
    return max(",;\t", key=first.count)


def _values(row: dict[str, str | None], line: int) -> dict[str, object]:
    if row.pop("", None) is not None:
        raise RowError(f"line {line}: it has more fields than the first row")
    texts = {key: (text or "").strip() for key, text in row.items()}
    given: dict[str, object] = {key: text for key, text in texts.items() if text}
    if "options" in given:
        given["options"] = _json(str(given["options"]), line)
    if str(given.get("channel", "")).isdecimal():
        given["channel"] = int(str(given["channel"])[:18])
    return given


def _json(text: str, line: int) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RowError(f"line {line}: options are no JSON: {error}") from None


def _explained(error: ConfigError, known: int, lines: list[int], table: str) -> str:
    """The table's lines instead of those that the file would have."""
    moved = tuple(_moved(mistake, known, lines, table) for mistake in error.mistakes)
    return f"Nothing was written. {explain(ConfigError(error.path, moved, more=error.more))}"


def _moved(mistake: Mistake, known: int, lines: list[int], table: str) -> Mistake:
    found = PLACE.match(mistake.place)
    number = int(found[1]) - known if found else -1
    if found is None or not 0 <= number < len(lines):
        return mistake
    return Mistake(f"{table}, line {lines[number]}: {found[2]}", mistake.problem, mistake.hint)
