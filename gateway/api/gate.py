"""How many connections may be open: in all, and from one address."""

from collections import Counter
from collections.abc import Callable
from typing import Protocol


class Guest(Protocol):
    """A connection that has a place."""

    def cut(self) -> None:
        """End it at once."""


class Gate:
    """Counts connections; one address cannot take all places, however fast it comes.

    When all are taken, a newcomer gets the place of who has waited longest for nothing: no request
    of its own is under way. So whoever opens connections in bulk cuts its own first ones.
    """

    def __init__(self, most: int, of_one: int, is_exempt: Callable[[str], bool]) -> None:
        """At most `most`, and `of_one` of each address that is not exempt."""
        self.limit(most, of_one, is_exempt)
        self._open: Counter[str] = Counter()
        self._total = 0
        self._idle: dict[Guest, None] = {}
        self.refused = 0

    def limit(self, most: int, of_one: int, is_exempt: Callable[[str], bool]) -> None:
        """From now on, as at the beginning; who is in stays."""
        self._most = most
        self._of_one = of_one
        self._is_exempt = is_exempt

    def __len__(self) -> int:
        return self._total

    def enter(self, address: str) -> bool:
        """Whether there is a place; who has one leaves it by `leave`."""
        own = 0 if self._is_exempt(address) else self._open.get(address, 0)
        if own >= self._of_one or (self._total >= self._most and not self._make_room()):
            self.refused += 1
            return False
        self._open[address] += 1
        self._total += 1
        return True

    def leave(self, address: str, guest: Guest) -> None:
        """Give a place back."""
        self._idle.pop(guest, None)
        self._total -= 1
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]

    def idles(self, guest: Guest) -> None:
        """Nothing of it is under way from now on."""
        self._idle.pop(guest, None)
        self._idle[guest] = None

    def works(self, guest: Guest) -> None:
        """Its request is under way: its place is its own."""
        self._idle.pop(guest, None)

    def _make_room(self) -> bool:
        """Cut who idles longest; it leaves by itself at the next turn of the loop."""
        oldest = next(iter(self._idle), None)
        if oldest is None:
            return False
        del self._idle[oldest]
        oldest.cut()
        return True
