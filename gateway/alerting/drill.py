"""A trial of an alert's ways to its member: sent at once, marked as a trial, not in the ledger."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from gateway.alerting.outbox import Outbox
from gateway.alerting.targets import Targets
from gateway.core.alerts import Alert, Reason
from gateway.core.errors import ConflictError
from gateway.core.notices import Notice, Outcome, Target


class Send(Protocol):
    """One attempt, now, whatever failed before."""

    async def __call__(self, notice: Notice, target: Target, /) -> Outcome:
        """What came of it."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one way; seconds."""

    target: str
    channel: str
    outcome: str
    reason: str
    latency: float


class Drill:
    """Open pages are counted and not rung: to them a ring means that the machine is free."""

    def __init__(
        self,
        outbox: Outbox,
        targets: Targets,
        send: Send,
        why_silent: Callable[[Alert], Reason | None],
    ) -> None:
        self._outbox = outbox
        self._targets = targets
        self._send = send
        self._why_silent = why_silent

    async def test(self, alert: Alert, *, anyway: bool) -> list[Tried]:
        """Every target of its member, and the operators' own. Raises ConflictError: it is quiet."""
        if not anyway and (why := self._why_silent(alert)) is not None:
            raise ConflictError(
                f"This alert must not ring now ({why}); send it all the same with --anyway."
            )
        notice = self._outbox.trial(alert)
        targets = [*self._targets.of(alert.member), *self._targets.everywhere.values()]
        return [*await asyncio.gather(*(self._try(notice, target) for target in targets))]

    async def _try(self, notice: Notice, target: Target) -> Tried:
        began = monotonic()
        outcome = await self._send(notice, target)
        if outcome.kind in {"delivered", "permanent"}:
            self._targets.fared(target.id, well=outcome.kind == "delivered")
        latency = round(monotonic() - began, 3)
        return Tried(target.id, target.channel, outcome.kind, outcome.reason, latency)
