"""The headers that every reply carries, streams and errors included."""

from aiohttp import web

from gateway.api.door import rate_of
from gateway.api.middleware.cors import Cors
from gateway.api.middleware.request_id import HEADER, request_id
from gateway.api.middleware.security_headers import HEADERS
from gateway.api.tls import HSTS, Tls

Headers = dict[str, str]


class Envelope:
    """Knows what is the same for all (HEADERS) and what is for one request."""

    def __init__(self, cors: Cors, tls: Tls | None, host: str) -> None:
        """`host`: the name in our public URL, for which a certificate may be trusted."""
        self._cors = cors
        self._tls = tls
        self._host = host

    def own(self, request: web.BaseRequest) -> Headers:
        """The headers of this one reply."""
        headers = {HEADER: request_id(request)}
        if (rate := rate_of(request)) is not None:
            policy, verdict = rate
            headers["RateLimit-Policy"] = policy.header
            headers["RateLimit"] = verdict.header(policy)
        self._cors.add_to(headers, request)
        if self._tls is not None and request.secure and self._tls.is_publicly_trusted(self._host):
            headers["Strict-Transport-Security"] = HSTS
        return headers

    async def prepare(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """For on_response_prepare."""
        headers = response.headers
        headers.pop("Server", None)  # nobody needs to know what we are made of
        headers.update(HEADERS)
        headers.update(self.own(request))


ENVELOPE = web.AppKey("envelope", Envelope)
