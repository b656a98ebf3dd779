"""Alerts, composed: who waits, what rings, and where rings go."""

from zoneinfo import ZoneInfo

from config.sections import Config
from gateway.alerting.desk import Desk
from gateway.alerting.ringing import Ringing, Run
from gateway.alerting.telling import Telling
from gateway.api.audience import Audience
from gateway.core.alerts import Book
from gateway.core.clock import Clock
from gateway.core.opening import Opening
from gateway.core.presence import Presence
from gateway.core.rings import Patience, Reach, Rings
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
    ) -> None:
        self._clock, self._write = clock, write
        rules, gym = config.alerts, config.branch.id
        self.presence = Presence()
        self.audience = Audience(self.presence)
        self._telling = Telling(model, self.audience.tell)
        book = Book({view.machine: view.category for view in model.snapshot().machines})
        head_start = 0.0 if rules.all_at_once else rules.head_start
        zone = ZoneInfo(config.branch.timezone)
        rings = Rings(book, Patience(rules.settle, head_start), zone)
        self.ringing = Ringing(book, rings, model, clock, read, write, self._reach, self._telling)
        self.audience.greet_with(self._waiting)
        self.desk = Desk(book, self.ringing, model, gym, clock, opening, rules, write)

    def seen(self, member: str) -> None:
        """A member asked us something."""
        self.presence.seen(member, self._clock.monotonic())

    async def drop_old(self) -> int:
        """Forget some of what ended long ago; returns how much."""
        before = self._clock.wall() - KEPT
        return await self._write(lambda conn: ledger.drop_old(conn, before, DROPPED_AT_ONCE))

    def _reach(self, member: str) -> Reach:
        if self.presence.streams(member):
            return Reach.STREAM
        near = self.presence.near(member, self._clock.monotonic())
        return Reach.CHANNEL if near else Reach.NOT

    def _waiting(self, member: str) -> list[bytes]:
        return [self._telling.message(firing) for firing in self.ringing.unconfirmed(member)]
