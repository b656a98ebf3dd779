"""Why alerts did not ring although their machine became free: counted, for members who ask."""

from collections import Counter
from collections.abc import Mapping

from gateway.core.alerts import Alert, Book, Reason


class Silences:
    """An edge that concerns thousands is one entry, until somebody wants it alert by alert."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._noted: dict[int, Counter[Reason]] = {}
        self._edges: Counter[tuple[str, Reason, int]] = Counter()
        """(machine, why, the newest alert's number then) → how many edges."""
        self.total: Counter[Reason] = Counter()
        """Of all alerts, since the start."""

    def __bool__(self) -> bool:
        return bool(self._noted or self._edges)

    def note(self, alert: Alert, why: Reason) -> None:
        """One did not ring."""
        self._noted.setdefault(alert.number, Counter())[why] += 1
        self.total[why] += 1

    def note_all(self, machine: str, why: Reason) -> None:
        """Nobody was rung who waits for that machine."""
        waiting = self._book.count(machine)
        if waiting:
            self._edges[machine, why, self._book.newest] += 1
            self.total[why] += waiting

    def of(self, alert: Alert) -> Mapping[Reason, int]:
        """Why that one did not ring, since it was last collected."""
        found = Counter(self._noted.get(alert.number, {}))
        for (machine, why, newest), edges in self._edges.items():
            if alert.number <= newest and self._book.concerns(alert, machine):
                found[why] += edges
        return found

    def collect(self) -> dict[int, Counter[Reason]]:
        """By alert's number, to be stored: counting begins anew."""
        found, self._noted = self._noted, {}
        edges, self._edges = self._edges, Counter()
        for (machine, why, newest), count in edges.items():
            for alert in self._book.waiting(machine):
                if alert.number <= newest:
                    found.setdefault(alert.number, Counter())[why] += count
        return found

    def forget(self, alert: Alert) -> None:
        """It is no more."""
        self._noted.pop(alert.number, None)
