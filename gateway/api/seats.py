"""Places for live streams: so many in all, and so many for one address."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from config.sections import Limits
from gateway.core.errors import FullError, LimitError

Share = Callable[[str], str | None]
"""As whose an address' streams count; None: they are not limited."""


def not_local(address: str) -> str | None:
    """Each address counts on its own, but not who comes through the local socket."""
    return None if address == "local" else address


class Seats:
    """Who has taken how many."""

    def __init__(self, limits: Limits, share: Share) -> None:
        self.limits = limits
        self.share = share
        self._taken: Counter[str | None] = Counter()

    @contextmanager
    def taken(self, address: str) -> Iterator[None]:
        """A place for a stream from that address. Raises FullError, LimitError."""
        share = self.share(address)
        if self._taken.total() >= self.limits.streams:
            raise FullError("All places for live streams are taken; try again in a minute.", 60)
        if share is not None and self._taken[share] >= self.limits.streams_per_address:
            detail = "Too many live streams are open from your address; close some tabs."
            raise LimitError(detail, 60)
        self._taken[share] += 1
        try:
            yield
        finally:
            self._taken[share] -= 1
            if not self._taken[share]:
                del self._taken[share]

    def __len__(self) -> int:
        return self._taken.total()
