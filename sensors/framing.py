"""Cutting streams into lines and frames: pure, bounded, whatever arrives."""

from collections import Counter
from collections.abc import Iterator, Mapping

LENGTH = 2  # bytes of a frame's length field, little-endian


class Lines:
    """Cuts a stream at line feeds; an endless line is dropped as a whole, and counted once."""

    def __init__(self, longest: int, dropped: Counter[str]) -> None:
        self._longest = longest
        self._dropped = dropped
        self._rest = b""
        self._skipping = False

    def __len__(self) -> int:
        return len(self._rest)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that are complete now, without their ends."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            if self._skipping:
                self._skipping = False
            elif len(line) > self._longest:
                self._dropped["line_too_long"] += 1
            else:
                yield line.rstrip(b"\r")
        self._bound()

    def _bound(self) -> None:
        if self._skipping or len(self._rest) > self._longest:
            if not self._skipping:
                self._dropped["line_too_long"] += 1
            self._skipping = True
            self._rest = b""


class Frames:
    """Finds head, length, payload and tail in a stream, and its way again after noise.

    A rejected frame is searched for the next head from its second byte on, so that no good frame
    behind or inside it is lost.
    """

    def __init__(self, tails: Mapping[bytes, bytes], longest: int, dropped: Counter[str]) -> None:
        """`tails`: head → its tail, heads all of one length; `longest` payload in bytes."""
        self._tails = tails
        self._head = len(next(iter(tails)))
        self._longest = longest
        self._dropped = dropped
        self._buffer = bytearray()
        self._in_noise = False

    def __len__(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """(head, payload) of every frame that is complete now."""
        self._buffer += data
        while self._seek():
            head = bytes(self._buffer[: self._head])
            begin = self._head + LENGTH
            size = int.from_bytes(self._buffer[self._head : begin], "little")
            tail = self._tails[head]
            end = begin + size
            if size > self._longest:
                self._reject("bad_length")
            elif len(self._buffer) < end + len(tail):
                return
            elif self._buffer[end : end + len(tail)] != tail:
                self._reject("bad_tail")
            else:
                payload = bytes(self._buffer[begin:end])
                del self._buffer[: end + len(tail)]
                self._in_noise = False
                yield head, payload

    def _seek(self) -> bool:
        """Drop what stands before the next head; False until a head and a length are there."""
        if bytes(self._buffer[: self._head]) in self._tails:
            return len(self._buffer) >= self._head + LENGTH
        places = [place for head in self._tails if (place := self._buffer.find(head)) >= 0]
        if places:
            self._skip(min(places))
        else:
            self._skip(len(self._buffer) - self._possible_head())
        return bool(places) and len(self._buffer) >= self._head + LENGTH

    def _possible_head(self) -> int:
        """How many of the last bytes may be the beginning of a head."""
        for size in range(min(self._head - 1, len(self._buffer)), 0, -1):
            if any(head.startswith(self._buffer[-size:]) for head in self._tails):
                return size
        return 0

    def _skip(self, count: int) -> None:
        """Noise between two good frames counts once."""
        if count > 0:
            if not self._in_noise:
                self._dropped["noise"] += 1
            self._in_noise = True
            del self._buffer[:count]

    def _reject(self, reason: str) -> None:
        self._dropped[reason] += 1
        self._in_noise = True
        del self._buffer[:1]
