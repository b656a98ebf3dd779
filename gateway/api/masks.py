"""Whether a WebSocket client masks its frames: RFC 6455 (5.1) demands it, the library does not."""


class Masks:
    """Looks at the head of each frame that comes in, in any pieces."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._skip = 0
        """Bytes of mask and payload until the next head."""

    def are_there(self, data: bytes) -> bool:
        """Whether all frames begun so far are masked; what is wrong otherwise is not judged."""
        at = 0
        while at < len(data):
            if self._skip:
                step = min(self._skip, len(data) - at)
                self._skip -= step
                at += step
                continue
            self._head.append(data[at])
            at += 1
            if len(self._head) > 1 and not self._head[1] & 0x80:
                return False
            self._end_of_head()
        return True

    def _end_of_head(self) -> None:
        if len(self._head) < 2:  # noqa: PLR2004  the numbers of the RFC
            return
        short = self._head[1] & 0x7F
        more = {126: 2, 127: 8}.get(short, 0)
        if len(self._head) == 2 + more:
            self._skip = 4 + (int.from_bytes(self._head[2:], "big") if more else short)
            self._head.clear()
