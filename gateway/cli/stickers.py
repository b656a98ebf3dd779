"""`gateway stickers`: a sheet of QR codes to print."""

import sys
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

import click

from config.sections import Config
from gateway.cli.local import load_or_exit
from gateway.cli.options import CONFIG
from gateway.stickers import Sticker, sheet

OURSELVES = {"localhost", "127.0.0.1", "::1"}


@click.command()
@CONFIG
@click.argument("machines", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Else to stdout.")
def stickers(path: Path, machines: tuple[str, ...], out: Path | None) -> None:
    """Make a sheet of stickers for MACHINES, or for all: print it from a browser, A4.

    Each code leads to the machine's page under `[branch] public_url`.

    \b
    Examples:
      gateway stickers --out stickers.html
      gateway stickers leg-press-01 leg-press-02 --out two.html
    """
    config = load_or_exit(path)
    url = config.branch.public_url
    text = sheet(config.branch.name, url, _chosen(config, machines))
    if out is None:
        click.echo(text, nl=False)
    else:
        _write(out, text)
        click.echo(f"{out}: open it in a browser and print it", err=True)
    if urlsplit(url).hostname in OURSELVES:
        click.echo(f"No phone finds {url}: set [branch] public_url first.", err=True)


def _write(out: Path, text: str) -> None:
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        click.echo(f"{out} cannot be written: {error.strerror}", err=True)
        sys.exit(1)


def _chosen(config: Config, wanted: tuple[str, ...]) -> list[Sticker]:
    known = {machine.id: Sticker(machine.id, machine.name) for machine in config.machines}
    for name in wanted:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise click.UsageError(f"There is no machine {name!r}.{hint}")
    if not known:
        click.echo("There are no machines in the configuration.", err=True)
        sys.exit(1)
    return [known[name] for name in wanted] or [*known.values()]
