"""Bins: 15 minutes of a machine's history, measured on its timeline."""

from dataclasses import dataclass

BIN_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Bin:
    """What one machine did in [start, start + 900), `start` in epoch seconds (UTC)."""

    machine: str
    start: int
    occupied: float
    """Seconds occupied."""
    observed: float
    """Seconds in which we knew."""
    sessions: int
    """Starts of occupation."""
    revision: int = 0
    """Grows with each correction."""
    open: bool = False
    """Still running: the numbers are as of now."""

    @property
    def ratio(self) -> float | None:
        """Occupied over observed time; None when nothing was observed."""
        return self.occupied / self.observed if self.observed else None
