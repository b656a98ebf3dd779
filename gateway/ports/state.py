"""What a port says of itself, for `/health`, `/sensors` and the command line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Condition = Literal["up", "down", "degraded"]


@dataclass(frozen=True, slots=True)
class PortState:
    """One port, as of now."""

    id: str
    kind: Literal["serial", "mqtt", "broker"]
    state: Condition
    since: float
    """Monotonic seconds since when it is in this state."""
    problem: str
    """What is wrong, where, and what to do next; "" when it is up."""
    dropped: Mapping[str, int]
    """What could not be used, counted by a fixed reason."""
