"""What the domain refuses, in its own words; `gateway.api.middleware.errors` puts it into HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One wrong value: where it stands (a JSON pointer) and what is wrong with it."""

    pointer: str
    detail: str


class GatewayError(Exception):
    """The root of what we refuse; its text is for the one who asked."""


class UnknownIdError(GatewayError):
    """There is no such thing of that kind."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"There is no {kind} {name!r}.")


class UnauthorisedError(GatewayError):
    """A credential is missing or not good; the text says which and why."""


class ForbiddenError(GatewayError):
    """The credential is good, and not for this."""


class ConflictError(GatewayError):
    """What is asked for does not go together with how things are."""


class ElsewhereError(GatewayError):
    """Another branch keeps it; the text says where."""


class MalformedError(GatewayError):
    """The body cannot be read at all."""


class DegradedError(GatewayError):
    """It cannot be kept now; reading goes on."""


class InvalidError(GatewayError):
    """Values are wrong; `faults` names every one of them."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults))
        self.faults = tuple(faults)


class LimitError(GatewayError):
    """One client has taken its share; it may have more after `retry_after` seconds."""

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class FullError(LimitError):
    """All clients together have taken what there is."""
