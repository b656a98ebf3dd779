"""`gateway sensors record`: raw samples of a sensor into a file."""

import sys
import time
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

import click

from gateway.cli.local import ask_or_exit, text_or_exit
from gateway.cli.options import CONFIG

LOOK_EACH = 0.5  # seconds


@click.command()
@CONFIG
@click.argument("sensor")
@click.option(
    "--seconds", type=click.FloatRange(1, 3600), default=60.0, show_default=True, help="To record."
)
@click.option(
    "--out", type=click.File("w", encoding="utf-8", lazy=False), default="-", help="Else to stdout."
)
def record(path: Path, sensor: str, seconds: float, out: TextIO) -> None:
    """Record what SENSOR says, as JSON lines.

    The gateway keeps the samples in memory meanwhile; Ctrl-C writes those that there are.
    Thresholds are found in such files, and tried on them, by `gateway calibration`.

    \b
    Examples:
      gateway sensors record leg-press-01-plug --seconds 120 --out busy.jsonl
      gateway sensors record bench-radar | gateway calibration judge new.json -
    """
    where = f"/sensors/{quote(sensor)}/recordings"
    begun = ask_or_exit(path, where, "POST", {"seconds": seconds})
    try:
        found = _wait(path, where, begun["recordingId"], seconds)
    except KeyboardInterrupt:
        found = _row(path, where, begun["recordingId"])
    text = text_or_exit(path, f"{where}/{begun['recordingId']}")
    click.echo(text, out, nl=False)
    lost = f"; {found['dropped']} more had no room" if found["dropped"] else ""
    click.echo(f"{found['samples']} samples of {sensor}{lost}", err=True)
    if not found["samples"]:
        click.echo("It said nothing: see `gateway sensors list`.", err=True)
        sys.exit(1)


def _wait(path: Path, where: str, recording: str, seconds: float) -> Any:
    """Its row, once it is complete."""
    end = time.monotonic() + seconds
    with click.progressbar(length=int(seconds), label="recording", file=sys.stderr) as bar:
        while True:
            found = _row(path, where, recording)
            left = end - time.monotonic()
            bar.update(min(int(seconds), int(seconds - left)) - bar.pos)
            if found["complete"]:
                return found
            time.sleep(max(0.05, min(LOOK_EACH, left)))


def _row(path: Path, where: str, recording: str) -> Any:
    rows = ask_or_exit(path, where)["recordings"]
    found = next((row for row in rows if row["recordingId"] == recording), None)
    if found is None:
        click.echo("The recording is gone: the gateway was restarted.", err=True)
        sys.exit(1)
    return found
