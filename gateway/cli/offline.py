"""`gateway decode` and `gateway replay`: our judgement on recorded data, checked by anyone."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import BinaryIO, TypeVar

import click
import msgspec

from gateway.cli.calibration import read_calibration
from gateway.cli.options import JSON_LINES
from gateway.cli.recording import Piece, RecordingError, pieces, raw_pieces
from gateway.cli.rerun import Differing, Rerun, Versus
from gateway.core.occupancy import Rule
from sensors import catalog
from sensors.announcement import BadAnnouncementError, announced
from sensors.decoder import Decoder
from sensors.sample import Availability, Sample

Command = TypeVar("Command", bound=Callable[..., object])
Told = Mapping[str, object]
SECONDS = click.FloatRange(min=0)


def _common(command: Command) -> Command:
    """What both commands take."""
    for part in (
        click.argument("file", type=click.File("rb")),
        click.argument("driver"),
        JSON_LINES,
        click.option("--raw", is_flag=True, help="FILE is bytes, not JSON lines."),
        click.option(
            "--option", "options", multiple=True, metavar="KEY=VALUE", help="A driver's option."
        ),
    ):
        command = part(command)
    return command


@click.command()
@_common
def decode(
    driver: str, file: BinaryIO, options: tuple[str, ...], *, as_json: bool, raw: bool
) -> None:
    """Decode FILE (`-` is standard input) with DRIVER; a line out for each line of data.

    \b
    FILE holds JSON lines: {"topic": …, "payload": …} or {"hex": …, "t_ms": …}.
    Examples:
      gateway decode ld2410 capture.jsonl --json
      gateway decode lines recorded.bin --raw --option repeats_every=5
      mosquitto_sub -t 'gyms/#' -F %j | gateway decode native -
    """
    decoder = _maker(driver, options)()
    for piece in _read(file, raw=raw):
        told = _decoded(decoder, piece)
        click.echo(json.dumps(told) if as_json else _for_people(told))


@click.command()
@_common
@click.option("--busy-after", type=SECONDS, default=5.0, show_default=True, help="Seconds.")
@click.option("--free-after", type=SECONDS, default=90.0, show_default=True, help="Seconds.")
@click.option("--stale-after", type=SECONDS, default=300.0, show_default=True, help="Seconds.")
@click.option(
    "--calibration",
    type=click.File("rb"),
    metavar="CALIBRATION.json",
    help="Judge levels by it, instead of the sensor's own word.",
)
@click.option(
    "--compare",
    type=click.File("rb"),
    metavar="NEW.json",
    help="List only where this calibration would have said another status.",
)
def replay(
    driver: str,
    file: BinaryIO,
    options: tuple[str, ...],
    busy_after: float,
    free_after: float,
    stale_after: float,
    calibration: BinaryIO | None,
    compare: BinaryIO | None,
    *,
    as_json: bool,
    raw: bool,
) -> None:
    """Replay FILE through DRIVER and the detector; a line out for each change of status.

    \b
    A line's time is its `t_ms` or `received`, else a second after the one before;
    a step back in time is a restart of the sensor.
    Examples:
      gateway replay ld2410 capture.jsonl --busy-after 0 --free-after 0
      gateway replay native messages.jsonl --json
      gateway replay ld2410 capture.jsonl --calibration new.json
      gateway replay ld2410 capture.jsonl --calibration old.toml --compare new.json

    For a recording of `gateway sensors record`: `gateway calibration compare`.
    """
    make = _maker(driver, options)
    rule = Rule(busy_after, free_after, stale_after, make().repeats_every)
    rerun = Rerun(make, rule, None if calibration is None else read_calibration(calibration))
    if compare is not None:
        versus = Versus(rerun, Rerun(make, rule, read_calibration(compare)))
        for piece in _read(file, raw=raw):
            for found in versus.take(piece):
                click.echo(json.dumps(found) if as_json else _difference_for_people(found))
        return
    for piece in _read(file, raw=raw):
        for told in rerun.take(piece):
            click.echo(json.dumps(told) if as_json else _change_for_people(told))


def _maker(name: str, options: Iterable[str]) -> Callable[[], Decoder]:
    """A way to make the driver's decoder, with these options; exits 2 where they are wrong."""
    try:
        driver = catalog.load(name)
    except KeyError:
        near = get_close_matches(name, catalog.names(), n=1)
        hint = f" Did you mean {near[0]}?" if near else f" There are: {', '.join(catalog.names())}."
        raise click.UsageError(f"There is no driver {name!r}.{hint}") from None
    given = dict(_option(text) for text in options)
    try:
        driver.decoder(given)
    except msgspec.ValidationError as error:
        raise click.UsageError(f"--option: {error}") from None
    return lambda: driver.decoder(given)


def _option(text: str) -> tuple[str, object]:
    key, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"--option {text!r} is no KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _read(file: BinaryIO, *, raw: bool) -> Iterator[Piece]:
    try:
        yield from raw_pieces(file) if raw else pieces(file)
    except RecordingError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)


def _decoded(decoder: Decoder, piece: Piece) -> dict[str, object]:
    if (announcement := _announced(piece)) is not None:
        return {"line": piece.line, "samples": [], "available": None, "dropped": 0} | announcement
    before = decoder.dropped.total()
    if (frame := decoder.frame(piece.data)) is not None:
        dropped = decoder.dropped.total() - before
        told = {"line": piece.line, "samples": [], "available": None, "dropped": dropped}
        return told | {"frame": frame}
    sayings = decoder.feed(piece.data, piece.topic)
    online = [saying.online for saying in sayings if isinstance(saying, Availability)]
    return {
        "line": piece.line,
        "samples": [saying.plain() for saying in sayings if isinstance(saying, Sample)],
        "available": online[-1] if online else None,
        "dropped": decoder.dropped.total() - before,
    }


def _announced(piece: Piece) -> dict[str, object] | None:
    """What a message on a discovery topic announces: the first of its entities."""
    try:
        found = announced(piece.topic, piece.data)
    except BadAnnouncementError as error:
        return {"discovered": {"error": str(error)}}
    return {"discovered": msgspec.to_builtins(found[0])} if found else None


def _for_people(told: Told) -> str:
    samples = told["samples"]
    assert isinstance(samples, list)
    words = "; ".join(map(_words, samples)) or "-"
    online = "" if told["available"] is None else "  online" if told["available"] else "  offline"
    dropped = f"  dropped {told['dropped']}" if told["dropped"] else ""
    return f"{told['line']:>6}  {words}{online}{dropped}"


def _words(sample: Told) -> str:
    word = "-" if sample["active"] is None else "active" if sample["active"] else "inactive"
    strength = "" if sample["strength"] is None else f" {sample['strength']} {sample['unit']}"
    return f"channel {sample['channel']} {word}{strength}"


def _change_for_people(told: Told) -> str:
    since = f"since {told['lastChange']}"
    return (
        f"{told['at']:>14}  channel {told['channel']}  {told['status']} ({told['cause']}) {since}"
    )


def _difference_for_people(found: Differing) -> str:
    return f"{found['at']:>14}  channel {found['channel']}  {found['now']:<8} → {found['then']}"
