"""Cutting streams into lines and frames: pure, bounded, whatever arrives."""

import re
from collections import Counter
from collections.abc import Mapping

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

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are complete now, without their ends."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        if whole and self._skipping:
            del whole[0]
            self._skipping = False
        lines = [line.removesuffix(b"\r") for line in whole if len(line) <= self._longest]
        too_long = len(whole) - len(lines)
        if self._skipping or len(self._rest) > self._longest:
            too_long += not self._skipping
            self._skipping, self._rest = True, b""
        if too_long:
            self._dropped["line_too_long"] += too_long
        return lines


class Frames:
    """Finds head, length, payload and tail in a stream, and its way again after noise.

    A rejected frame is searched for the next head from its second byte on, so that no good frame
    behind or inside it is lost. What waits is at most one frame.
    """

    def __init__(self, tails: Mapping[bytes, bytes], longest: int, dropped: Counter[str]) -> None:
        """`tails`: head → its tail; `longest` payload in bytes."""
        self._tails = tails
        self._heads = re.compile(b"|".join(map(re.escape, tails)))
        self._longest = longest
        self._dropped = dropped
        self._rest = b""
        self._in_noise = False

    def __len__(self) -> int:
        return len(self._rest)

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """(head, payload) of every frame that is complete now."""
        stream, place, frames = self._rest + data, 0, []
        while found := self._heads.search(stream, place):
            self._skip(found.start() - place)
            place, begin = found.start(), found.end() + LENGTH
            end = begin + int.from_bytes(stream[found.end() : begin], "little")
            tail = self._tails[found[0]]
            if end - begin > self._longest:
                place = self._reject("bad_length", place)
            elif len(stream) < end + len(tail):
                break
            elif not stream.startswith(tail, end):
                place = self._reject("bad_tail", place)
            else:
                frames.append((found[0], stream[begin:end]))
                place, self._in_noise = end + len(tail), False
        else:
            end = len(stream) - self._half_head(stream[place:])
            self._skip(end - place)
            place = end
        self._rest = stream[place:]
        return frames

    def _half_head(self, stream: bytes) -> int:
        """How many of the last bytes may be the beginning of a head."""
        beginnings = (head[:size] for head in self._tails for size in range(1, len(head)))
        return max((len(half) for half in beginnings if stream.endswith(half)), default=0)

    def _skip(self, count: int) -> None:
        """Noise between two good frames counts once."""
        if count > 0 and not self._in_noise:
            self._dropped["noise"] += 1
            self._in_noise = True

    def _reject(self, reason: str, place: int) -> int:
        """Count, and go on behind the first byte of what looked like a frame."""
        self._dropped[reason] += 1
        self._in_noise = True
        return place + 1


class FixedFrames:
    """Finds frames of one size between a head and a tail, and its way again after noise."""

    def __init__(self, head: bytes, size: int, tail: bytes, dropped: Counter[str]) -> None:
        """`size` of the payload in bytes."""
        self._head, self._size, self._tail = head, size, tail
        self._whole = len(head) + size + len(tail)
        self._dropped = dropped
        self._rest = b""
        self._in_noise = False

    def __len__(self) -> int:
        return len(self._rest)

    def feed(self, data: bytes) -> list[bytes]:
        """The payload of every frame that is complete now."""
        stream, place, frames = self._rest + data, 0, []
        while (found := stream.find(self._head, place)) >= 0:
            self._skip(found - place)
            place = found
            if len(stream) < place + self._whole:
                break
            if stream.startswith(self._tail, place + self._whole - len(self._tail)):
                begin = place + len(self._head)
                frames.append(stream[begin : begin + self._size])
                place, self._in_noise = place + self._whole, False
            else:
                self._dropped["bad_tail"] += 1
                place, self._in_noise = place + 1, True
        else:
            end = len(stream) - self._half_head(stream[place:])
            self._skip(end - place)
            place = end
        self._rest = stream[place:]
        return frames

    def _half_head(self, stream: bytes) -> int:
        halves = (size for size in range(len(self._head) - 1, 0, -1))
        return next((size for size in halves if stream.endswith(self._head[:size])), 0)

    def _skip(self, count: int) -> None:
        """Noise between two good frames counts once."""
        if count > 0 and not self._in_noise:
            self._dropped["noise"] += 1
            self._in_noise = True
