"""Who may do what: roles, and what each of them includes."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a credential makes of its holder."""

    MEMBER = "member"
    KIOSK = "kiosk"
    STAFF = "staff"
    TECHNICIAN = "technician"
    ADMIN = "admin"
    METRICS = "metrics"
    SENSOR = "sensor"


LADDER = (Role.ADMIN, Role.TECHNICIAN, Role.STAFF, Role.KIOSK)
"""Each includes those after it; the others stand alone."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who speaks: a member, or the holder of a key. `id` is public, no secret."""

    role: Role
    id: str

    def __str__(self) -> str:
        return f"{self.role}:{self.id}"


@dataclass(frozen=True, slots=True)
class Key:
    """A credential of a program or a member of staff; its secret is not in it. Epoch seconds."""

    id: str
    role: Role
    name: str
    """Whose it is, as the one who made it says."""
    created: float
    expires: float | None = None
    revoked: float | None = None
    last_used: float | None = None
    signed: bool = False
    """Its calls must be signed; it has no bearer token."""
    topics: tuple[str, ...] = ()
    """What a sensor may write on the embedded broker."""

    def ended(self, now: float) -> str | None:
        """Why it is no longer good; None while it is."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and now >= self.expires else None


def may(role: Role, needed: Role) -> bool:
    """Whether a holder of `role` may do what `needed` may."""
    if role in LADDER and needed in LADDER:
        return LADDER.index(role) <= LADDER.index(needed)
    return role is needed
