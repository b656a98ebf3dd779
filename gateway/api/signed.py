"""Signed calls: RFC 9421 with a key's secret, which is derived and stored nowhere."""

from collections.abc import Callable
from time import monotonic

from aiohttp import web

from gateway.api.body import whole_body
from gateway.api.credentials import Credentials, RefusedError
from gateway.core.access import Holder
from gateway.core.signatures import Nonces, SignatureError, Signed, derive, key_id_of, verify


class Signatures:
    """Finds who signed a request."""

    def __init__(
        self,
        credentials: Credentials,
        master: bytes | None,
        public_url: str,
        wall: Callable[[], float],
    ) -> None:
        self._credentials = credentials
        self._master = master
        self._base = public_url.rstrip("/")
        self._wall = wall
        self._began = monotonic()
        self._seen = Nonces()

    async def holder(self, request: web.Request) -> Holder:
        """Who signed it. Raises RefusedError."""
        if self._master is None:
            raise RefusedError("this gateway has no master secret, so that it knows no signatures")
        signed = Signed(
            method=request.method,
            target_uri=self._base + request.raw_path,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await whole_body(request),
        )
        try:
            key = self._credentials.key(key_id_of(signed))
            if key is None or not key.signed:
                raise RefusedError("the signature's keyid names no key that signs")
            secret = derive(self._master, key.id)
            now = self._wall()
            started_at = now - (monotonic() - self._began)  # by the clock as it is now
            verify(signed, secret, now, started_at, self._seen)
        except SignatureError as error:
            raise RefusedError(f"the signature does not hold: {error}") from None
        return self._credentials.use(key)
