"""One call of the API: what serves it, who may use it, and what the documents say of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from aiohttp import web

from gateway.core.access import Role

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Rate = Literal["default", "write", "member", "none"]
"""Which token bucket a call draws from: see docs/api.md."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value in the path, the query or a header. `kind` is a type that msgspec knows."""

    name: str
    kind: Any  # a type or an annotated type: typing has no word for these
    description: str
    example: object = None
    place: Literal["path", "query", "header"] = "query"
    only: str = ""
    """What it must look like for the path to be this call's, where another's looks alike."""

    @property
    def required(self) -> bool:
        """Only what stands in the path must be there."""
        return self.place == "path"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A method on a path. Everything but the handler is what the documents are made from."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    handler: Handler
    summary: str
    tag: str
    gives: type[msgspec.Struct] | None = None
    """The JSON of a good reply; None: no body, or one that is no JSON."""
    media: str = "application/json"
    """Its content type where it is not JSON."""
    status: int = 200
    other_media: str | None = None
    """Another content type that can be asked for."""
    example: object = None
    """A good reply, as plain JSON."""
    accepts: type[msgspec.Struct] | None = None
    """The JSON body that is asked for."""
    body_example: object = None
    parameters: tuple[Parameter, ...] = ()
    who: Role | None = None
    """The least role; None: everybody."""
    signed_in: bool = False
    """Whoever has a credential may, whatever its role."""
    also: tuple[int, ...] = ()
    """Other statuses that carry the same JSON as a good reply."""
    refuses: tuple[int, ...] = ()
    """Statuses of its own, beside those that any call may give."""
    rate: Rate = "default"
    live: bool = False
    """Its reply has an ETag, and may be 304."""

    @property
    def id(self) -> str:
        """The handler's name in camelCase: `listBranches`."""
        name = getattr(self.handler, "__name__", "call")
        first, *rest = name.split("_")
        place = "OfBranch" if self.path.startswith("/branches/{gymId}/machines") else ""
        return first + "".join(word.capitalize() for word in rest) + place
