"""Ready bytes: a reply is encoded once and served until it may have changed."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from aiohttp import web

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Body:
    """A reply's bytes and their strong entity tag."""

    data: bytes
    content_type: str
    etag: str


def body_of(data: bytes, content_type: str = JSON) -> Body:
    """Tag some bytes; we send them in one content coding only, so that is part of the tag."""
    return Body(data, content_type, hashlib.blake2b(data, digest_size=12).hexdigest())


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


def reply(request: web.Request, body: Body) -> web.Response:
    """The body, or 304 if the client has it."""
    response = web.Response(headers={"Cache-Control": "no-cache"})
    response.etag = body.etag
    known = request.if_none_match or ()
    if any(tag.value in {"*", body.etag} for tag in known):
        response.set_status(304)
        return response
    response.body = body.data
    response.content_type = body.content_type
    return response
