"""What leaves the house: a row for each ring and target, sent while it is still true."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence

from gateway.alerting.ringing import Open, Run
from gateway.alerting.targets import Targets
from gateway.alerting.telling import Telling
from gateway.core.alerts import Alert, Reason
from gateway.core.clock import Clock
from gateway.core.notices import Delivery, Notice, Outcome, Target
from gateway.core.rings import Firing
from gateway.store import deliveries
from gateway.store.deliveries import Wanted

SEEN_WITHIN = 8.0  # seconds in which an open page may confirm, before the phone rings as well
EVERYONE = ""  # whose an operator's target is


class Outbox:
    """Rings go to open streams at once, to the other targets through the ledger."""

    def __init__(
        self,
        telling: Telling,
        targets: Targets,
        clock: Clock,
        write: Run,
        deliver_within: float,
        page_of: Callable[[str], str],
    ) -> None:
        """`deliver_within` in seconds; `page_of` gives a machine's page."""
        self._telling = telling
        self._targets = targets
        self._clock = clock
        self._write = write
        self.deliver_within = deliver_within
        self._page_of = page_of
        self._open: Callable[[str], Open | None] = lambda _firing: None
        self._why_silent: Callable[[Firing], Reason | None] = lambda _firing: None
        self._wake: Callable[[], None] = lambda: None

    def connect(
        self,
        open_: Callable[[str], Open | None],
        why_silent: Callable[[Firing], Reason | None],
        wake: Callable[[], None],
    ) -> None:
        """Whom to ask whether a ring still holds, and whom to wake."""
        self._open, self._why_silent, self._wake = open_, why_silent, wake

    # --- what rings ---------------------------------------------------------------------------

    def tell(self, firing: Firing) -> bool:
        """To the member's open streams."""
        return self._telling.tell(firing)

    def prepare(self, firings: Iterable[Firing]) -> Callable[[sqlite3.Connection, set[str]], None]:
        """Rows for every target of these; those of firings that are new are written."""
        wanted = [one for firing in firings for one in self._wanted(firing)]

        def queue(conn: sqlite3.Connection, new: set[str]) -> None:
            deliveries.queue(conn, [one for one in wanted if one.firing.id in new])

        return queue

    def wake(self) -> None:
        """Something is due."""
        self._wake()

    def _wanted(self, firing: Firing) -> Iterable[Wanted]:
        member = firing.alert.member
        later = firing.at + (SEEN_WITHIN if firing.streamed else 0.0)
        for target in self._targets.of(member):
            yield Wanted(firing, member, target, later)
        for target in self._targets.everywhere.values():
            yield Wanted(firing, EVERYONE, target, firing.at)

    # --- what the courier asks ----------------------------------------------------------------

    async def due(self) -> Sequence[Delivery]:
        """What shall be sent now; what is true no longer is cancelled instead."""
        now = self._clock.wall()
        rows = await self._write(lambda conn: deliveries.due(conn, now))
        wanted, over = [], []
        for row in rows:
            found = self._delivery(row)
            if found is not None and self.still_due(found):
                wanted.append(found)
            else:
                over.append(row.number)
        if over:
            await self._write(lambda conn: deliveries.cancel(conn, over, now, "over"))
        return wanted

    def still_due(self, delivery: Delivery) -> bool:
        """Whether it is still true, wanted, and not quiet: asked before each attempt."""
        one = self._open(delivery.notice.firing_id)
        if one is None or delivery.notice.expires_at <= self._clock.wall():
            return False
        if self._targets.get(delivery.target.id) is None:
            return False  # it was removed a moment ago
        return delivery.member == EVERYONE or self._why_silent(one.firing) is None

    async def note(
        self, delivery: Delivery, outcome: Outcome, latency: float, again_in: float | None
    ) -> None:
        """What an attempt led to; `again_in` seconds the next one is made."""
        target, wall = delivery.target, self._clock.wall()
        one = self._open(delivery.notice.firing_id)
        if outcome.kind == "delivered" and one is not None and delivery.member != EVERYONE:
            one.told = True
        again = None if again_in is None else wall + again_in
        number = int(delivery.id)
        await self._write(
            lambda conn: deliveries.note(
                conn, number, target.channel, outcome, at=wall, latency=latency, again=again
            )
        )
        if outcome.kind == "gone":
            await self._targets.drop(target.id, "gone")
        elif again is None:
            self._targets.fared(target.id, well=outcome.kind == "delivered")

    def _delivery(self, row: deliveries.Row) -> Delivery | None:
        one, target = self._open(row.firing), self._targets.get(row.target)
        if one is None or target is None:
            return None
        notice = self.notice(one.firing)
        return Delivery(str(row.number), row.member, notice, target, row.attempts)

    def notice(self, firing: Firing) -> Notice:
        """What is sent."""
        scene, alert = self._telling.scene(firing), firing.alert
        return Notice(
            firing_id=firing.id,
            alert_id=alert.id,
            machine=firing.machine,
            name=scene.view.name,
            category=scene.view.category,
            free_since=firing.free_since,
            expires_at=min(alert.expires, firing.at + self.deliver_within),
            place=firing.place,
            url=self._page_of(firing.machine),
            note=alert.note or None,
        )

    def trial(self, alert: Alert) -> Notice:
        """What is sent to see whether it arrives."""
        view, now = self._telling.first_of(alert), self._clock.wall()
        return Notice(
            firing_id=f"trial-{alert.id}-{now:.0f}",
            alert_id=alert.id,
            machine=view.machine,
            name=view.name,
            category=view.category,
            free_since=now,
            expires_at=now + self.deliver_within,
            place=1,
            url=self._page_of(view.machine),
            trial=True,
        )


def branch_targets(webhooks: Iterable[str], mqtt_topic: str | None) -> tuple[Target, ...]:
    """The operators' own, from the configuration alone."""
    hooks = [
        Target(f"webhook-{number}", "webhook", address)
        for number, address in enumerate(webhooks, start=1)
    ]
    return (*hooks, *([Target("mqtt", "mqtt", mqtt_topic)] if mqtt_topic else ()))
