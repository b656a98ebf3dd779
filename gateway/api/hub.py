"""The hub: an event is encoded once and its bytes are written to everyone who follows it."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager

from config.sections import Limits
from gateway.api.audience import Audience
from gateway.api.framing import FRAMINGS, Message
from gateway.api.messages import (
    HeartbeatMessage,
    ResetMessage,
    clock_of,
    encode,
    machine_row,
    snapshot_message,
)
from gateway.api.rounds import PIECE, Rounds, chosen_of
from gateway.api.seats import Seats, Share, not_local
from gateway.api.viewer import NOTHING, Follow, Viewer
from gateway.bus import Bus
from gateway.core.events import Cursor
from gateway.core.presence import Presence
from gateway.readmodel import ReadModel, Replay

HEARTBEAT = 10.0  # seconds; SPEC allows 15
MOST_BEHIND = 30.0  # seconds a client may not read before it loses its place
AGE = (3600.0, 7200.0)  # seconds after which a stream ends; its client comes back and resumes
REPLAYS = 8  # at a time: each holds up to 10,000 events
REPLAY_WAIT = 2.0  # seconds to wait for one of them; then a snapshot must do
READ_PATIENCE = 10.0  # seconds the store may take to tell what was missed
MOST_ROUNDS = 20  # of reading what came meanwhile; a client that needs more reads too slowly


class Hub:
    """Streams to many viewers, and never waits for one of them."""

    def __init__(
        self,
        model: ReadModel,
        bus: Bus,
        limits: Limits,
        heartbeat: float = HEARTBEAT,
        most_behind: float = MOST_BEHIND,
        age: tuple[float, float] = AGE,
        share: Share = not_local,
        audience: Audience | None = None,
    ) -> None:
        self._model = model
        self._bus = bus
        self._heartbeat = heartbeat
        self._most_behind = most_behind
        self._age = age
        snapshot = model.snapshot()
        self._views = {view.key: view for view in snapshot.machines}
        self._rounds = Rounds(self._views, snapshot.cursor)
        self._open: dict[Viewer, float] = {}  # when each shall end
        self._seats = Seats(limits, share)
        self._audience = audience or Audience(Presence())
        self._delivered: Counter[str] = Counter()  # by streams that have ended, by transport
        self._dropped: Counter[str] = Counter()
        self._replays = asyncio.Semaphore(REPLAYS)
        self._last_reset = (0, "")
        self._closed = False
        self._undo: list[Callable[[], None]] = []

    def start(self) -> None:
        """Listen to the bus, and let the heart beat."""
        self._loop = asyncio.get_running_loop()
        self._rounds.cursor = self._model.snapshot().cursor
        self._undo.append(self._bus.listen(self._rounds.hear))
        self._beating = self._loop.call_later(self._heartbeat, self._beat)

    def limit(self, limits: Limits, share: Share) -> None:
        """So many streams from now on; those that are open stay."""
        self._seats.limits, self._seats.share = limits, share

    def close(self) -> None:
        """End every stream; its client comes back by itself."""
        self._closed = True
        while self._undo:
            self._undo.pop()()
        self._beating.cancel()
        self._rounds.flush()
        for viewer in self._open:
            viewer.end()

    # --- coming, following, going -----------------------------------------------------------------

    def seat(self, address: str) -> AbstractContextManager[None]:
        """A place for a stream from that address. Raises FullError, LimitError."""
        return self._seats.taken(address)

    @contextmanager
    def attended(self, viewer: Viewer) -> Iterator[None]:
        """An open stream, until its end; of what, `follow` says."""
        self._open[viewer] = viewer.since + random.uniform(*self._age)  # noqa: S311  no secret
        self._audience.came(viewer)
        if self._closed:
            viewer.end()
        try:
            yield
        finally:
            self._rounds.leave(viewer)
            self._audience.left(viewer)
            del self._open[viewer]
            self._delivered[viewer.framing.transport] += viewer.delivered
            self._dropped[viewer.framing.transport] += viewer.dropped

    async def follow(self, viewer: Viewer, follow: Follow, since: str | None) -> None:
        """Tell how things stand, or what was missed `since` then; from now on every change."""
        self._stop_following(viewer)
        viewer.follow = follow
        resets, _ = self._last_reset
        reason = await self._replay(viewer, since) if since else None
        if resets != self._last_reset[0]:
            reason = self._last_reset[1]
        if not since or reason is not None:
            viewer.say(*self._anew(follow, reason))
        self._rounds.join(viewer, follow)

    def greet(self, viewer: Viewer) -> None:
        """Tell a member what rang and is not confirmed."""
        self._audience.greet(viewer)

    def refollow(self, viewer: Viewer, follow: Follow) -> None:
        """From now on the changes of these, and no word of how they stand."""
        self._stop_following(viewer)
        self._rounds.join(viewer, follow)

    def _stop_following(self, viewer: Viewer) -> None:
        """A round that is under way is told to the end first: half of it would be a gap."""
        if viewer.follow != NOTHING:
            self._rounds.flush()
        self._rounds.leave(viewer)

    def end_streams_of(self, holders: Collection[str]) -> None:
        """They may not listen any more: what is theirs ends."""
        for viewer in self._open:
            if viewer.holder in holders:
                viewer.end()

    def as_of(self) -> float:
        """Epoch seconds, by the clock of what we read."""
        return max((branch.as_of for branch in self._model.branches()), default=0.0)

    def streams(self) -> list[Viewer]:
        """Every open stream, the newest last."""
        return [*self._open]

    def deliveries(self) -> Counter[str]:
        """Events written so far, by transport."""
        found = Counter(self._delivered)
        for viewer in self._open:
            found[viewer.framing.transport] += viewer.delivered
        return found

    def drops(self) -> Counter[str]:
        """Events that newer ones made needless while a client did not read, by transport."""
        found = Counter(self._dropped)
        for viewer in self._open:
            found[viewer.framing.transport] += viewer.dropped
        return found

    def reset_all(self, reason: str) -> None:
        """What was told is not right any more: everyone begins anew with a snapshot."""
        self._last_reset = (self._last_reset[0] + 1, reason)
        self._rounds.flush()
        self._views.clear()
        self._views.update({view.key: view for view in self._model.snapshot().machines})
        for (follow, framing), viewers in self._rounds.groups.items():
            packed = b"".join([framing.pack([part]) for part in self._anew(follow, reason)])
            for viewer in viewers:
                if viewer.behind_since is None:
                    viewer.write(packed)
                else:
                    viewer.owed_reset = reason

    def catch_up(self, viewer: Viewer) -> None:
        """A viewer reads again: tell it what it is owed."""
        reason = viewer.owed_reset
        if reason is None:
            viewer.catch_up()
        else:
            self._rounds.flush()
            viewer.forget()
            viewer.say(*self._anew(viewer.follow, reason))
        self._audience.drained(viewer)

    def _beat(self) -> None:
        """Tell everyone where the stream stands; end who has not read, or is old enough."""
        self._beating = self._loop.call_later(self._heartbeat, self._beat)
        self._tell_cursor()
        now = self._loop.time()
        for viewer, until in self._open.items():
            if viewer.behind_since is not None and now - viewer.behind_since > self._most_behind:
                viewer.cut()
            elif now > until:
                viewer.end()

    def _tell_cursor(self) -> None:
        """Not to who is being told what it missed: it is not there yet."""
        self._rounds.flush()
        cursor = self._rounds.cursor
        message = Message("heartbeat", encode(HeartbeatMessage(id=str(cursor))), cursor)
        packed = {framing: framing.pack([message]) for framing in FRAMINGS}
        for viewer in self._viewers():
            if viewer.behind_since is None:
                viewer.write(packed[viewer.framing])

    def _viewers(self) -> list[Viewer]:
        return self._rounds.viewers()

    # --- beginning and resuming -------------------------------------------------------------------

    async def _replay(self, viewer: Viewer, since: str) -> str | None:
        """Send exactly what was missed; a reason if that cannot be done.

        On return the viewer is at the newest published event, and nothing has waited since.
        """
        cursor = Cursor.parse(since)
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
            for start in range(0, len(replay.events), PIECE):
                messages = self._rounds.messages(replay.events[start : start + PIECE])
                chosen = chosen_of(messages, viewer.follow)
                if chosen:
                    await viewer.send(chosen)
                await asyncio.sleep(0)  # live events of others come in between
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

    def _anew(self, follow: Follow, reason: str | None) -> list[Message]:
        """Why everything is told anew (None: it is the first time), and a snapshot."""
        snapshot = self._model.snapshot()
        views = [v for v in snapshot.machines if follow is None or v.key in follow]
        followed = [machine_row(v, self._model.foretell(v.gym, v.machine)) for v in views]
        clock = clock_of(self._model)
        data = encode(snapshot_message(snapshot, followed, self.as_of(), clock))
        told = [Message("snapshot", data, snapshot.cursor)]
        if reason is not None:
            told.insert(0, Message("reset", encode(ResetMessage(reason=reason))))
        return told
