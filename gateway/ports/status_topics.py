"""Our retained status topics: the newest of each machine, published again at each connect."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from gateway.core.events import Event

GATHER = 0.1  # seconds between two rounds: a flood costs ten messages a second and machine


class Publish(Protocol):
    """Send a message now, or drop it while not connected."""

    def __call__(self, topic: str, payload: bytes, *, retain: bool) -> object:
        """Return without waiting."""


class StatusTopics:
    """Publishes `gyms/{gymId}/machines/{machineId}/status` behind the bus."""

    def __init__(
        self,
        gym: str,
        machines: Iterable[str],
        removed: Iterable[str],
        publish: Publish,
        message: Callable[[str], bytes],
    ) -> None:
        """`message(machine)` is its newest status as one message; `removed` ones are cleared."""
        self._topic = f"gyms/{gym}/machines/{{}}/status"
        self._machines = frozenset(machines)
        self._removed = frozenset(removed)
        self._publish = publish
        self._message = message
        self._due: dict[str, None] = {}
        self._rung = asyncio.Event()

    def ring(self, events: Sequence[Event]) -> None:
        """Hear of new events; a machine that changes twice in a round is published once."""
        ours = (event.machine for event in events if event.machine in self._machines)
        self._due.update(dict.fromkeys(ours))
        self._rung.set()

    def become(self, machines: Iterable[str]) -> None:
        """From now on these; who is no more is cleared."""
        known, self._machines = self._machines, frozenset(machines)
        self._removed = (self._removed | known) - self._machines
        for machine in known - self._machines:
            self._due.pop(machine, None)
            self._publish(self._topic.format(machine), b"", retain=True)
        self._due.update(dict.fromkeys(self._machines - known))
        self._rung.set()

    def all_again(self) -> None:
        """The broker may have forgotten everything: publish all, clear what is gone."""
        for machine in self._removed:
            self._publish(self._topic.format(machine), b"", retain=True)
        self._due.update(dict.fromkeys(self._machines))
        self._rung.set()

    async def run(self) -> None:
        """Publish what is due, round by round, for ever."""
        while True:
            await self._rung.wait()
            self._rung.clear()
            due, self._due = self._due, {}
            for machine in due:
                self._publish(self._topic.format(machine), self._message(machine), retain=True)
            await asyncio.sleep(GATHER)
