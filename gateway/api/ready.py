"""Ready bytes: a reply is encoded once and served until it may have changed."""

import gzip
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time

from gateway.api.connection import connection_of
from gateway.api.envelope import ENVELOPE
from gateway.api.middleware.security_headers import HEADERS

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Body:
    """A reply's bytes, their strong entity tag, and the heads of a reply that never change."""

    data: bytes
    etag: str
    headers: Mapping[str, str]
    """Its own, those of its content first."""
    whole: bytes
    """The head of a reply that carries the bytes, without its last empty line."""
    unchanged: bytes
    """The head of one that says: what you have is still so."""
    packed: "Body | None" = None
    """The same in gzip, for who takes that; our hosts speak plain http, where nobody takes br."""


def body_of(data: bytes, content_type: str = JSON, cache: str = "no-cache", **more: str) -> Body:
    """Tag some bytes, as they are sent: the content coding is part of the tag."""
    etag = hashlib.blake2b(data, digest_size=12).hexdigest()
    always = {"Cache-Control": cache, "ETag": f'"{etag}"'}
    of_content = {"Content-Type": content_type, **more}
    length = {"Content-Length": str(len(data))}
    whole = _head("200 OK", of_content | length | always | HEADERS)
    return Body(data, etag, of_content | always, whole, _head("304 Not Modified", always | HEADERS))


def packed_body(
    data: bytes,
    content_type: str,
    cache: str = "no-cache",
    vary: str = "Accept-Encoding",
    **more: str,
) -> Body:
    """Bytes of a page, as they are and in gzip; the smaller one only, if that is the plain."""
    plain = body_of(data, content_type, cache, Vary=vary, **more)
    small = gzip.compress(data, mtime=0)
    if len(small) >= len(data):
        return plain
    coding = {"Vary": vary, "Content-Encoding": "gzip", **more}
    return replace(plain, packed=body_of(small, content_type, cache, **coding))


def _head(status: str, headers: dict[str, str]) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *map(": ".join, headers.items()), ""]).encode()


class Ready:
    """Bodies by key, for at most `keep` seconds and `most` bytes; the longest unused goes first."""

    def __init__(
        self, keep: float, most: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._keep = keep
        self._most = most
        self._monotonic = monotonic
        self._bodies: OrderedDict[Hashable, tuple[float, Body]] = OrderedDict()
        self._size = 0

    def get(self, key: Hashable) -> Body | None:
        """The body, while it is fresh."""
        until, body = self._bodies.get(key, (0.0, None))
        if body is None or self._monotonic() >= until:
            return None
        self._bodies.move_to_end(key)
        return body

    def put(self, key: Hashable, body: Body) -> Body:
        """Keep a body."""
        self._drop(key)
        self._bodies[key] = (self._monotonic() + self._keep, body)
        self._size += len(body.data)
        while self._size > self._most:
            self._drop(next(iter(self._bodies)))
        return body

    def clear(self) -> None:
        """Everything may have changed."""
        self._bodies.clear()
        self._size = 0

    def _drop(self, key: Hashable) -> None:
        _, body = self._bodies.pop(key, (0.0, None))
        self._size -= len(body.data) if body else 0


class ReadyResponse(web.Response):
    """Written as it lies there: making the library's own headers takes longer than all else.

    Only where nothing is special; else it is an ordinary response.
    """

    def __init__(self, body: Body, status: int) -> None:
        super().__init__(status=status)
        self._ready = body

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Write all of it."""
        assert isinstance(request, web.Request)
        connection = connection_of(request)
        transport = connection.transport
        if self._is_special(request) or transport is None or self._eof_sent:
            return await super().prepare(request)
        own = request.app[ENVELOPE].own(request)
        transport.write(self._packed(own))
        self._keep_alive = self._eof_sent = True
        await connection.room()
        return None

    def _is_special(self, request: web.BaseRequest) -> bool:
        """A HEAD, an old client, or one that wants to leave."""
        if request.method == "GET" and request.version == HttpVersion11 and request.keep_alive:
            return False
        self.headers.update(self._ready.headers)
        if self.status == 200:  # noqa: PLR2004  OK
            self.body = self._ready.data
        else:
            del self.headers["Content-Type"]
        return True

    def _packed(self, own: Mapping[str, str]) -> bytes:
        lines = "".join([f"{name}: {value}\r\n" for name, value in own.items()])
        last = f"{lines}Date: {rfc822_formatted_time()}\r\n\r\n".encode()
        if self.status == 200:  # noqa: PLR2004  OK
            return b"".join((self._ready.whole, last, self._ready.data))
        return self._ready.unchanged + last


def reply(request: web.Request, body: Body) -> web.Response:
    """The body, or 304 if the client has it."""
    if body.packed is not None and _takes_gzip(request.headers.get("Accept-Encoding", "")):
        body = body.packed
    asked = request.headers.get("If-None-Match")
    return ReadyResponse(body, 304 if asked is not None and _has(request, asked, body) else 200)


def _takes_gzip(accepted: str) -> bool:
    """Whether it is named and not refused by `q=0`."""
    codings = [part.replace(" ", "").lower().partition(";") for part in accepted.split(",")]
    weights = {coding: weight for coding, _, weight in codings}
    return "gzip" in weights and weights["gzip"] not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}


def _has(request: web.Request, asked: str, body: Body) -> bool:
    """Whether the client has these bytes; most name one tag, the one we gave them."""
    if asked == body.headers["ETag"]:
        return True
    return any(tag.value in {"*", body.etag} for tag in request.if_none_match or ())
