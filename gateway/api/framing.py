"""How messages go over the wire: each is encoded once, whoever hears of it and however."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from gateway.core.events import Cursor

Transport = Literal["sse", "websocket"]
_TEXT = 0x81  # a whole message of text; a server's frames bear no mask


@dataclass(frozen=True, eq=False)
class Message:
    """A message as JSON; `at` is where the stream stands after it, None: nowhere new."""

    kind: str
    data: bytes
    at: Cursor | None = None
    machine: str = ""

    @cached_property
    def block(self) -> bytes:
        """As a server-sent event, made when the first of them is asked for."""
        kind, data = self.kind.encode(), self.data
        if self.at is None:
            return b"event: %b\ndata: %b\n\n" % (kind, data)
        return b"event: %b\nid: %b\ndata: %b\n\n" % (kind, str(self.at).encode(), data)


@dataclass(frozen=True, eq=False)
class Framing:
    """One way to write messages: those that share it are written the same bytes."""

    transport: Transport
    pack: Callable[[Sequence[Message]], bytes]


def _plain(messages: Sequence[Message]) -> bytes:
    return b"".join([message.block for message in messages])


def _chunk(messages: Sequence[Message]) -> bytes:
    data = _plain(messages)
    return b"%x\r\n%b\r\n" % (len(data), data)


def _frame(messages: Sequence[Message]) -> bytes:
    if len(messages) == 1:
        return text_frame(messages[0].data)
    data = b",".join([message.data for message in messages])
    return text_frame(b'{"type":"batch","messages":[%b]}' % data)


def text_frame(data: bytes) -> bytes:
    """One WebSocket frame (RFC 6455, 5.2) of UTF-8 text."""
    size = len(data)
    if size < 126:  # noqa: PLR2004  the numbers of the RFC
        return bytes((_TEXT, size)) + data
    if size < 1 << 16:
        return bytes((_TEXT, 126)) + size.to_bytes(2, "big") + data
    return bytes((_TEXT, 127)) + size.to_bytes(8, "big") + data


SSE = Framing("sse", _chunk)
SSE_PLAIN = Framing("sse", _plain)  # for HTTP/1.0, which knows no chunks
WEBSOCKET = Framing("websocket", _frame)
FRAMINGS = (SSE, SSE_PLAIN, WEBSOCKET)
