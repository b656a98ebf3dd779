"""The Wi-Fi between a phone and the gateway: it can be gone without a word, as in a real gym."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

CHUNK = 65_536


class Wifi:
    """A TCP relay. Connections that were open when it was cut are dead from then on.

    Nobody is told; who writes to one after it was mended gets a reset, as from a server that has
    given it up.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._alive = asyncio.Event()
        self._times = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: list[asyncio.StreamWriter] = []
        self.port = 0
        self._alive.set()

    def cut(self) -> None:
        """Nothing passes; nobody is told."""
        self._times += 1
        self._alive.clear()

    def mend(self) -> None:
        """New connections pass."""
        self._alive.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        await self._alive.wait()
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            return writer.transport.abort()  # as a gateway that does not run
        self._open += (back, writer)
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pass(source, sink, writer, self._times))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return None

    async def _pass(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        phone: asyncio.StreamWriter,
        times: int,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(CHUNK):
                if times == self._times:
                    sink.write(data)
                    await sink.drain()
                elif self._alive.is_set():
                    phone.transport.abort()
        if times == self._times:
            sink.close()

    def end(self) -> None:
        """Everything that is open."""
        for task in self._tasks:
            task.cancel()
        for writer in self._open:
            writer.transport.abort()


@asynccontextmanager
async def wifi(port: int) -> AsyncIterator[Wifi]:
    """On a free port, to the gateway's."""
    relay = Wifi(port)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        relay.end()
