"""Alerts, composed: who waits, what rings, and where rings go."""

import asyncio
from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo

from config.sections import Alerts as Rules
from config.sections import Config
from gateway.alerting.desk import Desk
from gateway.alerting.drill import Drill
from gateway.alerting.outbox import Outbox, branch_targets
from gateway.alerting.ringing import Ringing, Run
from gateway.alerting.targets import Targets
from gateway.alerting.telling import Telling
from gateway.api.audience import Audience
from gateway.app.notify import Channels
from gateway.core.alerts import Alert, Book, Reason
from gateway.core.clock import Clock
from gateway.core.forecast import Prediction
from gateway.core.notices import Notice, Outcome, Target
from gateway.core.opening import Opening
from gateway.core.presence import Presence
from gateway.core.rings import Firing, Patience, Reach, Rings
from gateway.notify.courier import Courier, Measured
from gateway.readmodel import ReadModel
from gateway.store import alerts as ledger

KEPT = 30 * 86_400.0  # seconds that an ended alert is remembered: a month's statistics
DROPPED_AT_ONCE = 200  # alerts a transaction: a few milliseconds of the writer's time


class Alerts:
    """`read` on history.db, `write` on ledger.db."""

    def __init__(
        self,
        config: Config,
        model: ReadModel,
        clock: Clock,
        opening: Opening,
        read: Run,
        write: Run,
        channels: Channels,
        measured: Measured,
    ) -> None:
        self._clock, self._write, self._channels = clock, write, channels
        self._config, self._renewed = config, asyncio.Event()
        self._measured = measured
        self.push_key = channels.public_key
        self._model, self._gym = model, config.branch.id
        rules, gym = config.alerts, config.branch.id
        self.presence = Presence(clock.monotonic())
        self.audience = Audience(self.presence)
        self._telling = Telling(model, self.audience.tell)
        objection, ntfy = channels.objection, config.notify.ntfy
        self.targets = Targets(write, clock, objection, ntfy, _everywhere(config))
        self.outbox = Outbox(
            self._telling,
            self.targets,
            clock,
            write,
            rules.deliver_within,
            lambda machine: f"{self._config.branch.public_url}/m/{machine}",
        )
        self._category_of = {view.machine: view.category for view in model.snapshot().machines}
        self._book = book = Book(self._category_of)
        zone = ZoneInfo(config.branch.timezone)
        self._rings = rings = Rings(book, _patience(rules), zone)
        self.ringing = Ringing(book, rings, model, clock, read, write, self._reach, self.outbox)
        self.audience.greet_with(self._waiting)
        self.desk = Desk(book, self.ringing, model, gym, clock, opening, rules, write)
        self.drill = Drill(self.outbox, self.targets, self._try_once, self._why_quiet)
        self._courier: Courier | None = None

    def counts(self) -> dict[str, Callable[[], float | Mapping[str, float]]]:
        """For the metrics: how many wait, and what became of them since the start."""
        return {
            "alerts": lambda: len(self._book),
            "rings": lambda: self.ringing.fired,
            "silences": lambda: {why.value: n for why, n in self._rings.silences.total.items()},
        }

    async def reconfigure(self, config: Config) -> None:
        """These rules and channels, and the machines that the read model has now."""
        rules, notify = config.alerts, config.notify
        if (notify, config.branch) != (self._config.notify, self._config.branch):
            self._channels.follow(config)
            self.targets.follow(notify.ntfy, _everywhere(config))
            self._renewed.set()
        self._config = config
        self._category_of.clear()
        self._category_of.update({v.machine: v.category for v in self._model.snapshot().machines})
        self._rings.patience = _patience(rules)
        self.outbox.deliver_within = rules.deliver_within
        self.desk.follow(rules)
        await self.ringing.end_orphans()

    async def load(self) -> None:
        """Go on as the ledger says."""
        await self.targets.load()
        await self.ringing.load()

    def foretell(self, alert: Alert) -> Prediction | None:
        """Of its machine, or of the likeliest of its category."""
        if alert.machine is not None:
            return self._foretell(alert.machine)
        found = [told for m in self._of_category(alert) if (told := self._foretell(m)) is not None]
        return max(found, key=lambda told: told.probability_free, default=None)

    def _foretell(self, machine: str) -> Prediction | None:
        return self._model.foretell(self._gym, machine)

    def _of_category(self, alert: Alert) -> list[str]:
        return [v.machine for v in self._model.snapshot().machines if v.category == alert.category]

    async def deliver(self) -> None:
        """Send what is due; it ends when the channels are other ones, to be begun again."""
        courier = self._courier = Courier(
            self._channels.open(), self.outbox, measured=self._measured
        )
        self.outbox.connect(self.ringing.open, self._why_silent, courier.wake)
        self._renewed.clear()
        parts = [asyncio.create_task(part) for part in (courier.run(), self._renewed.wait())]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            self._courier = None
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
            await self._channels.close()

    async def _try_once(self, notice: Notice, target: Target) -> Outcome:
        if self._courier is None:
            return Outcome("retry", "deliveries are about to start; try again")
        return await self._courier.try_once(notice, target)

    def forget_members(self, members: list[str]) -> None:
        """They are gone."""
        self.ringing.forget_members(members)
        self.targets.forget_members(members)

    def seen(self, member: str) -> None:
        """A member asked us something."""
        self.presence.seen(member, self._clock.monotonic())

    async def drop_old(self, now: float) -> int:
        """Forget some of what ended long ago (epoch seconds); returns how much."""
        before = now - KEPT
        return await self._write(lambda conn: ledger.drop_old(conn, before, DROPPED_AT_ONCE))

    def _reach(self, member: str) -> Reach:
        if self.presence.streams(member):
            return Reach.STREAM
        near = self.presence.near(member, self._clock.monotonic())
        return Reach.CHANNEL if near or self.targets.work(member) else Reach.NOT

    def _why_silent(self, firing: Firing) -> Reason | None:
        return self._why_quiet(firing.alert)

    def _why_quiet(self, alert: Alert) -> Reason | None:
        clock = self._clock
        return self._rings.why_silent(alert, clock.wall(), synchronised=clock.synchronised)

    def _waiting(self, member: str) -> list[bytes]:
        return [self._telling.message(firing) for firing in self.ringing.unconfirmed(member)]


def _patience(rules: Rules) -> Patience:
    return Patience(rules.settle, 0.0 if rules.all_at_once else rules.head_start)


def _everywhere(config: Config) -> tuple[Target, ...]:
    topic = f"gyms/{config.branch.id}/alerts" if config.notify.mqtt else None
    return branch_targets(config.notify.webhooks, topic)
