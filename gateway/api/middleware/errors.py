"""Errors become RFC 9457 problems here and nowhere else."""

import logging
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.api.messages import FaultRow, Problem, encode
from gateway.api.middleware.request_id import HEADER as REQUEST_ID
from gateway.api.middleware.request_id import request_id
from gateway.api.middleware.security_headers import HEADERS
from gateway.core.errors import (
    FullError,
    GatewayError,
    InvalidError,
    LimitError,
    UnknownIdError,
)

OWN: tuple[tuple[type[GatewayError], int, str, str], ...] = (  # the first that fits
    (UnknownIdError, 404, "unknown_id", "not_found"),
    (InvalidError, 422, "invalid_value", "client"),
    (FullError, 503, "full", "limit"),
    (LimitError, 429, "too_many", "limit"),
)
CODES = {
    400: "malformed",
    404: "no_such_page",
    405: "method_not_allowed",
    417: "unknown_expectation",
    421: "unknown_host",
}
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
    except TimeoutError:
        return problem(request, 503, "too_slow", "The store did not answer in time; try again.")
    except Exception as error:
        if is_gone(request):
            raise ConnectionResetError("the client went away") from error
        log.exception("request %s failed: %s %s", request_id(request), request.method, request.path)
        if request.writer.output_size:  # a stream that has begun can only be cut
            raise ConnectionResetError("the reply had begun") from error
        return internal(request)


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
) -> web.Response:
    """A reply of `application/problem+json`."""
    body = Problem(
        type=f"urn:gym-gateway:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        category=category or CATEGORIES.get(status, "client"),
        request_id=request_id(request),
        errors=errors,
    )
    return web.Response(
        status=status,
        body=encode(body),
        content_type="application/problem+json",
        headers={"Cache-Control": "no-store"},
    )


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
    reply = problem(request, status, code, str(error), category, rows)
    if isinstance(error, LimitError):
        reply.headers["Retry-After"] = str(error.retry_after)
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
