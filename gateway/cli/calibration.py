"""`gateway calibration`: thresholds from recorded samples, and what they say of others."""

import json
import sys
import tomllib
from collections.abc import Iterator
from typing import Any, BinaryIO

import click
import msgspec

from gateway.cli.options import JSON_LINES, JSON_OBJECT
from gateway.core.compared import compare
from gateway.core.occupancy import Rule
from gateway.core.trail import Point
from sensors.calibration import Calibration, CannotTellError, Fitted, Timed, Verdicts, fit

SECONDS = click.FloatRange(min=0)


class Line(msgspec.Struct):
    """A sample of a file; other keys are ignored."""

    at: float
    levels: dict[str, float]
    active: bool | None = None


@click.group()
def calibration() -> None:
    """Find thresholds in recorded samples, and try them on others.

    \b
    A sample file holds JSON lines {"at": seconds, "levels": {"move_g0": 12, …}}.
    Examples:
      gateway calibration fit --empty empty.jsonl --busy busy.jsonl --json > new.json
      gateway calibration judge new.json yesterday.jsonl --json
    """


@calibration.command(name="fit")
@JSON_OBJECT
@click.option("--empty", type=click.File("rb"), required=True, help="Samples of the empty machine.")
@click.option("--busy", type=click.File("rb"), help="Samples of the machine in use.")
def fit_command(empty: BinaryIO, busy: BinaryIO | None, *, as_json: bool) -> None:
    """Find thresholds that tell an empty machine from a used one.

    With the empty one alone they lie well above what it looks like; with both, where the two are
    told apart best, and a hold bridges the pauses of use.

    \b
    Examples:
      gateway calibration fit --empty empty.jsonl
      gateway calibration fit --empty empty.jsonl --busy busy.jsonl --json > new.json
    """
    try:
        found = fit(list(_samples(empty)), list(_samples(busy)) if busy else [])
    except CannotTellError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        said = msgspec.to_builtins(found.calibration)
        click.echo(json.dumps(said | {"statistics": msgspec.to_builtins(found.statistics)}))
        return
    for line in described(found):
        click.echo(line)


@calibration.command(name="judge")
@JSON_LINES
@click.argument("calibration_file", metavar="CALIBRATION.json", type=click.File("rb"))
@click.argument("file", type=click.File("rb"))
def judge_command(calibration_file: BinaryIO, file: BinaryIO, *, as_json: bool) -> None:
    """Judge the samples of FILE (`-` is standard input) by CALIBRATION.json; a line for each.

    \b
    Examples:
      gateway calibration judge new.json yesterday.jsonl --json
      gateway calibration judge new.json - < yesterday.jsonl
    """
    verdicts = Verdicts(read_calibration(calibration_file))
    for at, levels in _samples(file):
        active, score = verdicts.judge(at, levels)
        rounded = None if score is None else round(score, 4)
        if as_json:
            click.echo(json.dumps({"at": at, "active": active, "score": rounded}))
        else:
            word = "-" if active is None else "active" if active else "inactive"
            click.echo(f"{at:>16}  {word:<8}  {'' if rounded is None else rounded}")


def read_calibration(file: BinaryIO) -> Calibration:
    """As `fit` or `calibrate --toml` wrote it; statistics are passed over. Else exits 1."""
    try:
        said = _decoded(file.read())
        if isinstance(said, dict):
            said.pop("statistics", None)
        return msgspec.convert(said, Calibration)
    except (ValueError, RecursionError) as error:
        click.echo(f"Error: {file.name} is no calibration: {error}", err=True)
        sys.exit(1)


def _decoded(data: bytes) -> Any:
    """JSON, or TOML with one calibration in it. Raises ValueError."""
    if data.lstrip().startswith(b"{"):
        return msgspec.json.decode(data)
    of_sensors = tomllib.loads(data.decode()).get("calibrations", {})
    if len(of_sensors) != 1:
        raise ValueError(f"it has {len(of_sensors)} tables [calibrations.…], and one is wanted")
    return next(iter(of_sensors.values()))


@calibration.command(name="compare")
@JSON_LINES
@click.argument("new", metavar="NEW.json", type=click.File("rb"))
@click.argument("file", type=click.File("rb"))
@click.option("--against", type=click.File("rb"), help="What counts now; else its own word.")
@click.option("--busy-after", type=SECONDS, default=5.0, show_default=True, help="Seconds.")
@click.option("--free-after", type=SECONDS, default=90.0, show_default=True, help="Seconds.")
@click.option("--stale-after", type=SECONDS, default=300.0, show_default=True, help="Seconds.")
@click.option("--on-change", is_flag=True, help="It speaks on change: silence changes nothing.")
def compare_command(
    new: BinaryIO,
    file: BinaryIO,
    against: BinaryIO | None,
    busy_after: float,
    free_after: float,
    stale_after: float,
    *,
    on_change: bool,
    as_json: bool,
) -> None:
    """List from when to when NEW.json would say another status over the samples of FILE.

    FILE is a recording of `gateway sensors record`, or any file of samples. Each line is a moment
    from which the two differ, or agree again.

    \b
    Examples:
      gateway calibration compare new.json recorded.jsonl
      gateway calibration compare new.json recorded.jsonl --against old.toml --json
    """
    points = [Point(line.at, line.active, line.levels) for line in _in_order(file)]
    rule = Rule(busy_after, free_after, stale_after, repeats_every=None if on_change else 1.0)
    now = read_calibration(against) if against else None
    found = compare(points, rule, now, read_calibration(new))
    for one in found.differences:
        row = {"at": one.at, "now": one.now.value, "then": one.then.value}
        shown = f"{one.at:>16}  {one.now.value:<9} → {one.then.value}"
        click.echo(json.dumps(row) if as_json else shown)
    if not as_json:
        minutes = [f"{outline.occupied / 60:.1f}" for outline in (found.now, found.then)]
        click.echo(f"in use {minutes[0]} min as it is, {minutes[1]} min under {new.name}", err=True)


def described(found: Fitted) -> Iterator[str]:
    """In a technician's words."""
    known, numbers = found.calibration, found.statistics
    for name, limit in known.limits.items():
        side = "below" if limit.limit < limit.floor else "above"
        yield f"{name:<16} empty {limit.floor:g}, in use {side} {limit.limit:g}"
    yield f"{'votes':<16} {known.votes} of {len(known.limits)}"
    yield f"{'hold':<16} {known.hold:g} s after the last sign of use"
    if numbers.separation is not None and numbers.overlap is not None:
        yield f"{'separation':<16} {numbers.separation:g} standard deviations"
        yield f"{'overlap':<16} {numbers.overlap:.1%} on the wrong side"
    yield f"{'confidence':<16} {numbers.confidence} ({numbers.empty} empty, {numbers.busy} in use)"


def _samples(file: BinaryIO) -> Iterator[Timed]:
    return ((line.at, line.levels) for line in _lines(file))


def _in_order(file: BinaryIO) -> Iterator[Line]:
    """Exits 1 where time steps back: nobody can say how long anything lasted."""
    before = float("-inf")
    for line in _lines(file):
        if line.at < before:
            click.echo(
                f"Error: {file.name}: at {line.at} comes after {before}; sort its lines by `at`,"
                " or compare one recording at a time",
                err=True,
            )
            sys.exit(1)
        before = line.at
        yield line


def _lines(file: BinaryIO) -> Iterator[Line]:
    """In the order of the file; a bad line is named."""
    for number, text in enumerate(file, 1):
        if not text.strip():
            continue
        try:
            line = msgspec.json.decode(text, type=Line)
        except (ValueError, RecursionError) as error:
            click.echo(f"Error: {file.name}, line {number}: {error}", err=True)
            sys.exit(1)
        yield line
