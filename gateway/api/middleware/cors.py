"""CORS: which pages of other origins may use the API, as `[http] cors_origins` says."""

from collections.abc import Iterable
from http import HTTPStatus

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

ANY = "*"
EXPOSED = "X-Request-Id, ETag, Location, RateLimit, RateLimit-Policy, Retry-After"
ASKED = (  # each is one that we read
    "Authorization, Content-Type, X-API-Key, If-Match, If-None-Match, Last-Event-ID,"
    " Content-Digest, Signature, Signature-Input"
)
MAX_AGE = "7200"  # seconds; no browser keeps it for longer


class Cors:
    """Answers preflights, and tells browsers which origins may read a reply.

    Cookies are for our own pages: no foreign origin is ever allowed to send one, so that `*` is
    as harmless as it looks. What a foreign page needs, it sends as Authorization.
    """

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)

    @web.middleware
    async def preflight(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Tell an allowed origin what this address takes; before anybody asks for credentials."""
        refused = request.match_info.http_exception
        if (
            request.method != hdrs.METH_OPTIONS
            or hdrs.ACCESS_CONTROL_REQUEST_METHOD not in request.headers
            or not isinstance(refused, web.HTTPMethodNotAllowed)
            or self._allowed(request) is None
        ):
            return await handler(request)
        return web.Response(
            status=HTTPStatus.NO_CONTENT,
            headers={
                hdrs.ACCESS_CONTROL_ALLOW_METHODS: ", ".join(sorted(refused.allowed_methods)),
                hdrs.ACCESS_CONTROL_ALLOW_HEADERS: ASKED,
                hdrs.ACCESS_CONTROL_MAX_AGE: MAX_AGE,
            },
        )

    def add_to(self, headers: dict[str, str], request: web.BaseRequest) -> None:
        """Every reply says whether the asking origin may read it, streams included."""
        if not self._origins:
            return
        if ANY not in self._origins:  # else the reply is the same for all
            headers[hdrs.VARY] = hdrs.ORIGIN
        origin = self._allowed(request)
        if origin is not None:
            headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = EXPOSED

    def _allowed(self, request: web.BaseRequest) -> str | None:
        """The origin as it is to be repeated; None: it is not allowed."""
        origins = request.headers.getall(hdrs.ORIGIN, [])
        if len(origins) != 1:
            return None
        if ANY in self._origins:
            return ANY
        return origins[0] if origins[0].lower() in self._origins else None
