"""What leaves the house when an alert rings, where to, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["delivered", "retry", "permanent", "gone"]


@dataclass(frozen=True, slots=True)
class Notice:
    """What a member is told; times are epoch seconds."""

    firing_id: str
    alert_id: str
    machine: str
    name: str
    category: str
    free_since: float
    expires_at: float
    """Later it is no use to anybody."""
    place: int
    url: str
    """The machine's page, built from `public_url`."""
    note: str | None = None
    trial: bool = False
    """Nothing is free: somebody tries whether this way works."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a notice goes; `address` is a URL or a topic, as its channel has it."""

    id: str
    channel: str
    address: str
    keys: Mapping[str, str] = field(default_factory=dict)
    """Web Push: `p256dh` and `auth`, base64url."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notice on its way to one target."""

    id: str
    member: str
    notice: Notice
    target: Target
    attempts: int
    """Made so far."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt led to."""

    kind: Kind
    reason: str = ""
    retry_after: float | None = None
    """Seconds that the other side asks for."""
    host_works: bool = False
    """Of a retry: the host is well, and has had enough of this one target."""
