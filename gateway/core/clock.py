"""What the parts see of time."""

from typing import Protocol


class Clock(Protocol):
    """What the parts see of time."""

    @property
    def offset(self) -> float:
        """Wall minus monotonic seconds."""

    @property
    def synchronised(self) -> bool:
        """Whether wall time can be trusted."""

    @property
    def assumed(self) -> bool:
        """Whether that trust is only a guess; what is dated by it may be corrected."""

    def monotonic(self) -> float:
        """Seconds that never jump."""

    def wall(self) -> float:
        """Epoch seconds."""
