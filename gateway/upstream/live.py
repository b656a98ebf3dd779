"""The fast lane: who we are and how we stand, the newest only, before all that is old."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from gateway.chain import Branch, Summary, encode
from gateway.core.events import Event
from gateway.upstream.line import Line

AT_MOST_EVERY = 1.0  # seconds between two summaries: what changes meanwhile goes with the next
AT_LEAST_EVERY = 60.0  # seconds: who hears none for five of these takes us for gone
DESCRIBED_EVERY = 3600.0  # seconds: some brokers give wildcards no retained messages
AFTER_REFUSAL = 30.0  # seconds: an ACL is mended by a person


class Live:
    """Wakes with the bus; while one summary is unacknowledged no other is sent."""

    def __init__(
        self,
        gym: str,
        line: Line,
        branch: Callable[[], Branch],
        summary: Callable[[], Summary],
    ) -> None:
        """`branch` and `summary` as of the call."""
        self._head = f"gyms/{gym}"
        self._line = line
        self._branch = branch
        self._summary = summary
        self._rung = asyncio.Event()
        self._renewed = True
        self._described_at = 0.0  # monotonic
        self.current = asyncio.Event()
        """The broker has a summary of this connection: what is old may follow."""
        self.sent = 0
        """Summaries that were acknowledged."""

    def ring(self, _events: Sequence[Event]) -> None:
        """Something has changed."""
        self._rung.set()

    def renew(self) -> None:
        """The branch describes itself otherwise now."""
        self._renewed = True
        self._rung.set()

    async def run(self) -> None:
        """As long as one connection lasts."""
        self.current.clear()
        self._renewed = True
        while True:
            self._rung.clear()
            try:
                await self._tell()
            except PermissionError:  # the line says which topic and what to do
                await asyncio.sleep(AFTER_REFUSAL)
                continue
            await asyncio.sleep(AT_MOST_EVERY)
            with suppress(TimeoutError):
                async with asyncio.timeout(AT_LEAST_EVERY):
                    await self._rung.wait()

    async def _tell(self) -> None:
        """All at once, so that nothing waits for an acknowledgement but the next round.

        Who we are goes first: a hub knows nothing of a branch that has not described itself.
        """
        send, now = self._line.send, time.monotonic()
        renewed = self._renewed or now - self._described_at > DESCRIBED_EVERY
        parts = []
        if renewed:
            self._renewed, self._described_at = False, now
            parts = [
                send(f"{self._head}/branch", encode(self._branch()), retain=True),
                send(f"{self._head}/gateway", b"online", retain=True),
            ]
        parts.append(send(f"{self._head}/summary", encode(self._summary()), retain=True))
        *told, summary = await asyncio.gather(*parts, return_exceptions=True)
        self._renewed |= any(isinstance(one, BaseException) for one in told)
        if not isinstance(summary, BaseException):
            self.sent += 1
            self.current.set()
        for one in (summary, *told):
            if isinstance(one, BaseException):
                raise one
