"""Rules and ledger together against a reference that is too simple to be wrong.

Random edges, late words, restarts with and without a kill, clock steps, days on which the clock
changes, quiet hours, cooldowns, epochs: no ring that is false, none twice, none lost.
"""

import sqlite3
from collections import Counter
from dataclasses import replace
from datetime import datetime
from math import inf
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlite_utils import Database

from gateway.core.alerts import Alert, Book, State
from gateway.core.events import Cause, Cursor, Event, Status
from gateway.core.quiet_hours import QuietHours
from gateway.core.rings import Firing, Moment, Offer, Patience, Reach, Rings
from gateway.store import alerts as ledger
from gateway.store import schema

ZONE = ZoneInfo("Europe/Berlin")
STARTS = [
    datetime(2026, 3, 28, 20, 0, tzinfo=ZONE).timestamp(),  # the next night has 23 hours
    datetime(2026, 10, 24, 20, 0, tzinfo=ZONE).timestamp(),  # and this one 25
    datetime(2026, 6, 1, 12, 0, tzinfo=ZONE).timestamp(),
]
MACHINES = {"press": "legs", "curl": "legs", "bench": "chest"}
SETTLE, HEAD_START, COOLDOWN, TOO_OLD = 10.0, 60.0, 300.0, 120.0
FREE, OCCUPIED = Status.FREE, Status.OCCUPIED
MEMBERS = ["m1", "m2", "m3", "m4"]
QUIET = [None, QuietHours(22 * 60, 7 * 60), QuietHours(2 * 60, 3 * 60), QuietHours(0, 0)]


class Simple:
    """The reference: it keeps every event for ever and looks through all of it each time."""

    def __init__(self, head_start: float) -> None:
        self.head_start = head_start
        self.status: dict[str, Status] = {}
        self.edge: dict[str, tuple[str, int, float, float]] = {}  # name, free since, settles (mono)
        self.passed: dict[tuple[str, int], set[int]] = {}
        self.next_at: dict[tuple[str, int], float] = {}
        self.told: dict[tuple[str, int], set[str]] = {}  # who waits twice is told once

    def take(self, event: Event, age: float, now: float) -> None:
        before, self.status[event.machine] = self.status.get(event.machine), event.status
        if before is event.status:
            return
        self.edge.pop(event.machine, None)
        proven = before is OCCUPIED and event.status is FREE and event.live
        told = (event.epoch, event.seq) in self.next_at  # by an earlier process, before a kill
        if proven and (told or -TOO_OLD <= age <= SETTLE + TOO_OLD):
            settles = now + max(0.0, SETTLE - max(0.0, age))
            self.edge[event.machine] = (event.epoch, event.seq, event.last_change, settles)

    def start_again(self, statuses: dict[str, Status]) -> None:
        """What lies beyond the cursor is judged anew, but for what somebody was told of."""
        self.status = dict(statuses)
        told = {machine: edge for machine, edge in self.edge.items() if edge[:2] in self.next_at}
        self.edge = {machine: edge for machine, edge in told.items() if statuses[machine] is FREE}
        self.passed = {name: all_ for name, all_ in self.passed.items() if name in self.next_at}

    def rings(
        self, alerts: list[Alert], cool: dict[int, float], now: float, wall: float, away: set[str]
    ) -> set[str]:
        found, rung = set(), set()
        due = {
            machine: max(settles, self.next_at.get((epoch, seq), 0.0))
            for machine, (epoch, seq, _, settles) in self.edge.items()
        }
        for machine in sorted(due, key=lambda machine: (due[machine], machine)):
            epoch, seq, _, _ = self.edge[machine]
            name = epoch, seq
            if now < due[machine]:
                continue
            passed = self.passed.setdefault(name, set())
            for alert in sorted(alerts, key=lambda one: one.number):
                waits = machine == alert.machine or MACHINES[machine] == alert.category
                if not waits or alert.number <= max(passed, default=0) or alert.state != "armed":
                    continue
                if alert.number in rung:
                    break  # it rings for another machine now; then we look again
                passed.add(alert.number)
                old = alert.since.epoch == epoch and alert.since.seq >= seq
                quiet = alert.quiet is not None and alert.quiet.cover(wall, ZONE)
                cooling = now < cool.get(alert.number, 0.0)
                deaf = quiet or cooling or alert.member in away | self.told.setdefault(name, set())
                if not (old or alert.expires <= wall or deaf):
                    found.add(f"{alert.id}-{epoch}-{seq}")
                    self.told[name].add(alert.member)
                    rung.add(alert.number)
                    self.next_at[name] = now + self.head_start if self.head_start else 0.0
                    if self.head_start:
                        break
        return found


class Alerts(RuleBasedStateMachine):
    """Drives both, and compares what rings."""

    @initialize(start=st.sampled_from(STARTS), head_start=st.sampled_from([HEAD_START, 0.0]))
    def begin(self, start: float, head_start: float) -> None:
        self.head_start = head_start
        self.conn = sqlite3.connect(":memory:", isolation_level=None)
        schema.ledger.apply(Database(self.conn, execute_plugins=False))
        self.now, self.offset = 1000.0, start - 1000.0
        self.epoch, self.seq = "e0", 0
        self.log: list[Event] = []
        self.simple = Simple(head_start)
        self.cool: dict[int, float] = {}
        self.away: set[str] = set()
        self.rung: Counter[str] = Counter()
        self.alerts: dict[int, Alert] = {}
        self.book, self.rings = Book(MACHINES), Rings(Book(MACHINES), Patience(0, 0), ZONE)
        self.read = Cursor(self.epoch, 0)
        self._make()
        for machine in MACHINES:
            self._event(machine, OCCUPIED, live=True, late=0.0)
        for wished, member in zip((None, "press", "curl", None), MEMBERS, strict=True):
            self.subscribe(machine=wished, quiet=None, lasts=1e6, repeat=True, member=member)

    @property
    def wall(self) -> float:
        return self.now + self.offset

    def _make(self) -> None:
        self.book = Book(MACHINES)
        self.rings = Rings(self.book, Patience(SETTLE, self.head_start), ZONE)

    # --- what happens -------------------------------------------------------------------------

    @rule(
        machine=st.sampled_from([*MACHINES]),
        status=st.sampled_from([FREE, FREE, FREE, OCCUPIED, OCCUPIED, Status.UNKNOWN]),
        live=st.sampled_from([True, True, True, False]),
        late=st.sampled_from([0.0, 0.0, 0.0, 5.0, 100.0, 131.0]),
    )
    def event(self, machine: str, status: Status, live: bool, late: float) -> None:
        self._event(machine, status, live=live, late=late)

    @rule(
        machine=st.sampled_from([*MACHINES]),
        before=st.sampled_from([OCCUPIED, OCCUPIED, OCCUPIED, Status.UNKNOWN]),
        live=st.sampled_from([True, True, True, False]),
        late=st.sampled_from([0.0, 0.0, 5.0, 100.0, 131.0]),
        seconds=st.sampled_from([0.0, 9.0, 10.0, 70.0]),
    )
    def a_set_ends(
        self, machine: str, before: Status, live: bool, late: float, seconds: float
    ) -> None:
        """What happens most, for a chance event seldom is an edge that rings."""
        self._event(machine, before, live=True, late=late)
        self._event(machine, FREE, live=live, late=late)
        self.now += seconds
        self._turns()

    @rule(
        machine=st.sampled_from([*MACHINES]),
        before=st.sampled_from([0.0, 9.0, 10.0, 70.0]),
        again=st.booleans(),
        saved=st.booleans(),
        down=st.sampled_from([0.0, 1.0, 20.0, 200.0]),
        after=st.sampled_from([0.0, 10.0, 60.0]),
    )
    def a_set_ends_and_we_are_killed(
        self, machine: str, before: float, again: bool, saved: bool, down: float, after: float
    ) -> None:
        """While it settles, or between two of those who wait."""
        self.a_set_ends(machine, OCCUPIED, live=True, late=0.0, seconds=before)
        if again:
            self._event(machine, FREE, live=False, late=0.0)  # another cause
        if saved:
            ledger.save_cursor(self.conn, self._safe_cursor(), {})
        self.killed_and_started_again(down)
        self.now += after
        self._turns()

    def _event(self, machine: str, status: Status, *, live: bool, late: float) -> None:
        self.seq += 1
        at = self.wall - late
        event = Event(self.seq, self.epoch, machine, status, Cause.OBSERVED, at, at, live, None)
        self.log.append(event)
        self.simple.take(event, late, self.now)
        self._hear(event, late)

    def _hear(self, event: Event, age: float) -> None:
        over = self.rings.take(event, age, self.now)
        if over is not None:
            ledger.over(self.conn, over, [])
        self.read = Cursor(event.epoch, event.seq)

    @rule(
        machine=st.sampled_from([*MACHINES, None]),
        quiet=st.sampled_from(QUIET),
        lasts=st.sampled_from([30.0, 600.0, 1e6]),
        repeat=st.booleans(),
        member=st.sampled_from(MEMBERS),
    )
    def subscribe(
        self,
        machine: str | None,
        quiet: QuietHours | None,
        lasts: float,
        repeat: bool,
        member: str,
    ) -> None:
        draft = Alert(
            number=0,
            id=f"a{len(self.alerts)}",
            member=member,
            machine=machine,
            category=None if machine else "legs",
            quiet=quiet,
            expires=self.wall + lasts,
            repeat=repeat,
            cooldown=COOLDOWN,
            note="",
            created=self.wall,
            since=Cursor(self.epoch, self.seq),
        )
        alert = ledger.add(self.conn, draft)
        self.alerts[alert.number] = alert
        self.book.put(alert)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        armed = [a for a in self.alerts.values() if a.state is State.ARMED]
        if armed:
            alert = replace(data.draw(st.sampled_from(armed)), state=State.CANCELLED)
            self.alerts[alert.number] = alert
            self.book.remove(alert)
            self.rings.forget(alert)
            ledger.end(self.conn, [alert])

    @rule(seconds=st.sampled_from([0.5, 5.0, 10.0, 10.0, 30.0, 60.0, 300.0, 3600.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self._turns()

    @rule(seconds=st.sampled_from([-7200.0, -3600.0, -30.0, 30.0, 3600.0, 7200.0]))
    def the_clock_steps(self, seconds: float) -> None:
        self.offset += seconds

    @rule(member=st.sampled_from(MEMBERS))
    def a_member_goes_or_comes(self, member: str) -> None:
        self.away ^= {member}

    @rule(down=st.sampled_from([0.0, 1.0, 20.0, 200.0]))
    def killed_and_started_again(self, down: float) -> None:
        """Everything in memory is gone; the log since the cursor is read again."""
        self.now += down
        known = ledger.load(self.conn)
        self._make()
        for alert in known.alerts:
            self.book.put(alert)
            if alert.fired is not None:
                left = min(alert.cooldown, alert.fired + alert.cooldown - self.wall)
                self.rings.cool(alert, self.now + left)
                self.cool[alert.number] = self.now + left
        at = known.cursor.seq if known.cursor else 0
        statuses = {event.machine: event.status for event in self.log if event.seq <= at}
        offers = [replace(offer, due=offer.due - self.offset) for offer in known.offers]
        for offer in offers:  # the reference is told what a step of the clock made of them
            missed = offer.due < self.now - TOO_OLD
            due = inf if missed else min(offer.due, self.now + self.head_start)
            self.simple.next_at[offer.edge] = due if offer.due < inf else inf
        self.rings.resume(statuses, offers, self.now, known.cursor or Cursor(self.epoch, 0))
        self.simple.start_again(statuses)
        for event in self.log:
            if event.seq > at:
                self.simple.take(event, self.wall - event.timestamp, self.now)
                self._hear(event, self.wall - event.timestamp)

    @rule()
    def a_new_epoch(self) -> None:
        """The machine stopped uncleanly: all is unknown, and numbers go on under another word."""
        self.epoch = f"e{int(self.epoch[1:]) + 1}"
        for machine in MACHINES:
            self._event(machine, Status.UNKNOWN, live=False, late=0.0)

    # --- what must hold -----------------------------------------------------------------------

    def _turns(self) -> None:
        """Let both go on until nobody is due, and compare all that rang."""
        expected, rang = set[str](), set[str]()
        while True:
            moment = Moment(self.now, self.wall, synchronised=True, reach=self._reach)
            due = self.rings.next_due() <= self.now
            turn = self.rings.turn(moment)
            armed = [a for a in self.alerts.values() if a.state is State.ARMED]
            expected |= self.simple.rings(armed, self.cool, self.now, self.wall, self.away)
            rang |= {firing.id for firing in turn.firings}
            if turn.offers:
                self._commit(turn.firings, turn.offers)
            if not due:
                break
        assert rang == expected

    def _reach(self, member: str) -> Reach:
        return Reach.NOT if member in self.away else Reach.STREAM

    def _commit(self, firings: list[Firing], offers: list[Offer]) -> None:
        dated = [replace(offer, due=offer.due + self.offset) for offer in offers]
        new = ledger.fire(self.conn, firings, dated)
        ledger.save_cursor(self.conn, self._safe_cursor(), {})
        for firing in firings:
            assert firing.id in new
            self.rung[firing.id] += 1
            self._fired(firing)

    def _safe_cursor(self) -> Cursor:
        first = self.rings.oldest_unsettled(self.epoch)
        return self.read if first is None else Cursor(self.epoch, first - 1)

    def _fired(self, firing: Firing) -> None:
        number = firing.alert.number
        state = State.ARMED if firing.alert.repeat else State.FIRED
        alert = replace(firing.alert, fired=firing.at, state=state)
        self.alerts[number] = alert
        if firing.alert.repeat:
            self.book.put(alert)
            self.rings.cool(alert, self.now + COOLDOWN)
            self.cool[number] = self.now + COOLDOWN
        else:
            self.book.remove(alert)
            self.rings.forget(alert)

    @invariant()
    def nothing_rings_twice_and_the_ledger_says_the_same(self) -> None:
        if not hasattr(self, "conn"):
            return
        assert all(count == 1 for count in self.rung.values())
        (stored,) = self.conn.execute("SELECT count(*) FROM firings").fetchone()
        assert stored == len(self.rung)

    def teardown(self) -> None:
        if hasattr(self, "conn"):
            self.conn.close()


TestAlerts = Alerts.TestCase
TestAlerts.settings = settings(
    max_examples=150,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
