"""`gateway run`."""

import asyncio
import gc
import logging
import signal
import sqlite3
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import click

from config.load import ConfigError, explain, load
from config.sections import Config
from gateway.app import Gateway
from gateway.cli.options import CONFIG
from gateway.logs import log_to_stderr
from gateway.store.schema import NewerSchemaError

STOPS = (signal.SIGINT, signal.SIGTERM)
MOST_RELOADS = 16  # kept in mind; they wait for each other

log = logging.getLogger("gateway")


@click.command()
@CONFIG
@click.option("--verbose", is_flag=True, help="Say more in the log.")
def run(path: Path, *, verbose: bool) -> None:
    """Run the gateway until Ctrl-C or SIGTERM; SIGHUP reads the configuration again.

    \b
    Examples:
      gateway run
      gateway run --config /etc/gateway/gateway.toml

    Exit codes: 0 stopped in order, 1 failed (systemd starts it again), 2 wrong configuration.
    """
    log_to_stderr(verbose=verbose)
    try:
        config = load(path)
    except ConfigError as error:
        click.echo(explain(error), err=True)
        sys.exit(2)
    sys.exit(_run(config, partial(load, path)))


def _run(config: Config, reread: Callable[[], Config]) -> int:
    """Exit code 0 after an orderly stop, 1 when something that cannot be mended here failed."""
    try:
        gateway = Gateway(config, reread)
    except (OSError, sqlite3.Error, NewerSchemaError) as error:
        log.error("the gateway cannot start: %s", error)  # noqa: TRY400  the text says it all
        return 1
    gc.freeze()  # what is here now stays: no collection looks at it again
    try:
        asyncio.run(_until_told(gateway))
    except OSError as error:
        log.error("the gateway stops: %s", error)  # noqa: TRY400  a taken port tells what to do
        log.debug("where it happened", exc_info=True)
        return 1
    except Exception:
        log.exception("the gateway stops; systemd, or you, start it again")
        return 1
    return 0


async def _until_told(gateway: Gateway) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def told(*_: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: we are at the end already
            loop.call_soon_threadsafe(stop.set)

    def reload(*_: object) -> None:
        work = gateway.reloading.reload_and_log
        with suppress(RuntimeError):  # as above
            loop.call_soon_threadsafe(lambda: under_way.append(loop.create_task(work())))

    under_way: deque[asyncio.Task[None]] = deque(maxlen=MOST_RELOADS)  # else they are collected
    signal.signal(signal.SIGHUP, reload)
    for number in STOPS:  # not the loop's own handlers: these would be gone before we are
        signal.signal(number, told)
    await gateway.run(stop)
    for number in STOPS:  # it has stopped: another one changes nothing, whichever thread gets it
        signal.signal(number, signal.SIG_IGN)
