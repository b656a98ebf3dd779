"""A Postman collection 2.1 from the list of operations: every call with an example and a test."""

import json
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from itertools import groupby

from config.sections import Config
from gateway.api.openapi import TAGS, pointers
from gateway.api.operation import Operation, Parameter
from gateway.api.schemas import Json

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
ABOUT = (
    "Run it from top to bottom: each reply fills the variables of what follows. `token` is a"
    " member's token or a key; while it is empty, calls that need one must answer 401."
    " /stream and /ws never end and are left out: try them at /docs."
)
SIGN_IN = (
    'const token = pm.variables.get("token");',
    'if (token) pm.request.headers.upsert({ key: "Authorization", value: "Bearer " + token });',
)
OPEN_ENDED = ("text/event-stream",)


def postman(operations: Sequence[Operation], config: Config) -> Json:
    """The collection. `config` gives the name and the address of the branch."""
    order = list(TAGS)
    calls = sorted(filter(_ends, operations), key=lambda one: order.index(one.tag))
    names = {known.name: known.example for one in calls for known in _of_path(one)}
    names |= {"baseUrl": config.branch.public_url, "token": "", "gymId": config.branch.id}
    return {
        "info": {
            "name": f"Gym gateway: {config.branch.name}",
            "description": ABOUT,
            "schema": SCHEMA,
        },
        "item": [
            {"name": tag, "description": TAGS[tag], "item": [_item(one, names) for one in group]}
            for tag, group in groupby(calls, key=lambda one: one.tag)
        ],
        "event": [_script("prerequest", SIGN_IN)],
        "variable": [{"key": key, "value": value} for key, value in sorted(names.items())],
    }


def _ends(operation: Operation) -> bool:
    return operation.status != HTTPStatus.SWITCHING_PROTOCOLS and operation.media not in OPEN_ENDED


def _of_path(operation: Operation) -> list[Parameter]:
    return [known for known in operation.parameters if known.place == "path"]


def _item(operation: Operation, names: Json) -> Json:
    request: Json = {
        "method": operation.method,
        "description": operation.summary,
        "header": [],
        "url": _url(operation),
    }
    if operation.accepts is not None:
        request["header"] = [{"key": "Content-Type", "value": "application/json"}]
        request["body"] = {"mode": "raw", "raw": json.dumps(operation.body_example, indent=2)}
    return {
        "name": f"{operation.method} {operation.path}",
        "protocolProfileBehavior": {"disableCookies": True},  # only `token` says who asks
        "request": request,
        "response": [_example(operation, request)] if operation.example else [],
        "event": [_script("test", tuple(_tests(operation, names)))],
    }


def _url(operation: Operation) -> Json:
    path = [part.replace("{", ":").rstrip("}") for part in operation.path.strip("/").split("/")]
    of_query = [known for known in operation.parameters if known.place == "query"]
    return {
        "raw": "/".join(("{{baseUrl}}", *path)),
        "host": ["{{baseUrl}}"],
        "path": path,
        "variable": [
            {"key": known.name, "value": f"{{{{{known.name}}}}}", "description": known.description}
            for known in _of_path(operation)
        ],
        "query": [
            {
                "key": known.name,
                "value": "" if known.example is None else str(known.example),
                "description": known.description,
                "disabled": True,
            }
            for known in of_query
        ],
    }


def _example(operation: Operation, request: Json) -> Json:
    return {
        "name": "As documented",
        "originalRequest": request,
        "status": HTTPStatus(operation.status).phrase,
        "code": operation.status,
        "header": [{"key": "Content-Type", "value": operation.media}],
        "body": json.dumps(operation.example, indent=2, ensure_ascii=False),
    }


def _script(when: str, lines: tuple[str, ...]) -> Json:
    return {"listen": when, "script": {"type": "text/javascript", "exec": list(lines)}}


# --- tests --------------------------------------------------------------------------------------


def _tests(operation: Operation, names: Json) -> Iterator[str]:
    """Lines of JavaScript: the status is right, JSON is JSON, what follows is filled in."""
    good = sorted({operation.status, *operation.also})
    # 422: its body names what only this branch can know
    good += {int(HTTPStatus.UNPROCESSABLE_ENTITY)} & {*operation.refuses}
    if operation.rate == "member":
        good.append(429)  # a few a day: who runs this often has had them
    if operation.who is None and not operation.signed_in:
        yield f"const right = {good};"
    else:
        yield f'const right = pm.variables.get("token") ? {[*good, 403]} : [401];'
    yield 'pm.test("the status is right", () => pm.expect(right).to.include(pm.response.code));'
    yield 'pm.test("the call has a name", () => pm.response.to.have.header("X-Request-Id"));'
    yield f"const isGood = {good[:1]}.includes(pm.response.code);"
    yield f'const kind = isGood ? "{_media(operation)}" : "application/problem+json";'
    yield 'const sent = (pm.response.headers.get("Content-Type") || "").split(";")[0];'
    yield 'pm.test("the content type is right", () => pm.expect(sent).to.equal(kind));'
    yield 'if (/[/+]json$/.test(kind)) pm.test("the body is JSON", () => pm.response.json());'
    known = {name: at for name, at in pointers(operation.example) if name in names}
    for name, at in known.items() if operation.method == "GET" else ():
        place = "".join(_step(part) for part in at.split("/")[1:])
        yield f'if (isGood) pm.collectionVariables.set("{name}", pm.response.json(){place});'


def _media(operation: Operation) -> str:
    return "" if operation.status == HTTPStatus.NO_CONTENT else operation.media


def _step(part: str) -> str:
    return f"?.[{part}]" if part.isdigit() else f"?.{part}"
