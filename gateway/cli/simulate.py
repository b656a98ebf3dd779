"""`gateway simulate`."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO
from urllib.parse import unquote, urlsplit

import click
import msgspec

from gateway.cli.options import CONFIG
from gateway.cli.simulate_fleet import Asked, play_fleet

if TYPE_CHECKING:
    from config.sections import Config
    from gateway.ports.simulated import Connection, Simulation
    from sensors.simulator.people import Move

ANSWER_WITHIN = 5.0  # seconds for a broker that is there but slow


def _checked(
    _ctx: click.Context, _parameter: click.Parameter, urls: tuple[str, ...]
) -> tuple[str, ...]:
    if any(urlsplit(url).scheme not in {"mqtt", "mqtts", "unix"} for url in urls):
        raise click.BadParameter("a broker is mqtt://host:port, mqtts://host:port or unix:///path")
    return urls


@click.command()
@CONFIG
@click.option(
    "--broker",
    "brokers",
    metavar="URL",
    multiple=True,
    callback=_checked,
    help="Instead of the configuration's broker; for a fleet, each node of a cluster.",
)
@click.option("--machines", type=click.IntRange(1, 1000), help="Make up so many instead.")
@click.option("--seed", type=int, help="The same seed gives the same people.")
@click.option("--speed", type=click.FloatRange(0.1, 1000), help="How many times faster than real.")
@click.option(
    "--for",
    "--seconds",
    "seconds",
    type=click.FloatRange(0, min_open=True),
    help="Seconds to play.",
)
@click.option("--truth", type=click.File("w"), help="Write every move to this file of JSON lines.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print every move, or a fleet's figures, as JSON."
)
@click.option(
    "--branches",
    type=click.IntRange(1, 10_000),
    help="Play what so many branches send to their chain instead (docs/simulator.md).",
)
@click.option(
    "--backlog",
    metavar="DAYS",
    type=click.FloatRange(0, 90),
    help="Begin with so many days that the chain has not got. With --branches.",
)
@click.option(
    "--passwords",
    type=click.File(),
    help="Lines of gymId:password. With --branches.",
)
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False),
    help="Who signed the broker's certificate, as PEM. With --branches.",
)
def simulate(
    path: Path,
    *,
    brokers: tuple[str, ...],
    machines: int | None,
    seed: int | None,
    speed: float | None,
    seconds: float | None,
    truth: TextIO | None,
    as_json: bool,
    branches: int | None,
    **of_a_fleet: Any,
) -> None:
    """Play people on machines against a broker until Ctrl-C; or the branches of a chain.

    Every machine speaks MQTT here. The password of a user in the URL stands there too, or in
    the secret `mqtt-password`.

    \b
    Examples:
      gateway simulate --broker mqtt://localhost:1883
      gateway simulate --machines 10 --speed 20 --for 600 --truth truth.jsonl
      gateway simulate --json | head
      gateway simulate --branches 500 --machines 60 --speed 4 --broker mqtt://localhost:1883
    """
    if branches is not None:
        if truth is not None:
            raise click.UsageError("--truth is of people; --branches sends numbers only")
        seed = 1 if seed is None else seed
        asked = Asked(brokers, branches, machines or 60, seed, speed or 1.0, seconds)
        play_fleet(asked, as_json=as_json, **of_a_fleet)
        return
    _reject(of_a_fleet, brokers)
    _simulate_people(
        path, brokers, machines, seed, speed, seconds, _Printer(truth, as_json=as_json)
    )


def _reject(of_a_fleet: dict[str, Any], brokers: tuple[str, ...]) -> None:
    given = [f"--{name}" for name, value in of_a_fleet.items() if value is not None]
    if len(brokers) > 1:
        given.append("more than one --broker")
    if given:
        raise click.UsageError(f"{', '.join(given)}: only together with --branches")


def _simulate_people(
    path: Path,
    brokers: tuple[str, ...],
    machines: int | None,
    seed: int | None,
    speed: float | None,
    seconds: float | None,
    printer: "_Printer",
) -> None:
    from config.load import ConfigError, explain  # noqa: PLC0415  other commands do without it
    from gateway.clock import SystemClock  # noqa: PLC0415
    from gateway.ports.simulated import Simulation  # noqa: PLC0415

    try:
        config = _branch(path, machines, seed, speed)
    except ConfigError as error:
        click.echo(explain(error), err=True)
        sys.exit(2)
    url = brokers[0] if brokers else _broker_of(config)
    try:
        credentials = _credentials(url, config)
    except OSError as error:  # the text says what to do
        raise click.ClickException(str(error)) from None
    simulation = Simulation(config, url, credentials, SystemClock(trusted=True))
    simulation.on_moves = printer
    asyncio.run(_play(simulation, url, seconds))


def _branch(path: Path, machines: int | None, seed: int | None, speed: float | None) -> "Config":
    """The configuration's branch, or a made-up one in its place; no serial lines."""
    from config.effective import MQTT  # noqa: PLC0415
    from config.load import load  # noqa: PLC0415
    from config.sections import Simulator  # noqa: PLC0415
    from config.simulated import furnished  # noqa: PLC0415

    config, change = load(path), msgspec.structs.replace
    given = {"machines": machines, "seed": seed, "speed": speed}
    asked = {key: value for key, value in given.items() if value is not None}
    config = change(config, simulator=change(config.simulator or Simulator(), **asked))
    if machines is not None:
        config = change(config, machines=(), sensors=())
    config = furnished(config)
    spoken = tuple(sensor for sensor in config.sensors if sensor.source == MQTT)
    return change(config, serial=(), sensors=spoken)


def _broker_of(config: "Config") -> str:
    url = config.mqtt.url
    return f"mqtt://{config.mqtt.listen}" if url == "embedded" else url


def _credentials(url: str, config: "Config") -> tuple[str, str] | None:
    """User and password of the URL; the password may be a secret."""
    from config.secrets import secret  # noqa: PLC0415

    parts = urlsplit(url)
    if not parts.username:
        return None
    kept = secret("mqtt-password", Path(config.store.history).parent) or b""
    password = unquote(parts.password) if parts.password else kept.decode()
    return unquote(parts.username), password


async def _play(simulation: "Simulation", url: str, seconds: float | None) -> None:
    """Until `seconds` are over, Ctrl-C or SIGTERM; the sensors say goodbye."""
    playing = asyncio.create_task(simulation.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, playing.cancel)
    try:
        await _require_broker(simulation.connection, playing, url)
        await asyncio.wait([playing], timeout=seconds)
    finally:
        playing.cancel()
        with suppress(asyncio.CancelledError):
            await playing


async def _require_broker(
    connection: "Connection", playing: "asyncio.Task[None]", url: str
) -> None:
    """Wait until it has taken us, or the play is over; click.ClickException when it does not."""
    taken = asyncio.create_task(connection.connected.wait())
    await asyncio.wait([taken, playing], timeout=ANSWER_WITHIN, return_when="FIRST_COMPLETED")
    taken.cancel()
    if connection.connected.is_set() or playing.done():
        return
    parts = urlsplit(url)
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"  # no password
    if connection.refusal:
        raise click.ClickException(
            f"The broker at {place} refuses us ({connection.refusal}): correct user and password."
        )
    raise click.ClickException(
        f"No MQTT broker answers at {place}. Start one (`gateway run`, or `mosquitto -p 1883`), "
        "or name another with --broker."
    )


class _Printer:
    """Writes moves where they are wanted."""

    def __init__(self, truth: TextIO | None, *, as_json: bool) -> None:
        self._truth = truth
        self._as_json = as_json

    def __call__(self, moves: Sequence["Move"]) -> None:
        for move in moves:
            line = msgspec.json.encode(move).decode()
            click.echo(line if self._as_json else _readable(move))
            if self._truth is not None:
                self._truth.write(f"{line}\n")
        if self._truth is not None:
            self._truth.flush()


def _readable(move: "Move") -> str:
    """A line for people; click leaves the colour out where there is no terminal."""
    word, colour = ("free", "green") if not move.truth else ("rests", "yellow")
    if move.active:
        word, colour = "moves", "red"
    at = datetime.fromtimestamp(move.at).astimezone()
    return f"{at:%H:%M:%S}  {move.machine:<24}  {click.style(word, fg=colour)}"
