"""A name for each request: in its reply, in an error's body, in the log."""

import secrets

from aiohttp import web

HEADER = "X-Request-Id"
_KEY = web.RequestKey("request_id", str)


def request_id(request: web.BaseRequest) -> str:
    """The request's name, given at the first question; 64 random bits."""
    if _KEY not in request:
        request[_KEY] = secrets.token_hex(8)
    return request[_KEY]


async def add_request_id(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Every reply carries it, streams included."""
    response.headers[HEADER] = request_id(request)
