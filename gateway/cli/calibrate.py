"""`gateway calibrate SENSOR`: watch a sensor, teach it empty and in use, save, go back."""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import click
import msgspec

from gateway.cli.calibration import described, read_calibration
from gateway.cli.foreseen import foreseen
from gateway.cli.local import ask_or_exit
from gateway.cli.options import CONFIG, JSON_OBJECT
from gateway.cli.phases import longest_pause, on_rest, phase
from sensors.calibration import Calibration, CannotTellError, Fitted, Statistics, Timed, fit

USUAL = 60.0  # seconds of a phase
SECONDS = click.FloatRange(min=1, max=3600)

Row = Mapping[str, Any]


@click.command()
@CONFIG
@JSON_OBJECT
@click.argument("sensor")
@click.option("--empty", type=SECONDS, help="Seconds to record the empty machine.")
@click.option("--busy", type=SECONDS, help="Seconds to record the machine in use.")
@click.option("--rest", type=SECONDS, help="Seconds to record a rest between two sets.")
@click.option("--yes", is_flag=True, help="Begin each phase and save without asking.")
@click.option("--why", default="", help="Kept with the new version.")
@click.option("--versions", is_flag=True, help="Only list what it was calibrated to.")
@click.option("--restore", type=click.IntRange(min=1), help="Let that version count again.")
@click.option("--reset", is_flag=True, help="Let the sensor's own word count again.")
@click.option("--toml", is_flag=True, help="Only print what counts now, as TOML.")
@click.option("--from", "model", metavar="SENSOR", help="As that one of the same model is.")
@click.option(
    "--use", type=click.File("rb"), help="As that file says: of `calibration fit`, or of --toml."
)
def calibrate(  # click hands each option over as an argument of its own
    path: Path,
    sensor: str,
    empty: float | None,
    busy: float | None,
    rest: float | None,
    why: str,
    restore: int | None,
    model: str | None,
    use: BinaryIO | None,
    *,
    yes: bool,
    versions: bool,
    reset: bool,
    toml: bool,
    as_json: bool,
) -> None:
    """Teach the running gateway what SENSOR says when its machine is empty, and when it is used.

    Standing at the machine: first leave it empty, then use it, a minute each. The new thresholds
    count from the next sample on; every version is kept. Ctrl-C changes nothing.

    \b
    Examples:
      gateway calibrate leg-press-01-radar
      gateway calibrate treadmill-02-plug --empty 60 --busy 60 --yes --json
      gateway calibrate treadmill-02-plug --versions
      gateway calibrate treadmill-02-plug --restore 2
      gateway calibrate treadmill-03-plug --from treadmill-02-plug
      gateway calibrate treadmill-02-plug --use treadmills.toml --yes
    """
    if versions:
        _show_versions(path, sensor, as_json=as_json)
    elif toml:
        _print_toml(path, sensor)
    elif restore is not None:
        where = f"/sensors/{quote(sensor)}/calibrations/{restore}/restore"
        _say_saved(ask_or_exit(path, where, "POST", {}), as_json=as_json)
    elif reset:
        _say_saved(_save(path, sensor, None, why or "reset", None), as_json=as_json)
    elif model is not None or use is not None:
        found = _copied(path, model) if model else read_calibration(use)  # type: ignore[arg-type]
        reason = why or (f"as {model}" if model else f"as {getattr(use, 'name', 'a file')}")
        _offer(path, sensor, found, None, reason, yes=yes, as_json=as_json)
    else:
        _teach(path, sensor, empty, busy, rest, why, yes=yes, as_json=as_json)


# --- teaching -----------------------------------------------------------------------------------


def _teach(
    path: Path,
    sensor: str,
    empty: float | None,
    busy: float | None,
    rest: float | None,
    why: str,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    row = ask_or_exit(path, f"/sensors/{quote(sensor)}")
    guided = empty is None and busy is None and rest is None
    if guided and yes:
        raise click.UsageError("--yes records nothing by itself: add --empty 60 --busy 60")
    counting = _counting(path, sensor)
    try:
        quiet = phase(path, sensor, "empty", empty or USUAL, counting, yes=yes)
        used, rested = [], []
        if busy is not None or (guided and click.confirm("Record it in use too?", default=True)):
            used = phase(path, sensor, "busy", busy or USUAL, counting, yes=yes)
        if rest is not None or (guided and used and click.confirm("And a rest?", default=True)):
            rested = phase(path, sensor, "rest", rest or USUAL, counting, yes=yes)
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nStopped; nothing was changed.", err=True)
        sys.exit(1)
    found = _fit_or_exit(quiet, used)
    if not as_json:
        for line in described(found):
            click.echo(line)
        if rested:
            click.echo(on_rest(longest_pause(rested, found.calibration), row["freeAfter"]))
    based_on = row["calibrationVersion"] or 0
    known, numbers = found.calibration, found.statistics
    _offer(path, sensor, known, numbers, why, based_on=based_on, yes=yes, as_json=as_json)


def _offer(
    path: Path,
    sensor: str,
    found: Calibration,
    statistics: Statistics | None,
    why: str,
    *,
    based_on: int | None = None,
    yes: bool,
    as_json: bool,
) -> None:
    """Show what the last day would have been, then save what is wanted."""
    body = msgspec.to_builtins(found)
    where = f"/sensors/{quote(sensor)}/calibration/preview"
    preview = ask_or_exit(path, where, "POST", body)
    for line in () if as_json else foreseen(preview):
        click.echo(line)
    if not yes and not click.confirm(f"Save this for {sensor}?", default=True):
        click.echo("Nothing was changed.", err=True)
        sys.exit(1)
    saved = dict(_save(path, sensor, found, why, based_on, statistics))
    _say_saved(saved | {"preview": preview}, as_json=as_json)


def _copied(path: Path, model: str) -> Calibration:
    known = _counting(path, model)
    if known is None:
        click.echo(f"{model} has no calibration: its own word counts.", err=True)
        sys.exit(1)
    return known


def _fit_or_exit(quiet: list[Timed], used: list[Timed]) -> Fitted:
    try:
        return fit(quiet, used)
    except CannotTellError as error:
        click.echo(f"Error: {error}. The old calibration stays.", err=True)
        sys.exit(1)


# --- what there is ------------------------------------------------------------------------------


def _versions(path: Path, sensor: str) -> list[Row]:
    found: list[Row] = ask_or_exit(path, f"/sensors/{quote(sensor)}/calibrations")["versions"]
    return found


def _counting(path: Path, sensor: str) -> Calibration | None:
    versions = _versions(path, sensor)
    body = versions[0]["calibration"] if versions else None
    return None if body is None else msgspec.convert(body, Calibration)


def _show_versions(path: Path, sensor: str, *, as_json: bool) -> None:
    versions = _versions(path, sensor)
    if as_json:
        click.echo(json.dumps({"versions": versions}))
        return
    for row in versions:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(row["at"]))
        click.echo(f"{row['version']:>4}  {when}  {row['who']}  {row['why']}  {_in_short(row)}")
    if not versions:
        click.echo(f"{sensor} was never calibrated: its own word counts.")


def _in_short(row: Row) -> str:
    if row["calibration"] is None:
        return "its own word counts"
    limits = row["calibration"]["limits"]
    return ", ".join(f"{name} {limit['limit']:g}" for name, limit in list(limits.items())[:3])


def _print_toml(path: Path, sensor: str) -> None:
    known = _counting(path, sensor)
    if known is None:
        click.echo(f"# {sensor}: its own word counts")
        return
    click.echo(f'[calibrations."{sensor}"]')
    click.echo(f"votes = {known.votes}\nrelease = {known.release:g}\nhold = {known.hold:g}")
    for name, limit in known.limits.items():
        click.echo(f"limits.{name} = {{ floor = {limit.floor:g}, limit = {limit.limit:g} }}")


def _save(
    path: Path,
    sensor: str,
    found: Calibration | None,
    why: str,
    based_on: int | None,
    statistics: Statistics | None = None,
) -> Row:
    body: dict[str, object] = {"limits": None, "why": why}
    if found is not None:
        body |= msgspec.to_builtins(found)
    if statistics is not None:
        body["statistics"] = msgspec.to_builtins(statistics)
    if based_on is not None:
        body["basedOn"] = based_on
    saved: Row = ask_or_exit(path, f"/sensors/{quote(sensor)}/calibration", "PUT", body)
    return saved


def _say_saved(row: Row, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(row))
    else:
        click.echo(f"{row['sensorId']}: version {row['version']} counts from now on")
