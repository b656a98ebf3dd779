"""Questions to the running gateway, over its Unix socket beside the database."""

import json
from pathlib import Path
from typing import Any

from config.load import ConfigError, explain, load

PATIENCE = 10.0  # seconds: a running gateway answers within milliseconds


class NotRunningError(Exception):
    """The gateway does not answer; the text says what to do."""


def socket_of(config: Path) -> Path:
    """Where the gateway of that configuration listens. Raises NotRunningError."""
    try:
        return Path(load(config).store.history).parent / "gateway.sock"
    except ConfigError as error:
        raise NotRunningError(explain(error)) from None


async def ask(config: Path, target: str) -> Any:
    """GET `target`; its JSON. Raises NotRunningError."""
    import aiohttp  # noqa: PLC0415  only when there is someone to ask

    path = socket_of(config)
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    try:
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(str(path)), timeout=timeout
            ) as session,
            session.get(f"http://localhost{target}") as reply,
        ):
            return json.loads(await reply.text())
    except PermissionError:
        raise NotRunningError(
            f"{path} may not be opened by you; run this as the gateway's user or with sudo"
        ) from None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise NotRunningError(
            f"no gateway answers at {path} ({error});"
            " start it with `gateway run`, or name its configuration with --config"
        ) from None
