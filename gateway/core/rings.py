"""What rings: proven edges settle, then go through the queue of those who wait.

Monotonic seconds are called `now`, epoch seconds `wall`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from enum import IntEnum
from math import inf

from gateway.core.alerts import Alert, Book, Reason
from gateway.core.events import Cursor, Event, Status
from gateway.core.silences import Silences

TOO_OLD = 120.0  # seconds beyond the settle time: nobody walks over for what was free then
AT_ONCE = 500  # alerts judged in one turn: 2 ms; others get the loop in between


class Reach(IntEnum):
    """How a member can be reached now."""

    NOT = 0
    CHANNEL = 1
    """By a channel that works, or its stream closed a moment ago."""
    STREAM = 2
    """By a stream that is open."""


@dataclass(frozen=True, slots=True)
class Patience:
    """`[alerts]`: seconds."""

    settle: float
    head_start: float
    """How long one member knows before the next; 0: all at once."""


@dataclass(slots=True)
class Offer:
    """A machine that became free, on its way through the queue."""

    machine: str
    epoch: str
    seq: int
    free_since: float
    due: float
    """Monotonic seconds: when it has settled, or the next in the queue is told."""
    judged: int = 0
    """The number of the last alert that was looked at."""
    rung: int = 0
    ahead: int = 0
    """All at once: up to this number, open pages were told before all others."""
    told: set[int] = field(default_factory=set)
    """The numbers of those."""
    members: set[str] = field(default_factory=set)
    """Who was told: whoever waits twice for it is told once."""

    @property
    def edge(self) -> tuple[str, int]:
        """Its name, for ever."""
        return self.epoch, self.seq


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert rings for an edge; times are epoch seconds. The same edge has the same name."""

    alert: Alert
    machine: str
    epoch: str
    seq: int
    free_since: float
    place: int
    at: float
    streamed: bool
    """A stream of the member is open."""

    @property
    def edge(self) -> tuple[str, int]:
        """The event it rings for."""
        return self.epoch, self.seq

    def redated(self, seconds: float, since: float, upto: float) -> "Firing":
        """As the clock says it that was wrong by so much, from `since` to `upto`."""
        alert = self.alert.redated(seconds, since, upto)
        if not since <= self.at <= upto:
            return replace(self, alert=alert)
        at, free_since = self.at + seconds, self.free_since + seconds
        return replace(self, alert=alert, at=at, free_since=free_since)

    @property
    def key(self) -> tuple[str, int, int]:
        """What makes it idempotent: its edge, and the alert's number."""
        return self.epoch, self.seq, self.alert.number

    @property
    def id(self) -> str:
        """The same in one word."""
        return f"{self.alert.id}-{self.epoch}-{self.seq}"


@dataclass(slots=True)
class Turn:
    """What one look at the clock led to."""

    firings: list[Firing] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)
    """Those that got further and that somebody has been told of, as they stand after it."""
    alerts: set[int] = field(default_factory=set)
    """The numbers of those that ring: of two machines at once, one rings first."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When it is, and who can be reached."""

    now: float
    wall: float
    synchronised: bool
    reach: Callable[[str], Reach]


class Rings:
    """Takes every event in order; says who is told when."""

    def __init__(self, book: Book, patience: Patience, zone: tzinfo) -> None:
        self._book = book
        self.patience = patience
        self._zone = zone
        self._status: dict[str, Status] = {}
        self._free: dict[str, tuple[str, int]] = {}  # machine → the edge it has been free since
        self._offers: dict[str, Offer] = {}
        self._known: dict[
            tuple[str, int], Offer
        ] = {}  # begun by an earlier process, to be read again
        self._cooling: dict[int, float] = {}  # alert → monotonic seconds until which
        self.silences = Silences(book)

    def resume(
        self, statuses: Mapping[str, Status], offers: Iterable[Offer], now: float, cursor: Cursor
    ) -> None:
        """Go on as an earlier process stood at its cursor; `statuses` are those of that place."""
        self._status = dict(statuses)
        for kept in (self._free, self._offers, self._known):
            kept.clear()
        for offer in offers:
            offer.due = self._due_still(offer, now)
            read = offer.epoch == cursor.epoch and offer.seq <= cursor.seq
            if read and self._status.get(offer.machine) is Status.FREE:
                self._begin(offer)
            else:  # its edge lies beyond; that the machine is free here is of an earlier one
                self._known[offer.edge] = offer

    def _due_still(self, offer: Offer, now: float) -> float:
        """Whose turn came while nobody was there is not told hours later; no step adds patience."""
        if offer.due < now - TOO_OLD or offer.due == inf:
            return inf
        return min(offer.due, now + self.patience.head_start)

    def redate(self, seconds: float, since: float, upto: float) -> None:
        """The clock was wrong by so much, from `since` to `upto`."""
        for offer in (*self._offers.values(), *self._known.values()):
            if since <= offer.free_since <= upto:
                offer.free_since += seconds

    def take(self, event: Event, age: float, now: float) -> tuple[str, int] | None:
        """An event `age` seconds old. Returns the edge that it ends, if somebody was told of it."""
        machine, before = event.machine, self._status.get(event.machine)
        self._status[machine] = event.status
        if event.status is before:
            return None  # another cause is no edge
        self._free.pop(machine, None)
        offer = self._offers.pop(machine, None)
        if offer is not None and not offer.rung:
            self.silences.note_all(machine, Reason.TAKEN)
        if event.status is Status.FREE:
            self._become_free(event, before, age, now)
        return offer.edge if offer is not None and offer.rung else None

    def _become_free(self, event: Event, before: Status | None, age: float, now: float) -> None:
        if before is not Status.OCCUPIED:
            self.silences.note_all(event.machine, Reason.NOT_PROVEN)
        elif not event.live:
            self.silences.note_all(event.machine, Reason.LATE)
        elif self._too_old(age) and (event.epoch, event.seq) not in self._known:
            self.silences.note_all(event.machine, Reason.TOO_OLD)
        else:
            due = now + max(0.0, self.patience.settle - max(0.0, age))
            since = event.last_change
            offer = Offer(event.machine, event.epoch, event.seq, since, due)
            self._begin(self._known.pop(offer.edge, offer))

    def _too_old(self, age: float) -> bool:
        """How old what is dated in the future is, nobody knows: the clock was set back."""
        return not -TOO_OLD <= age <= self.patience.settle + TOO_OLD

    def _begin(self, offer: Offer) -> None:
        self._offers[offer.machine] = offer
        self._free[offer.machine] = offer.edge

    def next_due(self) -> float:
        """Monotonic seconds of the next look that can lead to anything; inf: none."""
        return min((offer.due for offer in self._offers.values()), default=inf)

    def oldest_unsettled(self, epoch: str) -> int | None:
        """The first edge that nobody has been told of: a start must read it again."""
        return min(
            (o.seq for o in self._offers.values() if not o.rung and o.epoch == epoch), default=None
        )

    def holds(self, machine: str, edge: tuple[str, int]) -> bool:
        """Whether the machine is still free, and has been since that edge."""
        return self._free.get(machine) == edge

    def free_now(self, machine: str) -> bool:
        """Whether it is free, proven or not."""
        return self._status.get(machine) is Status.FREE

    def turn(self, moment: Moment) -> Turn:
        """Who is told now. Nothing is assumed told until `told`."""
        turn = Turn()
        for offer in sorted(self._offers.values(), key=lambda offer: (offer.due, offer.machine)):
            if offer.due <= moment.now and len(turn.firings) < AT_ONCE:
                self._go_through(offer, moment, turn)
                if offer.rung:
                    turn.offers.append(offer)
        return turn

    def _tell_open_pages(self, offer: Offer, moment: Moment, turn: Turn) -> bool:
        """Who looks at its page is told first: a push takes longer in any case. True: all were."""
        for alert in self._book.waiting(offer.machine, offer.ahead):
            if len(turn.firings) == AT_ONCE or alert.number in turn.alerts:
                return False
            offer.ahead = alert.number
            looks = moment.reach(alert.member) is Reach.STREAM
            wanted = self._concerns(alert, offer, moment) and alert.member not in offer.members
            if looks and wanted and not self._why_not(alert, moment):
                offer.told.add(alert.number)
                self._ring(alert, offer, moment, turn)
        return not turn.firings  # they are stored and told before anybody else is looked at

    def _concerns(self, alert: Alert, offer: Offer, moment: Moment) -> bool:
        missed = not alert.before(*offer.edge) or alert.expires <= moment.wall
        return not missed and alert.number not in offer.told

    def _ring(self, alert: Alert, offer: Offer, moment: Moment, turn: Turn) -> None:
        offer.rung += 1
        offer.members.add(alert.member)
        turn.alerts.add(alert.number)
        turn.firings.append(self._firing(alert, offer, moment))

    def _go_through(self, offer: Offer, moment: Moment, turn: Turn) -> None:
        if not self.patience.head_start and not self._tell_open_pages(offer, moment, turn):
            return
        looked = 0
        for alert in self._book.waiting(offer.machine, offer.judged):
            if looked == AT_ONCE or alert.number in turn.alerts:
                return  # still due: the next turn goes on here
            looked += 1
            offer.judged = alert.number
            if not self._concerns(alert, offer, moment):
                continue
            told = Reason.TOLD if alert.member in offer.members else None
            if (why := told or self._why_not(alert, moment)) is not None:
                self.silences.note(alert, why)
                continue
            self._ring(alert, offer, moment, turn)
            if self.patience.head_start:
                offer.due = moment.now + self.patience.head_start
                return
        offer.due = inf
        if not offer.rung:
            del self._offers[offer.machine]

    def why_silent(self, alert: Alert, wall: float, *, synchronised: bool) -> Reason | None:
        """Why a channel that leaves the house must not ring now."""
        if not synchronised:
            return Reason.CLOCK
        quiet = alert.quiet
        return Reason.QUIET if quiet is not None and quiet.cover(wall, self._zone) else None

    def _why_not(self, alert: Alert, moment: Moment) -> Reason | None:
        if moment.now < self._cooling.get(alert.number, -inf):
            return Reason.COOLDOWN
        reach = moment.reach(alert.member)
        why = self.why_silent(alert, moment.wall, synchronised=moment.synchronised)
        if why is Reason.CLOCK:
            return None if reach is Reach.STREAM else why
        return why or (Reason.UNREACHABLE if reach is Reach.NOT else None)

    def _firing(self, alert: Alert, offer: Offer, moment: Moment) -> Firing:
        return Firing(
            alert,
            offer.machine,
            offer.epoch,
            offer.seq,
            offer.free_since,
            offer.rung,
            moment.wall,
            moment.reach(alert.member) is Reach.STREAM,
        )

    def cool(self, alert: Alert, until: float) -> None:
        """It has rung: not again before (monotonic seconds)."""
        self._cooling[alert.number] = until

    def warm(self, alert: Alert) -> None:
        """It has not rung after all, or is no more."""
        self._cooling.pop(alert.number, None)

    def forget(self, alert: Alert) -> None:
        """It is no more."""
        self._cooling.pop(alert.number, None)
        self.silences.forget(alert)
