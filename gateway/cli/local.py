"""Questions to the running gateway, over its Unix socket beside the database."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import click

from config.hub import load_hub
from config.load import ConfigError, document_of, explain, load, text_of
from config.sections import Config

PATIENCE = 10.0  # seconds: a running gateway answers within milliseconds


class NotRunningError(Exception):
    """The gateway does not answer; the text says what to do."""


def socket_of(config: Path) -> Path:
    """Where the gateway, or the hub, of that configuration listens. Raises NotRunningError."""
    try:
        if "hub" in document_of(config, text_of(config)):
            return Path(load_hub(config).hub.folder) / "gateway.sock"
        return Path(load(config).store.history).parent / "gateway.sock"
    except ConfigError as error:
        raise NotRunningError(explain(error)) from None


def load_or_exit(config: Path) -> Config:
    """The configuration; names its mistakes on stderr and exits 2."""
    try:
        return load(config)
    except ConfigError as error:
        click.echo(explain(error), err=True)
        sys.exit(2)


class RefusedError(Exception):
    """The gateway answers that it will not; the text says why."""


async def ask(
    config: Path,
    target: str,
    method: str = "GET",
    body: object = None,
    patience: float = PATIENCE,
) -> Any:
    """What `target` says, as JSON; `body` goes as JSON; `patience` in seconds.

    Raises NotRunningError, RefusedError.
    """
    import aiohttp  # noqa: PLC0415  only when there is someone to ask

    path = socket_of(config)
    timeout = aiohttp.ClientTimeout(total=patience)
    try:
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(str(path)), timeout=timeout
            ) as session,
            session.request(method, f"http://localhost{target}", json=body) as reply,
        ):
            text = await reply.text()
            said: Any = (
                json.loads(text) if reply.content_type.endswith(("/json", "+json")) else text
            )
    except PermissionError:
        raise NotRunningError(
            f"{path} may not be opened by you; run this as the gateway's user or with sudo"
        ) from None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise NotRunningError(
            f"no gateway answers at {path} ({error});"
            " start it with `gateway run`, or name its configuration with --config"
        ) from None
    if reply.status >= 400:  # noqa: PLR2004  HTTP's first error
        raise RefusedError(said["detail"])
    return said


def ask_or_exit(
    config: Path,
    target: str,
    method: str = "GET",
    body: object = None,
    patience: float = PATIENCE,
) -> Any:
    """As `ask`; says on stderr what went wrong, and exits 1."""
    try:
        return asyncio.run(ask(config, target, method, body, patience))
    except (NotRunningError, RefusedError) as error:
        click.echo(str(error), err=True)
        sys.exit(1)


def text_or_exit(config: Path, target: str) -> str:
    """What `target` says, where that is no JSON document; as `ask_or_exit`."""
    return str(ask_or_exit(config, target))
