"""One open stream: what it follows, and what it is owed while it does not read."""

import asyncio
import secrets
from collections.abc import Callable, Collection, Sequence

from gateway.api.connection import Connection
from gateway.api.framing import Framing, Message
from gateway.readmodel import MachineView

WRITE_TIMEOUT = 30.0  # seconds in which a client must take what it asked to have replayed

Follow = frozenset[str] | None
"""Machines, by the names that events use; None: all of them."""
NOTHING: Follow = frozenset()
MOST_UNNAMED = 5000  # machines of a stream that names none: a snapshot of 1.5 MB


def follow_of(
    views: Sequence[MachineView], names: Collection[str], category: Collection[str]
) -> frozenset[str]:
    """Those of a category, and the named ones: by id in whichever branch, or `gymId/machineId`."""
    return frozenset(
        view.key
        for view in views
        if view.machine in names or view.key in names or view.category in category
    )


class Viewer:
    """Written to directly; while its client does not read, the newest of each machine is kept."""

    def __init__(
        self,
        connection: Connection,
        framing: Framing,
        on_drained: Callable[["Viewer"], None],
        address: str,
        holder: str | None = None,
    ) -> None:
        self.id = secrets.token_hex(4)
        self.framing = framing
        self.address = address
        self.holder = holder
        self.follow = NOTHING
        self.delivered = 0
        """Changes that were written to it."""
        self.dropped = 0
        """Changes that a newer one of the same machine made needless while it did not read."""
        self.behind_since: float | None = None
        """Loop time since which it does not read as fast as we write."""
        self.owed: dict[str, Message] = {}
        """Machine → its newest event, in the order of their numbers."""
        self.owed_reset: str | None = None
        """Why it must be told everything anew."""
        self._connection = connection
        self._on_drained = on_drained
        self._loop = asyncio.get_running_loop()
        self.since = self._loop.time()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        if connection.writing_paused:
            self.paused()
        connection.listener = self

    def write(self, packed: bytes) -> None:
        """Hand bytes to the transport; they are framed already."""
        transport = self._connection.transport
        if transport is not None and not transport.is_closing():
            transport.write(packed)

    def say(self, *messages: Message) -> None:
        """Write messages, each on its own."""
        self.write(b"".join([self.framing.pack([message]) for message in messages]))

    def push(self, events: Sequence[Message], packed: bytes) -> None:
        """Write `packed`, which is these events, or remember them for later."""
        if self.behind_since is None:
            self.write(packed)
            self.delivered += len(events)
            return
        for event in events:
            if self.owed.pop(event.machine, None) is not None:
                self.dropped += 1
            self.owed[event.machine] = event

    def catch_up(self) -> None:
        """Write what is owed; it reads again."""
        owed = [*self.owed.values()]
        self.forget()
        if owed:
            self.push(owed, self.framing.pack(owed))

    def forget(self) -> None:
        """Owe nothing: what it is told next makes that needless."""
        self.owed_reset = None
        self.owed.clear()

    async def send(self, messages: Sequence[Message]) -> None:
        """Write events at the client's own pace. Raises ConnectionError, also if it is too slow."""
        if self.ended.done():
            raise ConnectionResetError("the stream has ended")
        self.write(self.framing.pack(messages))
        self.delivered += len(messages)
        await self.room()

    async def room(self) -> None:
        """Wait until it has read what was written. Raises ConnectionError."""
        try:
            async with asyncio.timeout(WRITE_TIMEOUT):
                await self._connection.room()
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
