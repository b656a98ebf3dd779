"""`gateway calibrate SENSOR`: watch a sensor, teach it empty and in use, save, go back."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import click
import msgspec

from gateway.cli.calibration import described, read_calibration
from gateway.cli.local import ask_or_exit
from gateway.cli.options import CONFIG, JSON_OBJECT
from sensors.calibration import Calibration, CannotTellError, Fitted, Statistics, Timed, fit

ASK_EACH = 0.25  # seconds between two questions for new samples
USUAL = 60.0  # seconds of a phase
SECONDS = click.FloatRange(min=1, max=3600)
WIDTH = 40  # characters of the plot: its middle is the threshold
ABOUT = {
    "empty": "Leave the machine empty: nobody on it, nobody within two metres.",
    "busy": "Use the machine as people do, with a pause or two as between sets.",
}

Row = Mapping[str, Any]


@click.command()
@CONFIG
@JSON_OBJECT
@click.argument("sensor")
@click.option("--empty", type=SECONDS, help="Seconds to record the empty machine.")
@click.option("--busy", type=SECONDS, help="Seconds to record the machine in use.")
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
        _teach(path, sensor, empty, busy, why, yes=yes, as_json=as_json)


# --- teaching -----------------------------------------------------------------------------------


def _teach(
    path: Path,
    sensor: str,
    empty: float | None,
    busy: float | None,
    why: str,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    row = ask_or_exit(path, f"/sensors/{quote(sensor)}")
    guided = empty is None and busy is None
    if guided and yes:
        raise click.UsageError("--yes records nothing by itself: add --empty 60 --busy 60")
    counting = _counting(path, sensor)
    try:
        quiet = _phase(path, sensor, "empty", empty or USUAL, counting, yes=yes)
        used = []
        if busy is not None or (guided and click.confirm("Record it in use too?", default=True)):
            used = _phase(path, sensor, "busy", busy or USUAL, counting, yes=yes)
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nStopped; nothing was changed.", err=True)
        sys.exit(1)
    found = _fit_or_exit(quiet, used)
    if not as_json:
        for line in described(found):
            click.echo(line)
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
    if not as_json:
        click.echo(foreseen(preview))
    if not yes and not click.confirm(f"Save this for {sensor}?", default=True):
        click.echo("Nothing was changed.", err=True)
        sys.exit(1)
    saved = dict(_save(path, sensor, found, why, based_on, statistics))
    _say_saved(saved | {"preview": preview}, as_json=as_json)


def foreseen(preview: Row) -> str:
    """What the remembered time would have been, in a line."""
    if preview["since"] is None:
        return "What it would have changed is not known: no levels are remembered yet."
    now, then = preview["now"], preview["then"]
    hours = (preview["until"] - preview["since"]) / 3600
    return (
        f"The last {hours:.1f} h: in use {_minutes(now)} min in {now['sessions']} sessions as it"
        f" is, {_minutes(then)} min in {then['sessions']} under this."
    )


def _minutes(outline: Row) -> str:
    return f"{outline['occupiedSeconds'] / 60:.0f}"


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


def _phase(
    path: Path, sensor: str, name: str, seconds: float, counting: Calibration | None, *, yes: bool
) -> list[Timed]:
    click.echo(ABOUT[name], err=True)
    if not yes:
        click.pause("Press any key to begin, Ctrl-C to stop.", err=True)
    found: list[Timed] = []
    end = time.monotonic() + seconds
    for at, levels in _samples(path, sensor, lambda: time.monotonic() < end):
        found.append((at, levels))
        if sys.stderr.isatty():
            left = max(0.0, end - time.monotonic())
            click.echo(f"\r{left:3.0f} s  {plot(levels, counting)}", nl=False, err=True)
    if sys.stderr.isatty():
        click.echo(f"\r{'':78}\r", nl=False, err=True)
    click.echo(f"{len(found)} samples", err=True)
    return found


def _samples(path: Path, sensor: str, going: Callable[[], bool]) -> Iterator[Timed]:
    """As they come, for as long as we want them."""
    newest: int = ask_or_exit(path, "/admin/samples")["newest"]
    while going():
        time.sleep(ASK_EACH)
        told = ask_or_exit(path, f"/admin/samples?after={newest}&sensor={quote(sensor)}")
        newest = told["newest"]
        for row in told["samples"]:
            yield row["at"], row["levels"]


def plot(levels: Mapping[str, float], counting: Calibration | None) -> str:
    """One line: the level that decides against its threshold, and the verdict.

    `.` up to where it lets go, `:` up to the threshold, `|` the threshold, `#` the level.
    """
    score = counting.score(levels) if counting is not None else None
    if counting is None or score is None:
        return "  ".join(f"{name} {value:g}" for name, value in list(levels.items())[:4])[:70]
    middle = WIDTH // 2
    reached = min(WIDTH - 1, max(0, round(score * middle)))
    let_go = round(counting.release * middle)
    cells = ["." if place < let_go else ":" if place < middle else " " for place in range(WIDTH)]
    cells[:reached] = "#" * reached
    cells[middle] = "|"
    return f"{''.join(cells)} {score:5.2f} {'in use' if score >= 1 else 'empty '}"


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
