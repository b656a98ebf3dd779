"""Teaching a sensor, phase by phase: what is heard, shown while it is recorded."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import click

from gateway.cli.local import ask_or_exit
from sensors.calibration import Calibration, Timed, Verdicts

ASK_EACH = 0.25  # seconds between two questions for new samples
WIDTH = 40  # characters of the plot: its middle is the threshold
ABOUT = {
    "empty": "Leave the machine empty: nobody on it, nobody within two metres.",
    "busy": "Use the machine as people do, with a pause or two as between sets.",
    "rest": "Rest as between two sets: stay at the machine, and do not use it.",
}
LONGER = 1.5  # times the longest silence of a rest: the next one takes his time


def phase(
    path: Path, sensor: str, name: str, seconds: float, counting: Calibration | None, *, yes: bool
) -> list[Timed]:
    """What it says in that time, from when somebody presses a key."""
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


def longest_pause(samples: Sequence[Timed], calibration: Calibration) -> float:
    """Seconds for which it looked empty at the longest."""
    verdicts = Verdicts(calibration)
    longest, since = 0.0, None
    for at, levels in samples:
        active, _ = verdicts.judge(at, levels)
        since = None if active else at if since is None else since
        longest = max(longest, 0.0 if since is None else at - since)
    return longest


def on_rest(pause: float, free_after: float) -> str:
    """Whether the machine's patience outlasts such a rest, and what to write where it does not."""
    told = f"In the rest it looked empty for up to {pause:.0f} s; free_after is {free_after:g} s"
    wanted = LONGER * pause
    if wanted <= free_after:
        return f"{told}: enough."
    return f"{told}: write occupancy = {{ free_after = {wanted:.0f} }} for it, then gateway reload."
