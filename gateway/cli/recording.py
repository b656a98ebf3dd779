"""Recorded data, read for the offline tools: JSON lines with messages or bytes."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from math import inf, isfinite
from typing import BinaryIO

RAW_PIECE = 4096  # bytes of a raw file decoded at once


class RecordingError(Exception):
    """A line cannot be read; the text says which and what is expected."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One input line's data."""

    line: int
    """From 1; of a raw file the number of the piece."""
    data: bytes
    topic: str
    at: float | None
    """Seconds by the file's own clock; None where the line tells no time."""


def pieces(lines: Iterable[bytes]) -> Iterator[Piece]:
    """The lines that carry data; a hex line without `t_ms` continues the line before.

    Raises RecordingError.
    """
    before: float | None = None
    for number, line in enumerate(lines, 1):
        fields = _fields(number, line)
        data, at = _data(number, fields), _moment(number, fields)
        before = at if at is not None else before if "payload" not in fields else None
        if data is not None:
            yield Piece(number, data, str(fields.get("topic", "")), before)


def raw_pieces(file: BinaryIO) -> Iterator[Piece]:
    """A raw file in pieces."""
    for number, data in enumerate(iter(partial(file.read, RAW_PIECE), b""), 1):
        yield Piece(number, data, "", None)


def _fields(number: int, line: bytes) -> Mapping[str, object]:
    if not line.strip():
        return {}
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RecordingError(f"line {number} is not JSON ({error}); for bytes use --raw") from None
    if not isinstance(fields, dict):
        raise RecordingError(f"line {number} is no JSON object: {line[:40]!r}")
    return fields


def _data(number: int, fields: Mapping[str, object]) -> bytes | None:
    """The bytes of `hex`, or of `payload` (as text, or a JSON value); None if neither is there."""
    if "hex" in fields:
        try:
            return bytes.fromhex(str(fields["hex"]))
        except ValueError:
            raise RecordingError(f"line {number}: `hex` is no hexadecimal text") from None
    if "payload" not in fields:
        return None
    payload = fields["payload"]
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return text.encode(errors="surrogatepass")  # half a character is the driver's to drop


def _moment(number: int, fields: Mapping[str, object]) -> float | None:
    """`t_ms`, else `received` as epoch seconds or ISO text (UTC where it names no zone)."""
    t_ms, received = fields.get("t_ms"), fields.get("received")
    if isinstance(t_ms, int | float):
        return _finite(number, "t_ms", t_ms) / 1000
    if isinstance(received, int | float):
        return _finite(number, "received", received)
    if not isinstance(received, str):
        return None
    try:
        moment = datetime.fromisoformat(received)
    except ValueError:
        raise RecordingError(f"line {number}: `received` is no time: {received!r}") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _finite(number: int, key: str, value: float) -> float:
    try:
        seconds = float(value)
    except OverflowError:
        seconds = inf
    if not isfinite(seconds):
        raise RecordingError(f"line {number}: `{key}` is no time")
    return seconds
