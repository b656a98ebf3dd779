"""`GET /ws`: the live stream over a WebSocket, which may change what it follows."""

import asyncio
from collections.abc import Iterable
from typing import Literal

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from gateway.api.connection import connection_of
from gateway.api.door import address_of, holder_of
from gateway.api.framing import WEBSOCKET, Message
from gateway.api.hub import Hub
from gateway.api.masks import Masks
from gateway.api.messages import Wire, encode
from gateway.api.operation import Operation
from gateway.api.query import Query
from gateway.api.stream import TICKET
from gateway.api.viewer import MOST_UNNAMED, NOTHING, Follow, Viewer, follow_of
from gateway.core.errors import Fault, ForbiddenError, InvalidError
from gateway.readmodel import MachineView, ReadModel

LARGEST = 16 * 1024  # bytes of a client's message: 200 machine ids are 13 kB
REFUSED = 64 * 1024  # bytes; above this it is not even read, and the connection is closed
PACE = 0.25  # seconds between two subscriptions: each may cost a replay of 10,000 events
PARTING = 0.2  # seconds for the client to say good-bye too; a stop leaves no more


Code = Literal["malformed", "unknown_action", "invalid_value", "too_big", "binary"]


class Named(Wire, frozen=True, forbid_unknown_fields=True):
    """Machines and those of a category, united."""

    machines: tuple[str, ...] | None = None
    category: str | None = None


class Subscribe(Named, frozen=True, tag_field="action", tag="subscribe"):
    """Follow these, and no others any more; without any: all. `since`: what was missed first."""

    since: str | None = None


class Unsubscribe(Named, frozen=True, tag_field="action", tag="unsubscribe"):
    """Follow these no more; without any: nothing."""


class Ping(Wire, frozen=True, forbid_unknown_fields=True, tag_field="action", tag="ping"):
    """Asks whether we are there."""


class Pong(Wire, frozen=True, tag_field="type", tag="pong"):
    """We are."""


class ErrorMessage(Wire, frozen=True, tag_field="type", tag="error"):
    """What was said is not understood; the connection stays."""

    code: Code
    detail: str


Said = Subscribe | Unsubscribe | Ping
_ACTIONS: dict[object, type[Said]] = {
    "subscribe": Subscribe,
    "unsubscribe": Unsubscribe,
    "ping": Ping,
}
_PONG = Message("pong", encode(Pong()))


class SocketRoutes:
    """`/ws`. Pages of `origins` may use it beside our own."""

    def __init__(self, model: ReadModel, hub: Hub, origins: Iterable[str]) -> None:
        self._model = model
        self._hub = hub
        self._origins = frozenset(origins)

    def operations(self) -> list[Operation]:
        """What is served here."""
        return [
            Operation(
                method="GET",
                path="/ws",
                handler=self.open_socket,
                summary="The live stream over a WebSocket",
                tag="Live",
                status=101,
                parameters=(TICKET,),
            )
        ]

    async def open_socket(self, request: web.Request) -> web.StreamResponse:
        """Heartbeats, and what the client subscribes to, until either goes."""
        Query(request, ("ticket",)).done()
        self._must_be_known(request)
        with self._hub.seat(address_of(request)):
            ws: web.WebSocketResponse[Literal[False]] = web.WebSocketResponse(
                timeout=PARTING, compress=False, max_msg_size=REFUSED, decode_text=False
            )
            await ws.prepare(request)
            viewer = self._viewer(request)
            with self._hub.attended(viewer):
                self._hub.refollow(viewer, NOTHING)
                self._hub.greet(viewer)
                await self._talk(ws, viewer)
            await ws.close(code=WSCloseCode.GOING_AWAY)
        return ws

    def _must_be_known(self, request: web.Request) -> None:
        """Browsers let any page open a WebSocket to us, and say which page it is."""
        origin = request.headers.get("Origin")
        if origin is None or origin in self._origins:
            return
        if origin.lower().partition("://")[2] != request.host.lower():
            raise ForbiddenError(
                f"Pages of {origin[:100]} may not open a stream here;"
                " name them in [http] cors_origins if they shall."
            )

    def _viewer(self, request: web.Request) -> Viewer:
        connection, holder = connection_of(request), holder_of(request)
        connection.limit_buffers()
        connection.watch = Masks().are_there
        name = None if holder is None else str(holder)
        return Viewer(connection, WEBSOCKET, self._hub.catch_up, address_of(request), name)

    async def _talk(self, ws: web.WebSocketResponse[Literal[False]], viewer: Viewer) -> None:
        """Answer until the client goes, or shall go."""
        answering = asyncio.create_task(self._answer(ws, viewer))
        await asyncio.wait({answering, viewer.ended}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.cancel():
            answering.result()

    async def _answer(self, ws: web.WebSocketResponse[Literal[False]], viewer: Viewer) -> None:
        """One message after the other, each when the answer to the one before is taken."""
        async for message in ws:
            if message.type is WSMsgType.ERROR:
                return
            try:
                await self._do(_understood(message.type, message.data), viewer)
            except _NotUnderstoodError as error:
                viewer.say(error.message)
            await viewer.room()

    async def _do(self, said: Said, viewer: Viewer) -> None:
        if isinstance(said, Ping):
            viewer.say(_PONG)
            return
        named = _named(said, self._model.snapshot().machines)
        if isinstance(said, Unsubscribe):
            self._hub.refollow(viewer, self._less(viewer.follow, named))
            return
        await self._hub.follow(viewer, named, said.since)
        await asyncio.sleep(PACE)

    def _less(self, follow: Follow, named: Follow) -> Follow:
        if named is None:
            return NOTHING
        if follow is None:
            follow = frozenset(view.key for view in self._model.snapshot().machines)
        return follow - named


class _NotUnderstoodError(Exception):
    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(detail)
        self.message = Message("error", encode(ErrorMessage(code=code, detail=detail)))


def _understood(kind: WSMsgType, data: bytes) -> Said:
    if kind is WSMsgType.BINARY:
        raise _NotUnderstoodError("binary", "Messages are JSON text.")
    if len(data) > LARGEST:
        raise _NotUnderstoodError("too_big", f"A message has at most {LARGEST} bytes.")
    try:
        asked = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _NotUnderstoodError("malformed", f"That is no JSON: {error}") from None
    action = asked.get("action") if isinstance(asked, dict) else None
    if not isinstance(action, str) or action not in _ACTIONS:
        known = ", ".join(map(str, _ACTIONS))
        raise _NotUnderstoodError("unknown_action", f"A message has an action, one of {known}.")
    try:
        return msgspec.convert(asked, _ACTIONS[action])
    except msgspec.ValidationError as error:
        raise _NotUnderstoodError("invalid_value", str(error)) from None


def _named(said: Named, views: Iterable[MachineView]) -> Follow:
    """The machines that are meant; None where none are named."""
    views = tuple(views)
    if not said.machines and not said.category:
        if isinstance(said, Subscribe) and len(views) > MOST_UNNAMED:
            detail = f"/machines: name some: there are {len(views)} here"
            raise _NotUnderstoodError("invalid_value", detail)
        return None
    names = {name for view in views for name in (view.machine, view.key)}
    unknown = sorted(set(said.machines or ()).difference(names))
    faults = [Fault("/machines", f"not known here: {', '.join(unknown)}")] if unknown else []
    if said.category and not any(view.category == said.category for view in views):
        faults.append(Fault("/category", f"not known here: {said.category}"))
    if faults:
        raise _NotUnderstoodError("invalid_value", str(InvalidError(faults)))
    return follow_of(views, said.machines or (), (said.category,) if said.category else ())
