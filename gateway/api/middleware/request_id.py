"""A name for each request: in its reply, in an error's body, in the log."""

import re
import secrets
from itertools import count
from typing import Final

from aiohttp import web

HEADER = "X-Request-Id"
_KEY: Final = web.RequestKey("request_id", str)
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_PROCESS = secrets.token_hex(4)  # so that two processes' logs can be told apart
_numbers = count(1)


def request_id(request: web.BaseRequest) -> str:
    """The name the client or its proxy gave it, else one of ours, given at the first question."""
    known = request.get(_KEY)
    if known is None:
        given = request.headers.get(HEADER)
        good = given is not None and _GIVEN.fullmatch(given)
        known = request[_KEY] = given if good and given else f"{_PROCESS}{next(_numbers):08x}"
    return known
