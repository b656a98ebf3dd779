"""The words of the domain: statuses, their causes, changes and events."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """What we say of a machine; only free and occupied count as observed."""

    FREE = "free"
    OCCUPIED = "occupied"
    UNKNOWN = "unknown"
    OUT_OF_SERVICE = "out_of_service"

    @property
    def observed(self) -> bool:
        """Whether a sensor's word stands behind it."""
        return self in OBSERVED


OBSERVED = frozenset({Status.FREE, Status.OCCUPIED})


class Cause(StrEnum):
    """Why a machine has its status."""

    OBSERVED = "observed"
    RESTORED = "restored"
    LATE = "late"
    SILENT = "silent"
    SENSOR_OFFLINE = "sensor_offline"
    PORT_DOWN = "port_down"
    START = "start"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Change:
    """The detector's verdict: from `at` on (monotonic seconds), `machine` is `status`."""

    machine: str
    status: Status
    cause: Cause
    at: float
    decided: float
    """Monotonic seconds at which the rules said so: `at` plus the patience they asked for."""
    live: bool = False
    """The word that led here was live when it was heard."""
    sensor_seq: int | None = None
    """The sensor's own number of that word, where it numbers."""
    calibration: int | None = None
    """The version of the sensor's calibration that it was judged by."""


@dataclass(frozen=True, slots=True)
class DatedChange:
    """A change with wall time attached, on its way into the store."""

    change: Change
    timestamp: float
    """Epoch seconds, when recorded."""
    last_change: float
    """Epoch seconds, since when."""
    monotonic: float
    """Monotonic seconds of `timestamp`."""
    synchronised: bool


@dataclass(frozen=True, slots=True)
class Event:
    """One machine's change of status, safely stored; (epoch, seq) names it for ever."""

    seq: int
    epoch: str
    machine: str
    """Its id; `gymId/machineId` in the log of a chain."""
    status: Status
    cause: Cause
    timestamp: float
    last_change: float
    live: bool
    sensor_seq: int | None
    synchronised: bool = True
    """The clock that dated it was right, or it has been dated anew since."""
    calibration: int | None = None


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place in the log: everything up to `seq` of `epoch` is known."""

    epoch: str
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.seq}"

    @classmethod
    def parse(cls, text: str) -> "Cursor | None":
        """`<epoch>-<seq>` as streams carry it; None if it is not one."""
        epoch, dash, seq = text.rpartition("-")
        if not (text.isascii() and dash and epoch.isalnum() and seq.isdigit()):
            return None
        return cls(epoch, int(seq)) if len(text) <= MAX_CURSOR else None


MAX_CURSOR = 64  # a seq has at most 19 digits (SQLite's rowid), an epoch 16 characters
