"""Alerts: a member waits for a machine, or for any of a category."""

from collections.abc import Callable
from typing import Annotated, Protocol

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, UnsetType

from config.sections import DAYS, Day, Id
from gateway.api.body import body_as
from gateway.api.door import must_hold
from gateway.api.lookup import identifier
from gateway.api.messages import Wire, encode, whole
from gateway.api.operation import Operation, Parameter
from gateway.api.query import no_parameters
from gateway.core.access import Role
from gateway.core.alerts import Alert, Shown, Wish
from gateway.core.errors import Fault, InvalidError
from gateway.core.forecast import Prediction
from gateway.core.quiet_hours import QuietHours, quiet_hours, text_of
from gateway.messages import moment

TAG = "Alerts"
DAY = 86_400.0  # seconds
Note = Annotated[str, Meta(max_length=200)]
Span = Annotated[float, Meta(gt=0, le=90 * DAY)]
Cooldown = Annotated[float, Meta(ge=0, le=DAY)]
ID = r"a[0-9a-f]{16}"
ALERT_ID = Parameter("alertId", Id, "The alert's id.", "a41d2f3a09b7c6e58", "path", only=ID)
TimeOfDay = int | str


class QuietSpan(Wire, frozen=True, forbid_unknown_fields=True):
    """`22` or `"22:30"`, the branch's time; over midnight allowed, an end at the start is none."""

    start: TimeOfDay
    end: TimeOfDay
    days: tuple[Day, ...] | None = None


class Terms(Wire, frozen=True, forbid_unknown_fields=True):
    """On what terms to ring. `quietHours`: null for none, absent for the branch's own."""

    quiet_hours: QuietSpan | UnsetType | None = UNSET
    expires_at: float | None = None
    expires_in: Span | None = None
    repeat: bool | None = None
    cooldown: Cooldown | None = None
    note: Note | None = None


class NewAlert(Terms, frozen=True, forbid_unknown_fields=True):
    """A machine, or any machine of a category. `next`: although it is free now."""

    machine_id: str | None = None
    category: str | None = None
    next: bool = False


class QuietRow(Wire, frozen=True):
    """Quiet hours as they are kept; a span belongs to the day it begins on."""

    start: str
    end: str
    days: tuple[Day, ...]


class AlertRow(Wire, frozen=True):
    """An alert; times are epoch seconds. `place` is null once it waits no longer."""

    alert_id: str
    gym_id: str
    machine_id: str | None
    category: str | None
    status: str
    place: int | None
    quiet_hours: QuietRow | None
    expires_at: float
    repeat: bool
    cooldown: float
    note: str
    created_at: float
    fired_at: float | None
    ended_at: float | None
    end_reason: str | None
    suppressed: dict[str, int]
    """Why it did not ring although its machine became free, and how often."""
    likely_free_in_30m: float | None = msgspec.field(name="likelyFreeIn30m")
    """Of its machine, or of the likeliest of its category."""
    expected_free_at: float | None


class AlertRows(Wire, frozen=True):
    """A member's alerts, newest first."""

    alerts: tuple[AlertRow, ...]


class TimeToFire(Wire, frozen=True):
    """From the subscription to the ring, of the newest ones; seconds."""

    median: float | None
    p90: float | None


class Statistics(Wire, frozen=True):
    """Counts since the ledger was made."""

    armed: int
    created: int
    fired: int
    cancelled: int
    expired: int
    taken: int
    """Rings taken back, because the machine was taken before they were told."""
    suppressed: dict[str, int]
    delivered: dict[str, int]
    failed: dict[str, int]
    time_to_fire: TimeToFire


class Desk(Protocol):
    """Where members subscribe; the domain's errors are raised."""

    quiet: QuietHours | None

    async def subscribe(self, member: str, wish: Wish) -> Shown:
        """Arm an alert."""

    async def all_of(self, member: str) -> list[Shown]:
        """A member's alerts."""

    async def show(self, member: str, alert: str) -> Shown:
        """One of its own."""

    async def change(self, member: str, alert: str, changes: dict[str, object]) -> Shown:
        """Other terms."""

    async def cancel(self, member: str, alert: str) -> None:
        """It rings no more."""

    async def confirm(self, member: str, alert: str) -> None:
        """The member has seen what rang."""

    async def statistics(self) -> tuple[int, dict[str, float], list[float]]:
        """(armed, tallies by name, sorted times to fire in seconds)."""


EXAMPLE = {
    "alertId": "a41d2f3a09b7c6e58",
    "gymId": "hk-central",
    "machineId": "leg-press-01",
    "category": None,
    "status": "armed",
    "place": 2,
    "quietHours": {"start": "22:00", "end": "07:00", "days": [*DAYS]},
    "expiresAt": 1634575090.0,
    "repeat": False,
    "cooldown": 300.0,
    "note": "",
    "createdAt": 1634567890.0,
    "firedAt": None,
    "endedAt": None,
    "endReason": None,
    "suppressed": {},
    "likelyFreeIn30m": 0.82,
    "expectedFreeAt": 1634568600.0,
}


class AlertRoutes:
    """`/alerts…`."""

    def __init__(
        self,
        desk: Desk,
        gym: str,
        foretell: Callable[[Alert], Prediction | None],
    ) -> None:
        self._desk = desk
        self._foretell = foretell
        self._gym = gym

    def operations(self) -> list[Operation]:
        """What is served here."""
        return [
            Operation(
                method="POST",
                path="/alerts",
                handler=self.create_alert,
                summary="Be told when a machine becomes free",
                tag=TAG,
                status=201,
                accepts=NewAlert,
                body_example={
                    "machineId": "leg-press-01",
                    "quietHours": {"start": 22, "end": 7},
                    "expiresIn": 7200,
                },
                gives=AlertRow,
                example=EXAMPLE,
                who=Role.MEMBER,
                rate="write",
                refuses=(409, 503),
            ),
            Operation(
                method="GET",
                path="/alerts",
                handler=self.list_alerts,
                summary="Your alerts, newest first",
                tag=TAG,
                gives=AlertRows,
                example={"alerts": [EXAMPLE]},
                who=Role.MEMBER,
            ),
            Operation(
                method="GET",
                path="/alerts/statistics",
                handler=self.show_statistics,
                summary="How alerts fare in this branch",
                tag=TAG,
                gives=Statistics,
                who=Role.STAFF,
            ),
            Operation(
                method="GET",
                path="/alerts/{alertId}",
                handler=self.show_alert,
                summary="One of your alerts",
                tag=TAG,
                parameters=(ALERT_ID,),
                gives=AlertRow,
                example=EXAMPLE,
                who=Role.MEMBER,
            ),
            Operation(
                method="PATCH",
                path="/alerts/{alertId}",
                handler=self.change_alert,
                summary="Change an alert's terms; it keeps its place",
                tag=TAG,
                parameters=(ALERT_ID,),
                accepts=Terms,
                body_example={"expiresIn": 3600, "note": "after the warm-up"},
                gives=AlertRow,
                example=EXAMPLE,
                who=Role.MEMBER,
                rate="write",
                refuses=(409,),
            ),
            Operation(
                method="DELETE",
                path="/alerts/{alertId}",
                handler=self.cancel_alert,
                summary="Cancel an alert",
                tag=TAG,
                parameters=(ALERT_ID,),
                status=204,
                who=Role.MEMBER,
                rate="write",
            ),
            Operation(
                method="POST",
                path="/alerts/{alertId}/seen",
                handler=self.confirm_alert,
                summary="What rang was seen: it is not told again",
                tag=TAG,
                parameters=(ALERT_ID,),
                status=204,
                who=Role.MEMBER,
                rate="write",
            ),
        ]

    async def create_alert(self, request: web.Request) -> web.Response:
        """The alert, and its place."""
        no_parameters(request)
        asked = await body_as(request, NewAlert)
        wish = self._wish(asked)
        return self._json(await self._desk.subscribe(must_hold(request).id, wish), 201)

    async def list_alerts(self, request: web.Request) -> web.Response:
        """All of them that are remembered."""
        no_parameters(request)
        found = await self._desk.all_of(must_hold(request).id)
        return _reply(AlertRows(alerts=tuple(map(self._row, found))))

    async def show_alert(self, request: web.Request) -> web.Response:
        """One of your own."""
        return self._json(await self._desk.show(must_hold(request).id, _alert_of(request)), 200)

    async def change_alert(self, request: web.Request) -> web.Response:
        """As it is then."""
        alert = _alert_of(request)
        changes = self._changes(await body_as(request, Terms))
        return self._json(await self._desk.change(must_hold(request).id, alert, changes), 200)

    async def cancel_alert(self, request: web.Request) -> web.Response:
        """It waits no longer."""
        await self._desk.cancel(must_hold(request).id, _alert_of(request))
        return _nothing()

    async def confirm_alert(self, request: web.Request) -> web.Response:
        """Noted."""
        await self._desk.confirm(must_hold(request).id, _alert_of(request))
        return _nothing()

    async def show_statistics(self, request: web.Request) -> web.Response:
        """Counts, and how long members waited."""
        no_parameters(request)
        return _reply(statistics(*await self._desk.statistics()))

    # --- what is asked for ------------------------------------------------------------------------

    def _wish(self, asked: NewAlert) -> Wish:
        """Raises InvalidError, naming every wrong field."""
        faults = []
        if (asked.machine_id is None) == (asked.category is None):
            faults.append(Fault("/machineId", "name a machine or a category, one of them"))
        changes = self._changes(asked, faults)
        return Wish(
            machine=asked.machine_id,
            category=asked.category,
            quiet=changes.get("quiet", self._desk.quiet),  # type: ignore[arg-type]  # its own or none
            expires=asked.expires_at,
            lasts=asked.expires_in,
            repeat=bool(asked.repeat),
            cooldown=asked.cooldown,
            note=asked.note or "",
            next=asked.next,
        )

    def _changes(self, asked: Terms, faults: list[Fault] | None = None) -> dict[str, object]:
        """What was said, by the alert's own names. Raises InvalidError."""
        faults = [] if faults is None else faults
        changes: dict[str, object] = {
            name: value
            for name in ("repeat", "cooldown", "note")
            if (value := getattr(asked, name)) is not None
        }
        if asked.quiet_hours is not UNSET:
            changes["quiet"] = _quiet(asked.quiet_hours, faults)
        if asked.expires_at is not None and asked.expires_in is not None:
            faults.append(Fault("/expiresIn", "give expiresAt or expiresIn, one of them"))
        elif asked.expires_at is not None:
            changes["expires"] = asked.expires_at
        elif asked.expires_in is not None:
            changes["lasts"] = asked.expires_in
        if faults:
            raise InvalidError(faults)
        return changes

    def _json(self, shown: Shown, status: int) -> web.Response:
        return _reply(self._row(shown), status)

    def _row(self, shown: Shown) -> AlertRow:
        told = self._foretell(shown.alert) if shown.place is not None else None
        return alert_row(shown, self._gym, told)


def alert_row(shown: Shown, gym: str, told: Prediction | None) -> AlertRow:
    """An alert as it is shown, and what is foretold of what it waits for."""
    alert = shown.alert
    return AlertRow(
        alert_id=alert.id,
        gym_id=gym,
        machine_id=alert.machine,
        category=alert.category,
        status=alert.state.value,
        place=shown.place,
        quiet_hours=_quiet_row(alert.quiet),
        expires_at=moment(alert.expires),
        repeat=alert.repeat,
        cooldown=alert.cooldown,
        note=alert.note,
        created_at=moment(alert.created),
        fired_at=None if alert.fired is None else moment(alert.fired),
        ended_at=None if alert.ended is None else moment(alert.ended),
        end_reason=alert.reason,
        suppressed=shown.suppressed,
        likely_free_in_30m=None if told is None else round(told.probability_free, 3),
        expected_free_at=None if told is None else whole(told.expected_free_at),
    )


def statistics(armed: int, tallies: dict[str, float], times: list[float]) -> Statistics:
    """From tallies such as `created`, `suppressed.quiet`, `delivered.stream`."""

    def of(kind: str) -> dict[str, int]:
        return {
            name.removeprefix(kind): round(count)
            for name, count in sorted(tallies.items())
            if name.startswith(kind)
        }

    plain = ("created", "fired", "cancelled", "expired", "taken")
    return Statistics(
        armed=armed,
        **{name: round(tallies.get(name, 0)) for name in plain},
        suppressed=of("suppressed."),
        delivered=of("delivered."),
        failed=of("failed."),
        time_to_fire=TimeToFire(median=_quantile(times, 0.5), p90=_quantile(times, 0.9)),
    )


def _quantile(times: list[float], part: float) -> float | None:
    return round(times[int(part * (len(times) - 1))], 1) if times else None


def _quiet(span: QuietSpan | UnsetType | None, faults: list[Fault]) -> QuietHours | None:
    if not isinstance(span, QuietSpan):
        return None
    for name, time in (("start", span.start), ("end", span.end)):
        try:
            quiet_hours(time, time)
        except ValueError as error:
            faults.append(Fault(f"/quietHours/{name}", str(error)))
    if span.days is not None and not span.days:
        faults.append(Fault("/quietHours/days", "names no day; leave it out for every day"))
    return None if faults else quiet_hours(span.start, span.end, span.days)


def _quiet_row(quiet: QuietHours | None) -> QuietRow | None:
    if quiet is None:
        return None
    days = tuple(day for number, day in enumerate(DAYS) if number in quiet.days)
    return QuietRow(start=text_of(quiet.start), end=text_of(quiet.end), days=days)


def _alert_of(request: web.Request) -> str:
    no_parameters(request)
    return identifier(request, "alertId", "alert")


def _reply(said: msgspec.Struct, status: int = 200) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    return web.Response(
        status=status, body=encode(said), content_type="application/json", headers=headers
    )


def _nothing() -> web.Response:
    return web.Response(status=204, headers={"Cache-Control": "no-store"})
