"""Sends what is due: many at a time, none of them in the way of the next."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Protocol
from urllib.parse import urlsplit

from gateway.core.notices import Delivery, Notice, Outcome, Target
from gateway.notify.breaker import Breaker
from gateway.notify.channel import Channel

MOST = 32  # under way in all: sockets and half-open handshakes a small box can spare
OF_ONE_HOST = 2  # one hanging server takes no more than these
OF_ONE_MEMBER = 1  # one phone's dead subscriptions wait for each other
ATTEMPTS = 8  # then it is given up
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 300.0  # seconds, doubling, with full jitter
LOOK_EACH = 1.0  # seconds, while something waits
LINGER = 10.0  # seconds after a ring in which we look: a phone rings 8 s after the open page
IDLE = 30.0  # seconds; a ring wakes us
NOTE_AGAIN = 5.0  # seconds; also before the ledger is asked again after it failed

log = logging.getLogger(__name__)


class Outbox(Protocol):
    """The ledger's side: the table is the queue."""

    async def due(self) -> Sequence[Delivery]:
        """What shall be sent now, oldest first."""

    def still_due(self, delivery: Delivery) -> bool:
        """Asked right before each attempt."""

    async def note(
        self, delivery: Delivery, outcome: Outcome, latency: float, again_in: float | None
    ) -> None:
        """What an attempt led to."""


Jitter = Callable[[float], float]
"""A longest pause → the pause."""

Measured = Callable[[str, str, float], None]
"""Hears of every attempt: channel, what came of it, seconds."""


def full_jitter(longest: float) -> float:
    """Anything up to it, and not at once."""
    return random.uniform(0.5, max(0.5, longest))  # noqa: S311  no secret


class Courier:
    """Holds only what is under way."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        outbox: Outbox,
        jitter: Jitter = full_jitter,
        measured: Measured = lambda _channel, _kind, _latency: None,
    ) -> None:
        self._channels = channels
        self._outbox = outbox
        self._jitter = jitter
        self._measured = measured
        self._breaker = Breaker(monotonic)
        self._bell = asyncio.Event()
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._hosts: Counter[str] = Counter()
        self._members: Counter[str] = Counter()
        self._waiting: list[Delivery] = []  # of the last look; the ledger gives 64 of each way
        self._woken_at = monotonic()

    def wake(self) -> None:
        """Something is due, or soon will be."""
        self._woken_at = monotonic()
        self._bell.set()

    async def try_once(self, notice: Notice, target: Target) -> Outcome:
        """One attempt now, beside the queue, although the host may have failed before."""
        trial = Delivery(notice.firing_id, "", notice, target, 0)
        self._breaker.forget(host_of(trial))
        return await self._attempt(trial)

    async def run(self) -> None:
        """For ever; what is under way ends with it, and is due again at the next start."""
        try:
            while True:
                try:
                    self._bell.clear()
                    await self._look()
                    await self._sleep()
                except Exception:
                    log.exception("the ledger does not say what is due")
                    await asyncio.sleep(NOTE_AGAIN)
        finally:
            self._waiting = []
            tasks = [*self._under_way.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self) -> None:
        """Leaves out what is under way when it asks: it may end before the answer is here."""
        before, self._waiting = {*self._under_way}, []
        found = await self._outbox.due()
        self._waiting = [delivery for delivery in found if delivery.id not in before]
        self._fill()

    def _fill(self) -> None:
        """Start what has room; the others wait for an end or the next look."""
        waiting, self._waiting = self._waiting, []
        for delivery in waiting:
            if self._has_room(delivery):
                self._start(delivery)
            else:
                self._waiting.append(delivery)

    async def _sleep(self) -> None:
        lately = monotonic() - self._woken_at < LINGER
        busy = lately or bool(self._waiting) or bool(self._under_way)
        try:
            async with asyncio.timeout(LOOK_EACH if busy else IDLE):
                await self._bell.wait()
        except TimeoutError:
            return

    def _has_room(self, delivery: Delivery) -> bool:
        return (
            len(self._under_way) < MOST
            and self._hosts[host_of(delivery)] < OF_ONE_HOST
            and (not delivery.member or self._members[delivery.member] < OF_ONE_MEMBER)
        )

    def _start(self, delivery: Delivery) -> None:
        self._hosts[host_of(delivery)] += 1
        self._members[delivery.member] += 1
        task = asyncio.create_task(self._carry(delivery), name=f"delivery {delivery.id}")
        self._under_way[delivery.id] = task
        task.add_done_callback(lambda _: self._ended(delivery))

    def _ended(self, delivery: Delivery) -> None:
        del self._under_way[delivery.id]
        self._hosts -= Counter({host_of(delivery): 1})
        self._members -= Counter({delivery.member: 1})
        self._fill()
        if not self._waiting:
            self._bell.set()

    async def _carry(self, delivery: Delivery) -> None:
        """One attempt, and what is written of it. A bug in one channel is no other's."""
        if not self._outbox.still_due(delivery):
            return  # the ledger cancels it when it is asked for what is due
        began = monotonic()
        try:
            outcome = await self._attempt(delivery)
        except Exception as error:
            log.exception("the channel %s failed", delivery.target.channel)
            outcome = Outcome("permanent", f"{type(error).__name__}: {error}"[:200])
        again_in = self._again_in(delivery, outcome)
        if outcome.kind == "retry" and again_in is None:
            outcome = Outcome("permanent", f"given up: {outcome.reason}")
        latency = monotonic() - began
        self._measured(delivery.target.channel, outcome.kind, latency)
        await self._note(delivery, outcome, latency, again_in)
        if again_in is not None:
            asyncio.get_running_loop().call_later(again_in, self._bell.set)

    async def _note(
        self, delivery: Delivery, outcome: Outcome, latency: float, again_in: float | None
    ) -> None:
        """Under way until it is written, or true no longer: else it would be sent once more."""
        while True:
            try:
                return await self._outbox.note(delivery, outcome, latency, again_in)
            except Exception:
                log.exception("the ledger does not take what became of a delivery")
            await asyncio.sleep(NOTE_AGAIN)
            if not self._outbox.still_due(delivery):
                return None

    async def _attempt(self, delivery: Delivery) -> Outcome:
        host, channel = host_of(delivery), self._channels.get(delivery.target.channel)
        if channel is None:
            return Outcome("permanent", f"no channel {delivery.target.channel} is configured")
        if rests := self._breaker.rests(host):
            return Outcome("retry", f"{host} keeps failing", rests)
        outcome = await channel.send(delivery.notice, delivery.target, delivery.id)
        self._breaker.fared(host, well=outcome.kind != "retry" or outcome.host_works)
        return outcome

    def _again_in(self, delivery: Delivery, outcome: Outcome) -> float | None:
        """Seconds until the next attempt; None: there is none."""
        if outcome.kind != "retry" or delivery.attempts + 1 >= ATTEMPTS:
            return None
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**delivery.attempts)
        return max(self._jitter(longest), outcome.retry_after or 0.0)


def host_of(delivery: Delivery) -> str:
    """Whose failure is whose: the host behind a URL, else the channel."""
    return urlsplit(delivery.target.address).netloc or delivery.target.channel
