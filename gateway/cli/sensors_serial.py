"""`gateway sensors discover`, the part that listens to serial ports."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from config.edit import entry
from sensors.serial_discovery import Fit, fit, speeds

FEWEST = 5  # samples at a speed, and no other is tried


@dataclass(frozen=True, slots=True)
class Heard:
    """A port on which a family was recognised."""

    port: str
    speed: int
    fit: Fit


def listen(named: Iterable[str], configured: set[str], seconds: float) -> Iterator[Heard]:
    """To each port at each likely speed; says on stderr what is skipped, and why."""
    from gateway.ports import eavesdrop_serial as serial  # noqa: PLC0415  pyserial: only here

    wanted = [*named] or [found.port for found in serial.ports()]
    for port in wanted:
        real = str(Path(port).resolve())
        if real in configured:
            click.echo(f"{port}: the gateway listens to it already", err=True)
        elif (holder := serial.held_by(port)) is not None:
            click.echo(f"{port}: {holder} has it open; stop that to listen", err=True)
        else:
            try:
                yield from _recognised(port, seconds)
            except serial.CannotHearError as error:
                click.echo(str(error), err=True)


def _recognised(port: str, seconds: float) -> Iterator[Heard]:
    from gateway.ports.eavesdrop_serial import heard_on  # noqa: PLC0415  as above

    best: Heard | None = None
    silent = True
    for speed in speeds():
        data = asyncio.run(heard_on(port, speed, seconds))
        silent = silent and not data
        found = fit(data, speed)
        if found is not None and (best is None or found.samples > best.fit.samples):
            best = Heard(port, speed, found)
        if best is not None and best.fit.samples >= FEWEST and best.fit.confidence == "high":
            break
    if best is not None:
        yield best
    elif silent:
        click.echo(
            f"{port}: silent. A Modbus meter speaks only when it is asked: see docs/sensors.md.",
            err=True,
        )
    else:
        click.echo(f"{port}: bytes, but of no family that we know at {speeds()}.", err=True)


def show(heard: Heard, machines: list[str], *, as_json: bool) -> None:
    """As JSON, or as entries ready to paste."""
    fit = heard.fit
    if as_json:
        row: dict[str, object] = {"driver": fit.driver, "port": heard.port, "baud": heard.speed}
        row |= {"channels": fit.channels, "confidence": fit.confidence, "messages": fit.samples}
        click.echo(json.dumps(row))
        return
    name = f"{fit.driver}-{Path(heard.port).name[-8:].lower().strip('-_')}"
    line = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)
    values = {"id": line, "port": heard.port, "driver": fit.driver, "baud": heard.speed}
    click.echo(f"# {fit.confidence} confidence; heard {fit.samples} times, {fit.dropped} not used")
    click.echo(entry("serial", values))
    for channel in fit.channels:
        one: dict[str, object] = {"id": f"{line}-{channel}", "machine": "?"}
        one |= {"source": f"serial:{line}"} | ({"channel": channel} if channel else {})
        known = ", ".join(machines[:8])
        text = entry("sensors", one).replace('machine = "?"', f'machine = "?"  # one of {known}')
        click.echo(text)
