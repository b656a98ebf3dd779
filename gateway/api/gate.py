"""How many connections may be open: in all, and from one address."""

from collections import Counter
from collections.abc import Callable


class Gate:
    """Counts connections; one address cannot take all places, however fast it comes."""

    def __init__(self, most: int, of_one: int, is_exempt: Callable[[str], bool]) -> None:
        """At most `most`, and `of_one` of each address that is not exempt."""
        self._most = most
        self._of_one = of_one
        self._is_exempt = is_exempt
        self._open: Counter[str] = Counter()
        self._total = 0
        self.refused = 0

    def __len__(self) -> int:
        return self._total

    def enter(self, address: str) -> bool:
        """Whether there is a place; who has one leaves it by `leave`."""
        own = 0 if self._is_exempt(address) else self._open.get(address, 0)
        if self._total >= self._most or own >= self._of_one:
            self.refused += 1
            return False
        self._open[address] += 1
        self._total += 1
        return True

    def leave(self, address: str) -> None:
        """Give a place back."""
        self._total -= 1
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]
