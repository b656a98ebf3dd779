"""OpenAPI 3.1 from the list of operations: nothing is written twice."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus

from config.sections import Config
from gateway.api.messages import Problem
from gateway.api.operation import Operation, Parameter
from gateway.api.schemas import REF, Json, Schemas, schema_of
from gateway.core.access import LADDER, Role

VERSION = "1.0.0"  # of the interface; which program serves it is nobody's business
PROBLEM = "application/problem+json"
TAGS = {
    "Branches": "Branches, their categories and how many machines are free.",
    "Machines": "One machine: its status, its past, and what people say of it.",
    "Live": "What changes, as it changes. The messages are in `/asyncapi.json`.",
    "Members": "Anonymous phones, and passes for clients that can set no header.",
    "Alerts": "Be told when a machine becomes free.",
    "Sensors": "What sensors say, and by what their levels are judged: for technicians.",
    "Events": "The log of every change, by number.",
    "Health": "How the gateway is.",
    "Documents": "This document and its sisters.",
}
REFUSALS = {  # status → what it means, and the example's code and category
    400: ("The request cannot be read.", "malformed", "client"),
    401: ("A credential is missing, or the one that is there is not good.", "unauthorised", "auth"),
    403: ("The credential is good, and not for this.", "forbidden", "auth"),
    404: ("An id in the path is unknown.", "unknown_id", "not_found"),
    408: ("The body did not come in time.", "too_slow_request", "client"),
    409: ("It does not go together with how things are.", "conflict", "conflict"),
    413: ("The body is larger than we take.", "too_large", "client"),
    415: ("The body's Content-Type is not the one we take.", "unsupported_media_type", "client"),
    421: ("The Host is not a name of ours.", "unknown_host", "client"),
    422: ("Values are wrong; `errors` names each of them.", "invalid_value", "client"),
    429: ("More calls than one client may make.", "too_many", "limit"),
    503: ("It cannot be done now; try again later.", "too_slow", "dependency"),
}
ANY = (400, 401, 403, 421, 422, 429)  # whatever is called: a wrong token, Host or parameter …
OF_A_BODY = (408, 413, 415)
HEADERS: Json = {
    "X-Request-Id": {
        "description": "Names this call in the gateway's log; yours, if you sent a good one.",
        "required": True,
        "schema": {"type": "string"},
        "example": "5e0c2f7a9b3d4e61",
    },
    "ETag": {
        "description": "Send it back as If-None-Match: 304 if nothing has changed.",
        "required": True,
        "schema": {"type": "string"},
        "example": '"9b3d4e615e0c2f7a9b3d4e61"',
    },
    "RateLimit-Policy": {
        "description": "How many calls in how many seconds; absent where calls are not counted.",
        "schema": {"type": "string"},
        "example": '"default";q=100;w=60',
    },
    "RateLimit": {
        "description": "How many are left, and for how many seconds that holds.",
        "schema": {"type": "string"},
        "example": '"default";r=87;t=12',
    },
    "Retry-After": {
        "description": "Seconds to wait.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
        "example": 12,
    },
}
TICKET = "ticket"
SECURITY: Json = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A member's token or a key: `Authorization: Bearer gwk_…`.",
    },
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same, for who cannot set Authorization.",
    },
    "memberCookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "gateway_member",
        "description": "Set by `POST /members` for our own pages; Origin must be ours.",
    },
    TICKET: {
        "type": "apiKey",
        "in": "query",
        "name": TICKET,
        "description": "From `POST /tickets`, for `/stream` and `/ws` only. First use within"
        " 60 s; then that client may come back with it for 12 h.",
    },
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "Signature",
        "description": "RFC 9421 with hmac-sha256, beside Signature-Input: components `@method`,"
        " `@target-uri` (from the server's address here), `content-digest` where there is a"
        " body; parameters `created` (± 60 s), `nonce` (once), `keyid`. Needed for keys that"
        " were made with `--signed`.",
    },
}


def openapi(operations: Sequence[Operation], config: Config) -> Json:
    """The whole document. `config` gives the name and the address of the branch."""
    paths: Json = {}
    kinds = [kind for o in operations for kind in (o.gives, o.accepts) if kind is not None]
    schemas = Schemas([*kinds, Problem])
    for operation in operations:
        ways = paths.setdefault(operation.path, {})
        ways[operation.method.lower()] = _operation(operation, operations, schemas)
    used = {operation.tag for operation in operations}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Gym gateway: {config.branch.name}",
            "version": VERSION,
            "summary": "Which machines of a gym are free, now and usually.",
            "description": "Times are epoch seconds (UTC), durations seconds; keys may be added,"
            " none is renamed. `/docs` is a page to try every call.",
        },
        "servers": [{"url": config.branch.public_url, "description": config.branch.name}],
        "tags": [{"name": n, "description": text} for n, text in TAGS.items() if n in used],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "responses": {_refusal_name(status): _refusal(status) for status in REFUSALS},
            "headers": HEADERS,
            "securitySchemes": SECURITY,
        },
    }


def _operation(operation: Operation, others: Sequence[Operation], schemas: Schemas) -> Json:
    document: Json = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": _description(operation),
        "parameters": [_parameter(known) for known in operation.parameters if not _is_pass(known)],
        "responses": _responses(operation, others, schemas),
        "security": _security(operation),
    }
    if operation.accepts is not None:
        media = {"schema": schemas.of(operation.accepts), "example": operation.body_example}
        document["requestBody"] = {"required": True, "content": {"application/json": media}}
    return document


def _description(operation: Operation) -> str:
    who = "everybody"
    if operation.who is not None:
        more = LADDER[: LADDER.index(operation.who)] if operation.who in LADDER else ()
        who = ", ".join((operation.who, *reversed(more)))
    elif operation.signed_in:
        who = "whoever has a credential"
    counted = "not counted" if operation.rate == "none" else f"counted as `{operation.rate}`"
    return f"For {who}; {counted}."


def _is_pass(parameter: Parameter) -> bool:
    """The ticket is a security scheme, which is to say it once."""
    return parameter.name == TICKET


def _parameter(known: Parameter) -> Json:
    schema = schema_of(known.kind)
    document = {
        "name": known.name,
        "in": known.place,
        "required": known.required,
        "description": known.description,
        "schema": schema,
    }
    return document if known.example is None else document | {"example": known.example}


def _security(operation: Operation) -> list[Json]:
    ways = ["bearer", "apiKey"]
    if operation.who in {None, Role.MEMBER}:
        ways.append("memberCookie")
    if operation.who is not Role.MEMBER:
        ways.append("signature")
    if any(map(_is_pass, operation.parameters)):
        ways.append(TICKET)
    free = operation.who is None and not operation.signed_in
    return ([{}] if free else []) + [{way: []} for way in ways]


# --- replies ------------------------------------------------------------------------------------


def _refusals(operation: Operation) -> Iterator[int]:
    yield from ANY
    yield from operation.refuses
    if any(known.place == "path" for known in operation.parameters):
        yield 404
    if operation.accepts is not None:
        yield from OF_A_BODY


def _responses(operation: Operation, others: Sequence[Operation], schemas: Schemas) -> Json:
    found = {status: _good(operation, schemas) for status in (operation.status, *operation.also)}
    if led := dict(links(operation, others)):
        found[operation.status]["links"] = led
    if operation.live:
        found[304] = {"description": "It is as you know it.", "headers": _headers("ETag")}
    for status in _refusals(operation):
        if status not in found:
            found[status] = {"$ref": f"#/components/responses/{_refusal_name(status)}"}
    return {str(status): found[status] for status in sorted(found)}


def _good(operation: Operation, schemas: Schemas) -> Json:
    document: Json = {
        "description": (operation.handler.__doc__ or operation.summary).strip(),
        "headers": _headers("ETag") if operation.live else _headers(),
    }
    if content := dict(_content(operation, schemas)):
        document["content"] = content
    return document


def _content(operation: Operation, schemas: Schemas) -> Iterator[tuple[str, Json]]:
    if operation.gives is not None:
        media = {"schema": schemas.of(operation.gives)}
        shown = {} if operation.example is None else {"example": operation.example}
        yield operation.media, media | shown
    elif operation.media != "application/json":
        yield operation.media, {"schema": {"type": "string"}}
    if operation.other_media is not None:
        yield operation.other_media, {"schema": {"type": "string"}}


def _headers(*more: str) -> Json:
    names = ("X-Request-Id", "RateLimit-Policy", "RateLimit", *more)
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _refusal_name(status: int) -> str:
    return HTTPStatus(status).phrase.replace(" ", "")


def _refusal(status: int) -> Json:
    text, code, category = REFUSALS[status]
    example = {
        "type": f"urn:gym-gateway:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": text,
        "code": code,
        "category": category,
        "requestId": HEADERS["X-Request-Id"]["example"],
        "errors": [],
    }
    media = {"schema": {"$ref": REF.format(name="Problem")}, "example": example}
    headers = _headers("Retry-After") if status == HTTPStatus.TOO_MANY_REQUESTS else _headers()
    return {"description": text, "headers": headers, "content": {PROBLEM: media}}


# --- what follows from a reply ------------------------------------------------------------------


def links(operation: Operation, others: Sequence[Operation]) -> Iterator[tuple[str, Json]]:
    """The calls whose path can be filled from the reply: its example shows where the ids are."""
    known = dict(pointers(operation.example))
    for other in others:
        names = [parameter.name for parameter in other.parameters if parameter.place == "path"]
        if names and other is not operation and known.keys() >= set(names):
            values = {name: f"$response.body#{known[name]}" for name in names}
            yield other.id, {"operationId": other.id, "parameters": values}


def pointers(value: object, at: str = "") -> Iterator[tuple[str, str]]:
    """(key, JSON pointer) of every text; deeper ones first, so that nearer ones win in a dict."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from pointers(inner, f"{at}/{key}")
        yield from ((k, f"{at}/{k}") for k, inner in value.items() if isinstance(inner, str))
    elif isinstance(value, list) and value:
        yield from pointers(value[0], f"{at}/0")
