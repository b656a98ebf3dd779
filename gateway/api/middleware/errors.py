"""Errors become RFC 9457 problems here and nowhere else."""

import logging
import sqlite3
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler
from msgspec import UNSET

from gateway.api.door import COOKIE, forget_cookie
from gateway.api.messages import FaultRow, Problem, encode
from gateway.api.middleware.observe import CATEGORY
from gateway.api.middleware.request_id import HEADER as REQUEST_ID
from gateway.api.middleware.request_id import request_id
from gateway.api.middleware.security_headers import HEADERS
from gateway.bridge import BusyError
from gateway.core.errors import (
    ConflictError,
    DegradedError,
    ElsewhereError,
    ForbiddenError,
    FullError,
    GatewayError,
    InvalidError,
    LimitError,
    MalformedError,
    UnauthorisedError,
    UnknownIdError,
)

OWN: tuple[tuple[type[GatewayError], int, str, str], ...] = (  # the first that fits
    (UnknownIdError, 404, "unknown_id", "not_found"),
    (InvalidError, 422, "invalid_value", "client"),
    (MalformedError, 400, "malformed", "client"),
    (UnauthorisedError, 401, "unauthorised", "auth"),
    (ForbiddenError, 403, "forbidden", "auth"),
    (ConflictError, 409, "conflict", "conflict"),
    (ElsewhereError, 409, "at_the_branch", "conflict"),
    (DegradedError, 503, "degraded", "degraded"),
    (FullError, 503, "full", "limit"),
    (LimitError, 429, "too_many", "limit"),
)
CODES = {
    400: "malformed",
    404: "no_such_page",
    405: "method_not_allowed",
    408: "too_slow_request",
    413: "too_large",
    415: "unsupported_media_type",
    417: "unknown_expectation",
    421: "unknown_host",
}
AGAIN = "30"  # seconds until a page that was refused is asked for again
CATEGORIES = {404: "not_found", 500: "internal", 503: "dependency"}

log = logging.getLogger(__name__)


@web.middleware
async def errors_to_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What a handler raises, as a problem; a fault of ours is logged once with its id."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return problem_of_http(request, error)
    except GatewayError as error:
        return _refused(request, error)
    except (BusyError, TimeoutError, sqlite3.Error, OSError) as error:
        if is_gone(request):
            raise ConnectionResetError("the client went away") from error
        return _of_the_store(request, error)
    except Exception as error:
        if is_gone(request):
            raise ConnectionResetError("the client went away") from error
        log.exception("request %s failed: %s %s", request_id(request), request.method, request.path)
        if request.writer.output_size:  # a stream that has begun can only be cut
            raise ConnectionResetError("the reply had begun") from error
        return internal(request)


def _of_the_store(request: web.Request, error: Exception) -> web.Response:
    """The store is slow, busy, or cannot use its disk: reading what is now goes on."""
    if isinstance(error, TimeoutError):
        return problem(request, 503, "too_slow", "The store did not answer in time; try again.")
    if isinstance(error, BusyError):
        return problem(request, 503, "busy", f"The store is busy: {error}.", "limit")
    log.error("request %s failed: %s", request_id(request), request.path, exc_info=error)
    detail = "The gateway cannot use its disk now; what it shows goes on. Try again later."
    return problem(request, 503, "not_stored", detail, "degraded")


def is_gone(request: web.BaseRequest) -> bool:
    """Whether nobody is there any more to read a reply."""
    return request.transport is None or request.transport.is_closing()


def problem(  # a problem has that many parts
    request: web.BaseRequest,
    status: int,
    code: str,
    detail: str,
    category: str | None = None,
    errors: tuple[FaultRow, ...] = (),
    public_url: str | None = None,
) -> web.Response:
    """A reply of `application/problem+json`."""
    body = Problem(
        type=f"urn:gym-gateway:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail.encode(errors="replace").decode(),  # it may repeat what no text was
        code=code,
        category=category or CATEGORIES.get(status, "client"),
        request_id=request_id(request),
        errors=errors,
        public_url=public_url or UNSET,
    )
    request[CATEGORY] = body.category
    return web.Response(
        status=status,
        body=encode(body),
        content_type="application/problem+json",
        headers={"Cache-Control": "no-store"} | _again(request, status),
    )


def _again(request: web.BaseRequest, status: int) -> dict[str, str]:
    """A browser that got this instead of a page asks anew by itself: a wall has nobody to do it."""
    passes = status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    is_page = request.method == "GET" and "text/html" in request.headers.get("Accept", "")
    return {"Refresh": AGAIN} if passes and is_page else {}


def problem_of_http(request: web.BaseRequest, error: web.HTTPException) -> web.StreamResponse:
    """An HTTP error of the server library; redirects stay what they are."""
    if error.status < HTTPStatus.BAD_REQUEST:
        raise error
    detail = _DETAILS.get(error.status, error.text or error.reason)
    reply = problem(request, error.status, CODES.get(error.status, "refused"), detail)
    if "Allow" in error.headers:
        reply.headers["Allow"] = error.headers["Allow"]
    return reply


_DETAILS = {
    413: "The body is larger than the 64 KiB that we take.",
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
    417: "Only `Expect: 100-continue` is understood.",
}


def internal(request: web.BaseRequest) -> web.Response:
    """A fault of ours: nothing but the id under which the log tells more."""
    detail = "The gateway made a mistake; its log says more under this requestId."
    return problem(request, 500, "internal", detail)


def _refused(request: web.Request, error: GatewayError) -> web.Response:
    status, code, category = next(row[1:] for row in OWN if isinstance(error, row[0]))
    faults = error.faults if isinstance(error, InvalidError) else ()
    rows = tuple(FaultRow(pointer=fault.pointer, detail=fault.detail) for fault in faults)
    where = error.public_url if isinstance(error, ElsewhereError) else None
    reply = problem(request, status, code, str(error), category, rows, where)
    if isinstance(error, LimitError):
        reply.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, UnauthorisedError):
        reply.headers["WWW-Authenticate"] = "Bearer"
        if COOKIE in request.cookies:  # pages cannot see it: only we can make them drop it
            forget_cookie(reply)
    return reply


def refuse(request: web.BaseRequest, status: int, why: str) -> web.StreamResponse:
    """What never reached a handler: no HTTP request, or one that failed outside all of this."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        reply = internal(request)
    else:
        detail = _DETAILS.get(status, f"The request is malformed: {why[:100].rstrip(':')}")
        reply = problem(request, status, CODES.get(status, "refused"), detail)
    reply.headers.update(HEADERS | {REQUEST_ID: request_id(request)})
    return reply
