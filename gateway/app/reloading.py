"""`gateway reload`: the configuration is read again; only what has changed is swapped."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from config.changes import Changes, changes
from config.load import ConfigError, explain
from config.sections import Config
from gateway.bridge import in_thread
from gateway.core.errors import ConflictError

log = logging.getLogger(__name__)

Reread = Callable[[], Config]
"""The file, as it is now. Raises ConfigError."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What came of it, named as in the file."""

    swapped: tuple[str, ...]
    waiting: tuple[str, ...]
    """What counts from the next start on."""


class Reloading:
    """One at a time; a file with a mistake changes nothing."""

    def __init__(
        self, running: Config, reread: Reread, swap: Callable[[Config], Awaitable[None]]
    ) -> None:
        """`swap` makes a configuration count that differs in what can be swapped alone."""
        self._running = running
        self._reread = reread
        self._swap = swap
        self._lock = asyncio.Lock()

    async def reload(self) -> Reloaded:
        """Read, judge, swap. Raises ConflictError that names every mistake."""
        async with self._lock:
            try:
                found = changes(self._running, await in_thread(self._reread))
            except ConfigError as error:
                raise ConflictError(f"Nothing has changed. {explain(error)}") from None
            if found.swapped:
                await self._swap(found.config)
                self._running = found.config
            _tell(found)
            return Reloaded(found.swapped, found.waiting)

    async def reload_and_log(self) -> None:
        """As asked by a signal: who asks hears nothing but the log."""
        try:
            await self.reload()
        except ConflictError as error:
            log.error("the configuration is not reloaded: %s", error)  # noqa: TRY400  it says all


def _tell(found: Changes) -> None:
    log.info("the configuration was reloaded; changed: %s", ", ".join(found.swapped) or "nothing")
    if found.waiting:
        log.warning("these count from the next start on: %s", ", ".join(found.waiting))
