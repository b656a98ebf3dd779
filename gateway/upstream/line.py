"""What the parts that speak upstream see of the rest."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Line(Protocol):
    """The connection to the chain's broker."""

    @property
    def largest(self) -> int:
        """Bytes of a payload that it takes."""

    async def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Return once it is acknowledged.

        Raises ConnectionError: the connection ended first. PermissionError: it was refused.
        """

    def subscribe(self, topics: Sequence[tuple[str, int]]) -> None:
        """Hear (topic, QoS) while this connection lasts."""

    def unsubscribe(self, topics: Sequence[str]) -> None:
        """Hear them no more."""


class Run(Protocol):
    """Do a piece of work on a file, off the loop."""

    async def __call__(self, work: Callable[[sqlite3.Connection], T], /) -> T:
        """Return what `work` returns."""
