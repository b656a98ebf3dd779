"""The hub: an event is encoded once and its bytes are written to everyone who follows it."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from config.sections import Limits
from gateway.api.messages import (
    HeartbeatMessage,
    ResetMessage,
    clock_of,
    encode,
    snapshot_message,
)
from gateway.api.viewer import Follow, Frame, Viewer
from gateway.bus import Bus
from gateway.core.errors import FullError, LimitError
from gateway.core.events import Cursor, Event
from gateway.messages import encode_event
from gateway.readmodel import ReadModel, Replay

HEARTBEAT = 10.0  # seconds; SPEC allows 15
MOST_BEHIND = 30.0  # seconds a client may not read before it loses its place
MOST_GATHERED = 5000  # events in one round: 1 MB of frames
REPLAYS = 8  # at a time: each holds up to 2 MB of frames
REPLAY_WAIT = 2.0  # seconds to wait for one of them; then a snapshot must do
READ_PATIENCE = 10.0  # seconds the store may take to tell what was missed
MOST_ROUNDS = 20  # of reading what came meanwhile; a client that needs more reads too slowly
PIECE = 200  # events written at once while replaying: 40 kB
RETRY = (1000, 4000)  # milliseconds: a thousand clients do not come back at once


class Hub:
    """Streams to many viewers, and never waits for one of them."""

    def __init__(
        self,
        model: ReadModel,
        bus: Bus,
        limits: Limits,
        heartbeat: float = HEARTBEAT,
        most_behind: float = MOST_BEHIND,
    ) -> None:
        self._model = model
        self._bus = bus
        self._limits = limits
        self._heartbeat = heartbeat
        self._most_behind = most_behind
        self._views = {view.machine: view for view in model.snapshot().machines}
        self._cursor = model.snapshot().cursor
        self._pending: list[Event] = []
        self._groups: dict[tuple[Follow, bool], set[Viewer]] = {}
        self._seats: Counter[str] = Counter()
        self._replays = asyncio.Semaphore(REPLAYS)
        self._last_reset = (0, "")
        self._closed = False
        self._round: asyncio.TimerHandle | None = None
        self._idle_at = 0.0
        self._undo: list[Callable[[], None]] = []

    def start(self) -> None:
        """Listen to the bus, and let the heart beat."""
        self._loop = asyncio.get_running_loop()
        self._cursor = self._model.snapshot().cursor
        self._undo.append(self._bus.listen(self._hear))
        self._beating = self._loop.call_later(self._heartbeat, self._beat)

    def close(self) -> None:
        """End every stream; its client comes back by itself."""
        self._closed = True
        while self._undo:
            self._undo.pop()()
        self._beating.cancel()
        self._send_round()
        for viewer in self._viewers():
            viewer.end()

    @contextmanager
    def seat(self, address: str | None) -> Iterator[None]:
        """A place for a stream from that address. Raises FullError, LimitError."""
        key = address or "local"
        if self._closed or self._seats.total() >= self._limits.streams:
            raise FullError("All places for live streams are taken; try again in a minute.", 60)
        if address is not None and self._seats[key] >= self._limits.streams_per_address:
            detail = "Too many live streams are open from your address; close some tabs."
            raise LimitError(detail, 60)
        self._seats[key] += 1
        try:
            yield
        finally:
            self._seats[key] -= 1
            if not self._seats[key]:
                del self._seats[key]

    async def serve(self, viewer: Viewer, last_id: str | None) -> None:
        """Bring a viewer up to date and keep it so until it ends."""
        await viewer.send(b"retry: %d\n\n" % random.randint(*RETRY))  # noqa: S311  no secret
        resets, _ = self._last_reset
        reason = await self._replay(viewer, last_id) if last_id else None
        if resets != self._last_reset[0]:
            reason = self._last_reset[1]
        self._send_round()  # from here on nothing waits: all are where the model is
        if last_id is None or reason is not None:
            viewer.write(_pack(self._anew(viewer.follow, reason), viewer.chunked))
        group = self._groups.setdefault((viewer.follow, viewer.chunked), set())
        group.add(viewer)
        if self._closed:
            viewer.end()
        try:
            await viewer.ended
        finally:
            group.discard(viewer)
            if not group:
                self._groups.pop((viewer.follow, viewer.chunked), None)

    def reset_all(self, reason: str) -> None:
        """What was told is not right any more: everyone begins anew with a snapshot."""
        self._last_reset = (self._last_reset[0] + 1, reason)
        self._send_round()
        for (follow, chunked), viewers in self._groups.items():
            packed = _pack(self._anew(follow, reason), chunked)
            for viewer in viewers:
                if viewer.behind_since is None:
                    viewer.write(packed)
                else:
                    viewer.owed_reset = reason

    def catch_up(self, viewer: Viewer) -> None:
        """A viewer reads again: tell it what it is owed."""
        if viewer.owed_reset is not None:
            self._send_round()
            viewer.write(_pack(self._anew(viewer.follow, viewer.owed_reset), viewer.chunked))
        elif viewer.owed:
            viewer.write(_pack(b"".join(viewer.owed.values()), viewer.chunked))
        viewer.owed_reset = None
        viewer.owed.clear()

    # --- live events ------------------------------------------------------------------------------

    def _hear(self, events: Sequence[Event]) -> None:
        """Send at once when idle, else gather for as long as the last round took."""
        self._pending += events
        if len(self._pending) >= MOST_GATHERED:
            self._send_round()
        elif self._round is None:
            self._round = self._loop.call_at(self._idle_at, self._send_round)

    def _send_round(self) -> None:
        """Everything that waits, to everyone who follows it."""
        if self._round is not None:
            self._round.cancel()
            self._round = None
        if not self._pending:
            return
        began = self._loop.time()
        events, self._pending = self._pending, []
        frames = self._frames(events)
        self._cursor = Cursor(events[-1].epoch, events[-1].seq)
        for (follow, chunked), viewers in self._groups.items():
            chosen = _chosen(frames, follow)
            if not chosen:
                continue
            packed = _pack(b"".join(frame for _, frame in chosen), chunked)
            for viewer in viewers:
                viewer.push(chosen, packed)
        ended = self._loop.time()
        self._idle_at = ended + (ended - began)

    def _frames(self, events: Iterable[Event]) -> list[Frame]:
        """A machine that is not configured any more has no place in a stream."""
        return [
            (event.machine, _frame("machine_update", encode_event(event, view), event))
            for event in events
            if (view := self._views.get(event.machine)) is not None
        ]

    def _beat(self) -> None:
        """Tell everyone where the stream stands; drop who has not read for too long."""
        self._beating = self._loop.call_later(self._heartbeat, self._beat)
        at = str(self._cursor)
        frame = _frame("heartbeat", encode(HeartbeatMessage(id=at)), self._cursor)
        packed = {chunked: _pack(frame, chunked) for chunked in (False, True)}
        now = self._loop.time()
        for viewer in self._viewers():
            if viewer.behind_since is None:
                viewer.write(packed[viewer.chunked])
            elif now - viewer.behind_since > self._most_behind:
                viewer.cut()

    def _viewers(self) -> list[Viewer]:
        return [viewer for group in self._groups.values() for viewer in group]

    # --- beginning and resuming -------------------------------------------------------------------

    async def _replay(self, viewer: Viewer, last_id: str) -> str | None:
        """Send exactly what was missed; a reason if that cannot be done.

        On return the viewer is at the newest published event, and nothing has waited since.
        """
        cursor = Cursor.parse(last_id)
        if cursor is None:
            return "malformed_id"
        try:
            async with asyncio.timeout(REPLAY_WAIT):
                await self._replays.acquire()
        except TimeoutError:
            return "busy"
        try:
            return await self._send_missed(viewer, cursor)
        finally:
            self._replays.release()

    async def _send_missed(self, viewer: Viewer, cursor: Cursor) -> str | None:
        for _ in range(MOST_ROUNDS):
            replay = await self._missed(cursor)
            if replay.reset is not None:
                return replay.reset
            frames = _chosen(self._frames(replay.events), viewer.follow)
            for start in range(0, len(frames), PIECE):
                await viewer.send(b"".join(frame for _, frame in frames[start : start + PIECE]))
            cursor = replay.cursor
            if cursor == self._model.snapshot().cursor:
                return None
        return "too_slow"

    async def _missed(self, cursor: Cursor) -> Replay:
        try:
            async with asyncio.timeout(READ_PATIENCE):
                return await self._model.since(cursor)
        except TimeoutError:
            return Replay((), cursor, reset="store_too_slow")

    def _anew(self, follow: Follow, reason: str | None) -> bytes:
        """Why everything is told anew (None: it is the first time), and a snapshot."""
        snapshot = self._model.snapshot()
        followed = (v for v in snapshot.machines if follow is None or v.machine in follow)
        as_of = max((branch.as_of for branch in self._model.branches()), default=0.0)
        message = snapshot_message(snapshot, followed, as_of, clock_of(self._model))
        frame = _frame("snapshot", encode(message), snapshot.cursor)
        return frame if reason is None else _reset(reason) + frame


def _chosen(frames: list[Frame], follow: Follow) -> list[Frame]:
    return frames if follow is None else [frame for frame in frames if frame[0] in follow]


def _frame(kind: str, data: bytes, at: Event | Cursor) -> bytes:
    return b"event: %b\nid: %b-%d\ndata: %b\n\n" % (kind.encode(), at.epoch.encode(), at.seq, data)


def _reset(reason: str) -> bytes:
    return b"event: reset\ndata: %b\n\n" % encode(ResetMessage(reason=reason))


def _pack(data: bytes, chunked: bool) -> bytes:  # noqa: FBT001  it is a kind of framing
    """As it goes over the wire: one HTTP chunk, or as it is for HTTP/1.0."""
    return b"%x\r\n%b\r\n" % (len(data), data) if chunked else data
