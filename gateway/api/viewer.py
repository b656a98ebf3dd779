"""One open stream: what it follows, and what it is owed while it does not read."""

import asyncio
from collections.abc import Callable, Iterable

from aiohttp import web

from gateway.api.connection import Connection

WRITE_TIMEOUT = 30.0  # seconds in which a client must take what it asked to have replayed

Follow = frozenset[str] | None
"""Machine ids; None: all of them."""
Frame = tuple[str, bytes]
"""(machine id, its event as SSE)."""


class Viewer:
    """Written to directly; while its client does not read, the newest of each machine is kept."""

    def __init__(
        self,
        connection: Connection,
        response: web.StreamResponse,
        follow: Follow,
        on_drained: Callable[["Viewer"], None],
    ) -> None:
        self.follow = follow
        self.chunked = response.chunked
        self.behind_since: float | None = None
        """Loop time since which it does not read as fast as we write."""
        self.owed: dict[str, bytes] = {}
        """Machine → its newest event, in the order of their numbers."""
        self.owed_reset: str | None = None
        """Why it must be told everything anew."""
        self._connection = connection
        self._response = response
        self._on_drained = on_drained
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        if connection.writing_paused:
            self.paused()
        connection.listener = self

    def write(self, packed: bytes) -> None:
        """Hand bytes to the transport; they are framed already."""
        transport = self._connection.transport
        if transport is not None and not transport.is_closing():
            transport.write(packed)

    def push(self, frames: Iterable[Frame], packed: bytes) -> None:
        """Write `packed`, which is these frames, or remember them for later."""
        if self.behind_since is None:
            self.write(packed)
            return
        for machine, frame in frames:
            self.owed.pop(machine, None)
            self.owed[machine] = frame

    async def send(self, data: bytes) -> None:
        """Write at the client's own pace. Raises ConnectionError, also when it takes too long."""
        try:
            async with asyncio.timeout(WRITE_TIMEOUT):
                await self._response.write(data)
        except TimeoutError:
            self.cut()
            raise ConnectionResetError("the client does not read") from None

    def end(self) -> None:
        """End the stream: properly if its client reads, else at once."""
        if self.behind_since is not None:
            self.cut()
        if not self.ended.done():
            self.ended.set_result(None)

    def cut(self) -> None:
        """Drop the connection and what is still to be written."""
        if self._connection.transport is not None:
            self._connection.transport.abort()

    # --- the connection's listener --------------------------------------------------------------

    def paused(self) -> None:
        """From now on events are remembered only."""
        self.behind_since = self._loop.time()

    def drained(self) -> None:
        """Everything that was written is on its way."""
        self.behind_since = None
        self._on_drained(self)

    def lost(self) -> None:
        """The client is gone."""
        if not self.ended.done():
            self.ended.set_result(None)
