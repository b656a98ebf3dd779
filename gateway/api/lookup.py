"""Names in a path: an unknown one is the domain's `UnknownIdError`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from gateway.core.errors import UnknownIdError

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def identifier(request: web.Request, key: str, kind: str) -> str:
    """The id in the path; what cannot be one is unknown."""
    name = request.match_info[key]
    if not _ID.fullmatch(name):
        raise UnknownIdError(kind, name[:64])
    return name


@contextmanager
def looking_up(kind: str, name: str) -> Iterator[None]:
    """The read model's KeyError means that there is no such `kind`."""
    try:
        yield
    except KeyError:
        raise UnknownIdError(kind, name) from None
