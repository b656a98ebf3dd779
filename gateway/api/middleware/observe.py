"""Each request is counted, timed and, where it is worth it, logged."""

import logging
from http import HTTPStatus
from time import monotonic, perf_counter
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.api.metrics import Metrics
from gateway.api.middleware.request_id import request_id
from gateway.core.buckets import Buckets, Policy

CATEGORY: Final = web.RequestKey("category", str)
"""What kind of problem the reply is; who makes a problem says it here."""
SLOW = 1.0  # seconds
LINES = Policy("lines", 60, 60)  # of refusals: a flood of them must not wear the card
NOWHERE = "none"  # the route of what has none: never the path, of which there are endless
GONE = 499  # as other servers call it: nobody was there any more to read the reply

log = logging.getLogger(__name__)


def observe(metrics: Metrics) -> Middleware:
    """The outermost middleware: it sees what every other one made of the request."""
    lines = Lines()

    @web.middleware
    async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = perf_counter()
        status, is_stream = GONE, False
        try:
            response = await handler(request)
            status, is_stream = response.status, not isinstance(response, web.Response)
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            seconds = perf_counter() - began
            route = route_of(request)
            metrics.request(request.method, route, status, None if is_stream else seconds)
            lines.tell(request, route, status, seconds, is_stream=is_stream)
        return response

    return watch


def route_of(request: web.Request) -> str:
    """The pattern that the path fits."""
    resource = request.match_info.route.resource
    return NOWHERE if resource is None else resource.canonical


class Lines:
    """A line for a request: at INFO for one that failed or was slow, else at DEBUG."""

    def __init__(self) -> None:
        self._left = Buckets()
        self._untold = 0

    def tell(
        self, request: web.Request, route: str, status: int, seconds: float, *, is_stream: bool
    ) -> None:
        """Write it, unless there were too many of them."""
        worth = status >= HTTPStatus.BAD_REQUEST or (seconds >= SLOW and not is_stream)
        level = logging.INFO if worth else logging.DEBUG
        if not log.isEnabledFor(level) or (worth and not self._may_tell()):
            return
        log.log(
            level,
            "%s %s → %d in %.1f ms%s",
            request.method,
            route,
            status,
            seconds * 1000,
            self._confessed() if worth else "",
            extra={
                "requestId": request_id(request),
                "method": request.method,
                "route": route,
                "status": status,
                "category": request.get(CATEGORY),
                "latencyMs": round(seconds * 1000, 1),
            },
        )

    def _may_tell(self) -> bool:
        allowed = self._left.take(LINES, "", monotonic()).allowed
        self._untold += not allowed
        return allowed

    def _confessed(self) -> str:
        untold, self._untold = self._untold, 0
        return f" ({untold} more like it were not told)" if untold else ""
