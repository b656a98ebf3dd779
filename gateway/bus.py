"""The doorbell: tells who listens that there are new events. The store is the mailbox."""

import logging
from collections.abc import Callable, Sequence

from gateway.core.events import Event

Listener = Callable[[Sequence[Event]], None]

log = logging.getLogger(__name__)


class Bus:
    """Calls every listener, in the order they came; none may block or keep what it is given."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear of every event from now on; returns the undo."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def publish(self, events: Sequence[Event]) -> None:
        """Ring, after the commit. One listener's fault is no other's."""
        for listener in tuple(self._listeners):
            try:
                listener(events)
            except Exception:
                log.exception("a listener failed; the others go on")
