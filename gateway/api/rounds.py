"""Live events, written to everyone who follows them: gathered under load, and in slices."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gateway.api.framing import Framing, Message
from gateway.api.viewer import Follow, Viewer
from gateway.core.events import Cursor, Event
from gateway.messages import encode_event
from gateway.readmodel import MachineView

MOST_GATHERED = 5000  # events in one round: 1 MB of JSON
PIECE = 200  # events written at once: 60 kB, what a client's buffer may be exceeded by
SLICE = 100  # viewers written to before others have the loop: 1 ms
REST = 0.25  # of the time a round took, so that a flood costs four fifths of a core at most


class Rounds:
    """A round: what was heard since the last one, encoded once, to each group of viewers."""

    def __init__(self, views: Mapping[str, MachineView], cursor: Cursor) -> None:
        """`views`: the machines that have a place in a stream, by the names that events use."""
        self.groups: dict[tuple[Follow, Framing], set[Viewer]] = {}
        self.cursor = cursor
        """Everyone in a group has been told everything up to here, once `flush` has run."""
        self._views = views
        self._pending: list[Event] = []
        self._joining: dict[Viewer, int] = {}  # how many of those that wait it knows
        self._slices: Iterator[None] | None = None
        self._due: asyncio.Handle | None = None
        self._took = 0.0
        self._idle_at = 0.0

    def hear(self, events: Sequence[Event]) -> None:
        """Write at once when idle, else gather for a part of the time the last round took."""
        self._pending += events
        if len(self._pending) >= MOST_GATHERED:
            self.flush()
        elif self._due is None and events:
            self._due = asyncio.get_running_loop().call_at(self._idle_at, self._go_on)

    def flush(self) -> None:
        """Everything that waits, to everyone, now."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        while self._slices is not None or self._pending:
            self._advance()

    def join(self, viewer: Viewer, follow: Follow) -> None:
        """From now on it is told of these; it knows everything that was heard so far.

        What waits or is being written is nothing new to it, and is not hurried for its sake: a
        thousand clients that come back at once would make a thousand rounds of it.
        """
        viewer.follow = follow
        self._joining[viewer] = len(self._pending)
        if self._slices is None:
            self._settle()

    def leave(self, viewer: Viewer) -> None:
        """It is told nothing more, nor what it is owed."""
        viewer.forget()
        self._joining.pop(viewer, None)
        key = (viewer.follow, viewer.framing)
        group = self.groups.get(key, set())
        group.discard(viewer)
        if not group:
            self.groups.pop(key, None)

    def viewers(self) -> list[Viewer]:
        """Everyone in a group."""
        return [viewer for group in self.groups.values() for viewer in group]

    def messages(self, events: Iterable[Event]) -> list[Message]:
        """A machine that is not configured any more has no place in a stream."""
        return [
            Message(
                "machine_update",
                encode_event(event, view),
                Cursor(event.epoch, event.seq),
                event.machine,
            )
            for event in events
            if (view := self._views.get(event.machine)) is not None
        ]

    def _go_on(self) -> None:
        """One slice; then others have the loop."""
        loop = asyncio.get_running_loop()
        self._due = None
        self._advance()
        if self._slices is not None:
            self._due = loop.call_soon(self._go_on)
        elif self._pending:
            self._due = loop.call_at(self._idle_at, self._go_on)

    def _advance(self) -> None:
        began = asyncio.get_running_loop().time()
        if self._slices is None:
            self._took = 0.0
            self._slices = self._round()
        done = next(self._slices, _DONE) is _DONE
        now = asyncio.get_running_loop().time()
        self._took += now - began
        if done:
            self._slices = None
            self._idle_at = now + self._took * REST

    def _round(self) -> Iterator[None]:
        events, self._pending = self._pending, []
        for viewer, known in self._joining.items():
            self._tell(viewer, events[known:])
            self._joining[viewer] = 0
        for start in range(0, len(events), PIECE):
            yield from self._write(self.messages(events[start : start + PIECE]))
        self.cursor = Cursor(events[-1].epoch, events[-1].seq)
        self._settle()

    def _tell(self, viewer: Viewer, events: Sequence[Event]) -> None:
        """What was heard between its coming and this round."""
        for start in range(0, len(events), PIECE):
            chosen = chosen_of(self.messages(events[start : start + PIECE]), viewer.follow)
            if chosen:
                viewer.push(chosen, viewer.framing.pack(chosen))

    def _settle(self) -> None:
        """Who knows none of what waits is where its group is."""
        for viewer in [one for one, known in self._joining.items() if not known]:
            del self._joining[viewer]
            self.groups.setdefault((viewer.follow, viewer.framing), set()).add(viewer)

    def _write(self, messages: list[Message]) -> Iterator[None]:
        """Groups do not grow meanwhile."""
        room = SLICE
        for (follow, framing), viewers in [*self.groups.items()]:
            chosen = chosen_of(messages, follow)
            packed = framing.pack(chosen) if chosen else b""
            for part in _parts([*viewers] if chosen else []):
                for viewer in part:
                    viewer.push(chosen, packed)
                room -= len(part)
                if room <= 0:
                    yield
                    room = SLICE


_DONE = object()


def chosen_of(messages: list[Message], follow: Follow) -> list[Message]:
    """Those of what is followed."""
    if follow is None:
        return messages
    return [message for message in messages if message.machine in follow]


def _parts(viewers: list[Viewer]) -> Iterator[list[Viewer]]:
    for start in range(0, len(viewers), SLICE):
        yield viewers[start : start + SLICE]
