"""What a branch tells its chain of closed bins: rows in whole tenths, and proofs over an hour."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from gateway.core.bins import BIN_SECONDS, Bin

Width = Literal[900, 3600, 86400]
HOUR = 3600
DAY = 86400


@dataclass(frozen=True, slots=True)
class Row:
    """A closed bin as it travels; whoever holds the higher `revision` is right."""

    machine: str
    start: int
    """Epoch seconds, a multiple of `seconds`."""
    revision: int
    occupied: int
    """Tenths of a second."""
    observed: int
    """Tenths of a second."""
    sessions: int
    seconds: Width = 900
    """900; 3,600 or 86,400 where an outbox had to merge."""


def row_of(closed: Bin) -> Row:
    """A bin in whole tenths: what both sides can add up and compare."""
    occupied, observed = round(closed.occupied * 10), round(closed.observed * 10)
    return Row(closed.machine, closed.start, closed.revision, occupied, observed, closed.sessions)


def hour_digest(rows: Iterable[Row]) -> tuple[int, str]:
    """How many rows an hour has and the SHA-256 over them, in the order (machine, start).

    Only rows of 900 seconds: merged ones are no proof.
    """
    fine = sorted((r for r in rows if r.seconds == BIN_SECONDS), key=lambda r: (r.machine, r.start))
    digest = sha256()
    for row in fine:
        digest.update(_canonical(row))
    return len(fine), digest.hexdigest()


def _canonical(row: Row) -> bytes:
    numbers = (row.start, row.revision, row.occupied, row.observed, row.sessions)
    return f"{row.machine},{','.join(map(str, numbers))}\n".encode()
