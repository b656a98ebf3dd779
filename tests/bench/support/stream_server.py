"""`python stream_server.py`: the API without sensors and disk; prints its port.

Each line on standard input is the time of a change that is published at once: the counterpart of a
stream server to which messages are posted.
"""

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))  # started as a file, not as a module

from config.sections import Limits
from gateway.core.events import Cause, Event, Status
from tests.integration.memory_model import MemoryModel
from tests.integration.served import Served, serving

MACHINES = 200
LIMITS = Limits(streams=2100, streams_per_address=2100, exempt=("127.0.0.1",))


class Source:
    """Publishes what standard input says, round the machines."""

    def __init__(self, api: Served) -> None:
        self._api = api
        self._names = [*api.model.views]
        self._seq = 0
        self._rest = b""
        self.ended = asyncio.Event()
        os.set_blocking(0, False)
        asyncio.get_running_loop().add_reader(0, self._read)

    def _read(self) -> None:
        data = os.read(0, 65536)
        if not data:
            self.ended.set()
            asyncio.get_running_loop().remove_reader(0)
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._api.bus.publish([self._event(float(line)) for line in lines])

    def _event(self, at: float) -> Event:
        name = self._names[self._seq % MACHINES]
        self._seq += 1
        status = Status.OCCUPIED if self._seq // MACHINES % 2 else Status.FREE
        return Event(self._seq, "e1", name, status, Cause.OBSERVED, at, at, True, None)


async def main() -> None:
    """Serve until standard input ends."""
    names = [(f"m{number:03d}", "all") for number in range(MACHINES)]
    async with serving(MemoryModel(names), LIMITS) as api:
        for name, view in api.model.views.items():
            api.model.views[name] = replace(view, gym="test")
        source = Source(api)
        print(api.server.port, flush=True)
        await source.ended.wait()


if __name__ == "__main__":
    asyncio.run(main())
