"""Everybody's alerts, for who may open the local socket: `gateway alerts`."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import msgspec
from aiohttp import web

from gateway.api.alerts import alert_row
from gateway.api.body import body_as
from gateway.api.messages import Wire, encode
from gateway.core.alerts import Alert, Shown
from gateway.core.errors import Fault, InvalidError
from gateway.core.forecast import Prediction

SHOWN, MOST = 100, 1000  # alerts in one reply


class AllAlerts(Protocol):
    """Everybody's; the domain's errors are raised."""

    async def newest(self, limit: int) -> list[Shown]:
        """The newest ones."""

    async def look_up(self, alert: str) -> Shown:
        """Anybody's, by id."""

    async def rung(self, alert: Alert) -> dict[str, list[dict[str, object]]]:
        """Its `firings` and its `deliveries`, newest first; epoch seconds."""


class Test(Protocol):
    """A trial of an alert's ways to its member."""

    def __call__(self, alert: Alert, *, anyway: bool) -> Awaitable[Sequence[object]]:
        """What came of each; raises ConflictError: it is quiet."""


class NewTest(Wire, frozen=True, forbid_unknown_fields=True):
    """`anyway`: in quiet hours too."""

    anyway: bool = False


class LocalAlertRoutes:
    """`/admin/alerts…`."""

    def __init__(
        self,
        alerts: AllAlerts,
        gym: str,
        foretell: Callable[[Alert], Prediction | None],
        has_stream: Callable[[str], bool],
        test: Test,
    ) -> None:
        """`has_stream`: whether one of that member's is open."""
        self._alerts = alerts
        self._gym = gym
        self._foretell = foretell
        self._has_stream = has_stream
        self._test = test

    def routes(self) -> list[web.RouteDef]:
        """What is served here, to who is local."""
        return [
            web.get("/admin/alerts", self.list_alerts),
            web.get("/admin/alerts/{alertId}", self.show_alert),
            web.post("/admin/alerts/{alertId}/test", self.test_alert),
        ]

    async def list_alerts(self, request: web.Request) -> web.Response:
        """The newest `limit`, newest first."""
        found = await self._alerts.newest(_limit(request.query.get("limit", str(SHOWN))))
        return _reply({"alerts": [self._row(shown) for shown in found]})

    async def show_alert(self, request: web.Request) -> web.Response:
        """One, with what rang and what became of it."""
        shown = await self._alerts.look_up(request.match_info["alertId"])
        return _reply(self._row(shown) | await self._alerts.rung(shown.alert))

    async def test_alert(self, request: web.Request) -> web.Response:
        """What came of each of its ways."""
        asked = await body_as(request, NewTest)
        alert = (await self._alerts.look_up(request.match_info["alertId"])).alert
        tried = await self._test(alert, anyway=asked.anyway)
        return _reply({"streamOpen": self._has_stream(alert.member), "tried": tried})

    def _row(self, shown: Shown) -> dict[str, Any]:
        told = self._foretell(shown.alert) if shown.place is not None else None
        row = msgspec.to_builtins(alert_row(shown, self._gym, told))
        return {**row, "memberId": shown.alert.member}


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MOST:
        raise InvalidError([Fault("/limit", f"must be a number from 1 to {MOST}")])
    return int(text[:9])


def _reply(said: object) -> web.Response:
    return web.Response(body=encode(said), content_type="application/json")
