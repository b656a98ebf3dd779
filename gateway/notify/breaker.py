"""A target host that keeps failing is left alone for a while."""

from collections.abc import Callable

OPENS_AFTER = 5  # failures in a row
REST = 30.0  # seconds; then one attempt decides
MOST_HOSTS = 1000  # push services are few; ntfy and webhooks are the operators'


class Breaker:
    """By host; times are monotonic seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failures: dict[str, tuple[int, float]] = {}  # host → how many, rests until

    def rests(self, host: str) -> float:
        """Seconds for which it is left alone; 0: it may be tried."""
        _, until = self._failures.get(host, (0, 0.0))
        return max(0.0, until - self._monotonic())

    def forget(self, host: str) -> None:
        """Somebody has mended it, or wants to know."""
        self._failures.pop(host, None)

    def fared(self, host: str, *, well: bool) -> None:
        """How an attempt ended."""
        if well:
            self._failures.pop(host, None)
            return
        count = self._failures.pop(host, (0, 0.0))[0] + 1
        until = self._monotonic() + REST if count >= OPENS_AFTER else 0.0
        self._failures[host] = count, until
        if len(self._failures) > MOST_HOSTS:
            del self._failures[next(iter(self._failures))]
