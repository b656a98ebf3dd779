"""Which members can be reached: their open streams, and when they were last with us."""

from collections import Counter
from math import inf

PASSED_OVER_AFTER = 120.0  # seconds without a stream: a phone in a pocket between two screens
MOST_KEPT = 20_000  # members remembered as seen: as many as a branch has


class Presence:
    """Times are monotonic seconds."""

    def __init__(self, began: float = -inf) -> None:
        """Before `began` nobody was looking: until we have looked long enough, all are near."""
        self._began = began
        self._streams: Counter[str] = Counter()
        self._seen: dict[str, float] = {}

    def came(self, member: str) -> None:
        """It has opened a stream."""
        self._streams[member] += 1

    def left(self, member: str, now: float) -> None:
        """A stream of it has ended."""
        self._streams[member] -= 1
        if self._streams[member] <= 0:
            del self._streams[member]
        self.seen(member, now)

    def seen(self, member: str, now: float) -> None:
        """It has asked us something. Of too many, who was seen longest ago is forgotten."""
        self._seen.pop(member, None)
        self._seen[member] = now
        if len(self._seen) > MOST_KEPT:
            del self._seen[next(iter(self._seen))]

    def streams(self, member: str) -> bool:
        """Whether a stream of it is open."""
        return member in self._streams

    def near(self, member: str, now: float) -> bool:
        """Whether it was with us a moment ago, or is."""
        return (
            self.streams(member) or now - self._seen.get(member, self._began) <= PASSED_OVER_AFTER
        )
