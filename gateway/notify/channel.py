"""What a channel is."""

from typing import Protocol

from gateway.core.notices import Notice, Outcome, Target


class Channel(Protocol):
    """Carries a notice to one target. Never raises what the other side or the network did."""

    async def send(self, notice: Notice, target: Target, delivery: str) -> Outcome:
        """One attempt; `delivery` names it, so that the other side can tell repetitions."""
