"""`/admin/upstream…`: what waits for the chain, and sending again; at the local socket only."""

from collections.abc import Callable, Collection
from datetime import date
from typing import Any, Protocol

from aiohttp import web

from gateway.api.body import body_as
from gateway.api.messages import Wire, encode
from gateway.api.query import no_parameters
from gateway.core.errors import ConflictError, Fault, InvalidError

NOT_CONFIGURED = "There is no [upstream] in the configuration: nothing is sent."
MOST_DAYS = 91  # as many as are kept
HOURS = range(24)


class Chain(Protocol):
    """What the branch has to do with its chain."""

    def status(self) -> dict[str, Any]:
        """The link, what waits, what became of rows; anything that has a JSON form."""

    async def resend(self, days: Collection[date], hours: Collection[int]) -> int:
        """Queue what the history has of these; returns how many days that are."""


class Resend(Wire, frozen=True, forbid_unknown_fields=True):
    """`first` to `last` (UTC days), and of each these hours."""

    first: str
    last: str | None = None
    hours: tuple[int, ...] = tuple(HOURS)


class UpstreamRoutes:
    """`/admin/upstream…`."""

    def __init__(self, chain: Chain | None) -> None:
        self._chain = chain

    def routes(self) -> list[web.RouteDef]:
        """What is served here, to who is local."""
        return [
            web.get("/admin/upstream", self.show),
            web.post("/admin/upstream/resend", self.resend),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """How things stand with the chain."""
        no_parameters(request)
        return _reply(self._must_be_there().status())

    async def resend(self, request: web.Request) -> web.Response:
        """Queued when this is answered."""
        asked = await body_as(request, Resend)
        chain = self._must_be_there()
        days = _days(asked)
        return _reply({"days": await chain.resend(days, asked.hours)})

    def _must_be_there(self) -> Chain:
        if self._chain is None:
            raise ConflictError(NOT_CONFIGURED)
        return self._chain


def _days(asked: Resend) -> list[date]:
    """Every day of the span. Raises InvalidError that names all that is wrong."""
    faults = [
        Fault(f"/{name}", f"{text!r} is no day; write 2026-11-24")
        for name, text in (("first", asked.first), ("last", asked.last))
        if text is not None and _is_wrong(date.fromisoformat, text)
    ]
    if not asked.hours or any(hour not in HOURS for hour in asked.hours):
        faults.append(Fault("/hours", "must be hours from 0 to 23"))
    if faults:
        raise InvalidError(faults)
    first = date.fromisoformat(asked.first).toordinal()
    last = date.fromisoformat(asked.last or asked.first).toordinal()
    if not 0 <= last - first < MOST_DAYS:
        raise InvalidError([Fault("/last", f"must be {MOST_DAYS} days behind `first` at most")])
    return [date.fromordinal(number) for number in range(first, last + 1)]


def _is_wrong(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return True
    return False


def _reply(said: object) -> web.Response:
    return web.Response(body=encode(said), content_type="application/json")
