"""The pipeline's inbox: everything that is to be judged, in order of arrival."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from gateway.core.events import Change
from sensors.sample import Saying

CAPACITY = 20_000  # MQTT is bounded by its in-flight window (1,000); the rest is serial: 20 lines
# at 10 words a second, so this is 100 s of a stalled disk. When full a new item is refused.


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one message, or one read of a serial line, said."""

    sayings: tuple[tuple[str, Saying], ...]
    """(sensor id, its saying), in the order they were said."""
    at: float
    """Monotonic seconds of arrival."""
    late: bool = False
    """Not live: it waited in a queue, was retained, or is a repetition."""
    dup: bool = False
    """The broker says it may have delivered this before."""
    receipt: Callable[[], object] | None = None
    """Called once what was said is committed."""


@dataclass(frozen=True, slots=True)
class PortLost:
    """These sensors cannot be heard since `at` (monotonic seconds)."""

    port: str
    sensors: frozenset[str]
    at: float


@dataclass(frozen=True, slots=True)
class PortBack:
    """These sensors are heard again, live, from `at` on (monotonic seconds)."""

    port: str
    sensors: frozenset[str]
    at: float


@dataclass(frozen=True, slots=True)
class Service:
    """Staff say that a machine is out of service, or back."""

    machine: str
    out: bool
    at: float
    receipt: Callable[[], object]
    """Called once it is committed."""


@dataclass(frozen=True, slots=True)
class Swap:
    """The sensors are configured anew."""

    work: Callable[[], list[Change]]
    """Makes it so, between two words; returns what became of the machines by that."""
    receipt: Callable[[], object]
    """Called once it is committed."""


Item = Delivery | PortLost | PortBack | Service | Swap


class Inbox:
    """A bounded queue for one reader; `put` belongs on the event loop."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._items: list[Item] = []
        self._capacity = capacity
        self._rung = asyncio.Event()
        self.refused = 0
        self.heard = 0
        """Deliveries so far."""

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> bool:
        """Append `item`; False (and counted) when the inbox is full.

        What carries a receipt is bounded by the broker's window or by the API's limits, what
        tells of a port by the number of ports: only receiptless deliveries are refused.
        """
        full = len(self._items) >= self._capacity
        if full and isinstance(item, Delivery) and item.receipt is None:
            self.refused += 1
            return False
        self.heard += isinstance(item, Delivery)
        self._items.append(item)
        self._rung.set()
        return True

    async def take_all(self, patience: float) -> list[Item]:
        """Everything that waits, at least one item; [] after `patience` seconds without any."""
        try:
            async with asyncio.timeout(patience):
                await self._rung.wait()
        except TimeoutError:
            return []
        self._rung.clear()
        items, self._items = self._items, []
        return items
