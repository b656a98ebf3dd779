"""`gateway forecast evaluate`: how good the forecast would have been on recorded events."""

import csv
import json
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from typing import TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from gateway.core.forecast_judged import Events, Judged, judge

MINUTE = 60.0
YEARS = 1970, 2100  # of events that somebody has recorded
COLUMNS = ("local_time", "machine", "occupied")


class Zone(click.ParamType):  # type: ignore[type-arg]  # generic in its stubs alone
    """An IANA name."""

    name = "zone"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> ZoneInfo:
        """Fails with what to write instead."""
        if isinstance(value, ZoneInfo):
            return value
        try:
            return ZoneInfo(str(value))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fail(f"there is no time zone {value!r}; write e.g. Europe/London", param, ctx)


@click.group()
def forecast() -> None:
    """Judge the forecast on recorded data."""


@forecast.command()
@click.argument("events", type=click.File("r", encoding="utf-8-sig"))
@click.option(
    "--train-until", required=True, type=click.DateTime(), help="Local; judged from then."
)
@click.option("--horizon", default=30.0, type=click.FloatRange(5, 120), help="Minutes ahead.")
@click.option("--every", default=300.0, type=click.FloatRange(min=10), help="Seconds apart.")
@click.option("--timezone", default="UTC", type=Zone(), help="Of local_time.", show_default=True)
@click.option("--predictions", type=click.File("w", encoding="utf-8"), help="Write each as CSV.")
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
def evaluate(
    events: TextIO,
    train_until: datetime,
    horizon: float,
    every: float,
    timezone: ZoneInfo,
    predictions: TextIO | None,
    *,
    as_json: bool,
) -> None:
    """Replay EVENTS (CSV: local_time,machine,occupied) and score what was foretold.

    Learns in time order only: nothing after a moment is used for it. Prints Brier scores beside
    persistence, climatology and logistic regression, and the calibration by decile.

    \b
    gateway forecast evaluate events.csv --train-until 2018-07-09 --timezone Europe/London
    zcat events.csv.gz | gateway forecast evaluate - --train-until 2018-07-09 --json
    """
    known = _read(events, timezone)
    until = train_until.replace(tzinfo=timezone).timestamp()
    bar = click.progressbar(length=1000, label="replaying", file=sys.stderr)
    shown = sys.stderr.isatty() and not as_json
    try:
        if shown:
            with bar:
                judged = judge(
                    known,
                    until,
                    horizon * MINUTE,
                    every,
                    timezone,
                    lambda share: bar.update(int(share * 1000) - bar.pos),
                )
        else:
            judged = judge(known, until, horizon * MINUTE, every, timezone)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    if predictions is not None:
        _write(judged, predictions)
    click.echo(json.dumps(_document(judged), indent=2) if as_json else _table(judged))


def _read(file: TextIO, zone: tzinfo) -> Events:
    try:
        return events_of(file, zone)
    except ValueError as error:
        raise click.ClickException(f"{file.name}: {error}") from None


def events_of(lines: Iterable[str], zone: tzinfo) -> Events:
    """By machine, in time order. Raises ValueError with the line that is wrong."""
    reader = csv.DictReader(lines)
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise ValueError(f"the column {missing[0]} is missing; needed: {', '.join(COLUMNS)}")
    found: dict[str, list[tuple[float, bool]]] = {}
    while True:
        try:
            row = next(reader)
            machine, at, busy = _event_of(row, zone)
        except StopIteration:
            break
        except (ValueError, KeyError, AttributeError, OverflowError, csv.Error):
            raise ValueError(
                f"line {reader.line_num} is not understood; write e.g. 2018-04-09T00:56,bench-01,1"
            ) from None
        found.setdefault(machine, []).append((at, busy))
    if not found:
        raise ValueError("there are no events in it")
    return {machine: sorted(of) for machine, of in found.items()}


def _event_of(row: Mapping[str, str], zone: tzinfo) -> tuple[str, float, bool]:
    """Raises ValueError, KeyError, AttributeError, OverflowError."""
    local = datetime.fromisoformat(row["local_time"])
    busy = {"0": False, "1": True}[row["occupied"].strip()]
    if not row["machine"].strip() or not YEARS[0] <= local.year <= YEARS[1]:
        raise ValueError(row)
    at = (local if local.tzinfo else local.replace(tzinfo=zone)).timestamp()
    return row["machine"], at, busy


def _write(judged: Judged, file: TextIO) -> None:
    click.echo("machine,at,busy_now,probability_free", file)
    file.writelines(
        f"{one.machine},{one.at:.0f},{int(one.busy)},{one.ours:.6f}\n" for one in judged.predictions
    )


def _document(judged: Judged) -> dict[str, object]:
    return {
        "samples": judged.samples,
        "brier": {
            score.name: {"all": score.all, "busyNow": score.busy, "freeNow": score.free}
            for score in judged.scores
        },
        "calibration": [{"foretold": told, "cameTrue": true} for told, true in judged.deciles],
        "miscalibration": judged.miscalibration,
    }


def _table(judged: Judged) -> str:
    lines = [f"{judged.samples} questions", "", "Brier score      all     busy now   free now"]
    lines += [
        f"{score.name:<13}  {score.all:.4f}   {score.busy:.4f}     {score.free:.4f}"
        for score in judged.scores
    ]
    lines += ["", "by decile   foretold   came true"]
    lines += [
        f"{number:>6}        {told:.3f}      {true:.3f}"
        for number, (told, true) in enumerate(judged.deciles, start=1)
    ]
    return "\n".join([*lines, "", f"largest difference {judged.miscalibration:.3f}"])
