"""The documents as they are served."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.api.operation import Operation
from tests.integration.served import Served, serving


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


@pytest.mark.parametrize("name", ["openapi", "asyncapi", "postman"])
async def test_a_document_is_json_with_an_entity_tag(api: Served, name: str) -> None:
    reply = await api.get(f"/{name}.json")
    assert reply.status == 200
    assert reply.content_type == "application/json"
    assert json.loads(await reply.text())["info"]
    again = await api.get(f"/{name}.json", If_None_Match=reply.headers["ETag"])
    assert again.status == 304


@pytest.mark.parametrize("name", ["openapi", "asyncapi", "postman"])
async def test_a_document_takes_no_parameters(api: Served, name: str) -> None:
    assert (await api.get(f"/{name}.json?pretty=1")).status == 422


async def test_the_document_names_every_call_that_is_served(api: Served) -> None:
    document = await api.json("/openapi.json")
    shown = {(m.upper(), path) for path, ways in document["paths"].items() for m in ways}
    served = {(one.method, one.path) for one in operations(api)}
    assert shown == served
    assert ("GET", "/openapi.json") in shown


def operations(api: Served) -> list[Operation]:
    """Those whose handlers the router has."""
    routes = api.server._runner.app.router.routes()
    owners: set[Any] = {getattr(route.handler, "__self__", None) for route in routes}
    return [one for owner in owners if hasattr(owner, "operations") for one in owner.operations()]


async def test_each_call_answers_as_the_document_says(api: Served) -> None:
    document = await api.json("/openapi.json")
    staff = {"Authorization": f"Bearer {await api.key('admin')}"}
    for path in ("/branches", "/machines/leg-press-01", "/events", "/connections", "/health"):
        reply = await api.get(path, **staff)
        template = path.replace("leg-press-01", "{machineId}")
        said = document["paths"][template]["get"]["responses"]
        assert str(reply.status) in said
        assert reply.content_type in said[str(reply.status)]["content"]


async def test_the_page_is_served_with_its_parts(api: Served) -> None:
    page = await api.get("/docs")
    assert (page.status, page.content_type) == (200, "text/html")
    for part in ("docs.js", "try.js", "types.js", "dom.js", "style.css"):
        assert (await api.get(f"/web/docs/{part}")).status == 200


async def test_the_page_asks_nobody_else_for_anything(api: Served) -> None:
    for part in ("docs.js", "try.js", "types.js", "dom.js", "style.css", "index.html"):
        text = await (await api.get(f"/web/docs/{part}")).text()
        assert not re.search(r"https?://|[\"'(]//", text), part
        assert "innerHTML" not in text
        assert "style=" not in text
