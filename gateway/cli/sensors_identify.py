"""`gateway sensors identify`: wave at a machine, and see which sensor answers."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from gateway.cli.local import ask_or_exit
from gateway.cli.options import CONFIG, JSON_LINES
from sensors.identify import Answer, Identifying

Take = Callable[[str, bool | None, Mapping[str, float]], None]
"""(sensor, in use, levels)."""

EACH = 0.25  # seconds between two questions


@click.command()
@CONFIG
@JSON_LINES
@click.option(
    "--rest", type=click.FloatRange(1, 300), default=5.0, show_default=True, help="Seconds of rest."
)
@click.option(
    "--seconds", type=click.FloatRange(1, 600), default=30.0, show_default=True, help="To wave in."
)
def identify(path: Path, rest: float, seconds: float, *, as_json: bool) -> None:
    """Wave at a machine, and see which sensor answers.

    Listens while nobody moves, then says which sensors are in use, or whose levels moved far
    beyond what they did at rest: the surest first, with the machine each is configured for.

    \b
    Examples:
      gateway sensors identify
      gateway sensors identify --rest 10 --seconds 60 --json
    """
    rows = ask_or_exit(path, "/admin/sensors")["sensors"]
    machines = {row["sensorId"]: row["machineId"] for row in rows}
    heard = Identifying([row["sensorId"] for row in rows if row["calibrationVersion"] is not None])
    for row in rows:
        if row["lastHeard"] is not None:
            heard.rest(row["sensorId"], row["active"], row["levels"])
    newest: int = ask_or_exit(path, "/admin/samples")["newest"]
    _tell(f"Leave the machines alone for {rest:g} s …")
    newest = _listen(path, newest, rest, heard.rest)
    _tell(f"Now wave at the machine, or use it, within {seconds:g} s; Ctrl-C ends it.")
    told: dict[str, float] = {}
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            newest = _listen(path, newest, EACH, heard.hear)
            for answer in heard.answers():
                if answer.score > told.get(answer.sensor, 0.0):
                    told[answer.sensor] = answer.score
                    if not as_json:
                        click.echo(_line(answer, machines))
    except KeyboardInterrupt:
        _tell("")
    _conclude(heard.answers(), machines, as_json=as_json)


def _listen(path: Path, newest: int, seconds: float, take: Take) -> int:
    """Hand on what is said meanwhile; returns the newest sample's number."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(EACH, max(0.0, end - time.monotonic())))
        said = ask_or_exit(path, f"/admin/samples?after={newest}")
        newest = said["newest"]
        for row in said["samples"]:
            take(row["sensorId"], row["active"], row["levels"])
    return newest


def _conclude(answers: list[Answer], machines: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        for one in answers:
            click.echo(json.dumps(_plain(one, machines)))
    if not answers:
        _tell(
            "No sensor answered. `gateway sensors list` says which are heard at all;"
            " `gateway sensors discover` finds those that are not configured."
        )
        sys.exit(1)
    best = answers[0]
    _tell(f"{best.sensor} answered ({best.says}); it is the sensor of {machines[best.sensor]}.")


def _plain(one: Answer, machines: dict[str, str]) -> dict[str, object]:
    return {
        "sensorId": one.sensor,
        "machineId": machines[one.sensor],
        "score": one.score,
        "says": one.says,
    }


def _line(answer: Answer, machines: dict[str, str]) -> str:
    sure = f"{answer.score:.0%}".rjust(4)
    return f"{sure}  {answer.sensor:<24} {machines[answer.sensor]:<24} {answer.says}"


def _tell(text: str) -> None:
    click.echo(text, err=True)
