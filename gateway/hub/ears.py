"""Whether the broker still tells us everything: a cluster may lose a part of a session's topics."""

from collections.abc import Iterable

from gateway.hub.sorting import Message

LIVE = "summary"
DIGESTS = "digest/+"
ONCE = {"bins": "bins", "digest": DIGESTS}  # kind → topic; both come each quarter of an hour
LIVE_SILENT = 600.0  # seconds: each branch sends one a minute, and before any bin


class Ears:
    """When something of each kind was heard last, monotonic seconds."""

    def __init__(self, now: float, deaf_after: float, again: float) -> None:
        """Silence of a kind, while branches are heard, is a fault after `deaf_after` seconds.

        Bins without a live summary are one after ten minutes.

        Digests are read again each `again` seconds in any case: they are retained, and one that the
        broker dropped from a full session would be missed for ever.
        """
        self._deaf_after = deaf_after
        self._again = again
        self._heard = dict.fromkeys((LIVE, *ONCE), now)
        self._reread_at = now

    def hear(self, messages: Iterable[Message], now: float) -> None:
        """Note what came."""
        for message in messages:
            for kind in message.topic.split("/")[2:3]:
                if kind in self._heard:
                    self._heard[kind] = now

    def deaf(self, now: float) -> list[str]:
        """Topics below `gyms/+/` that are to be subscribed to anew; each once in that time."""
        if max(self._heard[kind] for kind in ONCE) - self._heard[LIVE] >= LIVE_SILENT:
            self._heard[LIVE] = now
            return [LIVE]
        if now - self._heard[LIVE] >= self._deaf_after:
            return []  # nobody speaks, or the line is down: that is told elsewhere
        silent = [kind for kind in ONCE if now - self._heard[kind] >= self._deaf_after]
        self._heard.update(dict.fromkeys(silent, now))
        return [ONCE[kind] for kind in silent]

    def should_reread(self, now: float) -> bool:
        """Whether it is time for all digests; True once in that time."""
        if now - self._reread_at < self._again:
            return False
        self._reread_at = now
        return True
