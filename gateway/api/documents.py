"""The documents that are made from the list of operations, and the page that shows them."""

from collections.abc import Sequence
from functools import cached_property

import msgspec
from aiohttp import web

from config.sections import Config
from gateway.api.asyncapi import asyncapi
from gateway.api.messages import Wire
from gateway.api.openapi import openapi
from gateway.api.operation import Operation
from gateway.api.pages import Pages
from gateway.api.postman import postman
from gateway.api.query import no_parameters
from gateway.api.ready import Body, body_of, packed_body, reply
from gateway.api.schemas import Json

TAG = "Documents"


class OpenApi(Wire, frozen=True):
    """An OpenAPI 3.1 document."""

    openapi: str
    info: dict[str, object]
    paths: dict[str, object]
    components: dict[str, object]


class AsyncApi(Wire, frozen=True):
    """An AsyncAPI 3.0 document."""

    asyncapi: str
    info: dict[str, object]
    channels: dict[str, object]
    components: dict[str, object]


class Postman(Wire, frozen=True):
    """A Postman collection, version 2.1."""

    info: dict[str, object]
    item: tuple[object, ...]
    variable: tuple[object, ...]


class DocumentRoutes:
    """`/openapi.json`, `/asyncapi.json`, `/postman.json`: of `others` and themselves.

    Each is made when it is first asked for: that takes 10 ms, and most starts never need it.
    """

    def __init__(self, others: Sequence[Operation], config: Config) -> None:
        self._everything = [*others, *self.operations()]
        self._config = config

    @cached_property
    def _openapi(self) -> Body:
        return _ready(openapi(self._everything, self._config))

    @cached_property
    def _asyncapi(self) -> Body:
        return _ready(asyncapi(self._config))

    @cached_property
    def _postman(self) -> Body:
        return _ready(postman(self._everything, self._config))

    def operations(self) -> list[Operation]:
        """What is served here."""
        return [
            Operation(
                method="GET",
                path="/openapi.json",
                handler=self.show_openapi,
                summary="Every call, as OpenAPI 3.1",
                tag=TAG,
                gives=OpenApi,
                live=True,
            ),
            Operation(
                method="GET",
                path="/asyncapi.json",
                handler=self.show_asyncapi,
                summary="Every message, as AsyncAPI 3.0",
                tag=TAG,
                gives=AsyncApi,
                live=True,
            ),
            Operation(
                method="GET",
                path="/postman.json",
                handler=self.show_postman,
                summary="Every call with its test, as a Postman collection",
                tag=TAG,
                gives=Postman,
                live=True,
            ),
        ]

    async def show_openapi(self, request: web.Request) -> web.Response:
        """The calls."""
        return _show(request, self._openapi)

    async def show_asyncapi(self, request: web.Request) -> web.Response:
        """The messages."""
        return _show(request, self._asyncapi)

    async def show_postman(self, request: web.Request) -> web.Response:
        """The collection."""
        return _show(request, self._postman)


class DocsPage:
    """`/docs`: reads the documents and tries the calls."""

    def __init__(self, pages: Pages) -> None:
        self._page = packed_body(pages.text("docs/index.html").encode(), "text/html")

    def routes(self) -> list[web.RouteDef]:
        """A page for people."""
        return [web.get("/docs", self.show_docs)]

    async def show_docs(self, request: web.Request) -> web.Response:
        """The page; its parts are under /web/docs/."""
        return reply(request, self._page)


def _ready(document: Json) -> Body:
    return body_of(msgspec.json.encode(document))


def _show(request: web.Request, body: Body) -> web.Response:
    no_parameters(request)
    return reply(request, body)
