"""Single values about the file itself, and what sensors said last."""

import sqlite3
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import TypeVar

import msgspec

from gateway.core.events import Cause, Status
from gateway.core.occupancy import Held

T = TypeVar("T")
AT_ONCE = 20  # rows of one statement, as in the log
HOLD = "INSERT OR REPLACE INTO words VALUES (?, ?, ?)"
HOLD_MANY = HOLD + ", (?, ?, ?)" * (AT_ONCE - 1)
HELD = msgspec.msgpack.Decoder(Held)


class Alive(msgspec.Struct, frozen=True):
    """When the gateway last noted that it is alive."""

    boot: str
    monotonic: float
    wall: float
    clean: bool = False
    """It stopped in order after this and was not started since: no number can have been lost."""
    synchronised: bool = True
    """Its wall time was known; else what that boot left says nothing of when."""


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """A machine's status as of some event; `at` (monotonic) is good within its boot only."""

    status: Status
    cause: Cause
    timestamp: float
    last_change: float
    at: float

    def moved(self, seconds: float) -> "Standing":
        """The same, dated by a clock that was put right by so much."""
        recorded, since = self.timestamp + seconds, self.last_change + seconds
        return msgspec.structs.replace(self, timestamp=recorded, last_change=since)


class Standings(msgspec.Struct, frozen=True):
    """All machines as of event `seq`, so that a start reads minutes of the log, not years."""

    seq: int
    boot: str
    machines: dict[str, Standing]
    next_bin: int | None
    """The start of the oldest bin that is not stored yet (epoch seconds)."""
    until: float | None = None
    """Where that bin begins (monotonic), good within its boot only; None: time is unknown."""


class Ends(msgspec.Struct, frozen=True):
    """When earlier processes of this boot were last alive (monotonic): a gap follows each."""

    boot: str
    at: list[float]


class Numbered(msgspec.Struct, frozen=True):
    """The newest change number given to a bin; packed days do not tell."""

    change: int


def write(conn: sqlite3.Connection, mark: object) -> None:
    """Keep one value per kind of mark, a Struct or a dataclass."""
    conn.execute(
        "INSERT OR REPLACE INTO marks VALUES (?, ?)",
        [type(mark).__name__, msgspec.msgpack.encode(mark)],
    )


def read(conn: sqlite3.Connection, kind: type[T]) -> T | None:
    """The value of that kind, if it was ever written."""
    row = conn.execute("SELECT value FROM marks WHERE name = ?", [kind.__name__]).fetchone()
    return None if row is None else msgspec.msgpack.decode(row[0], type=kind)


def hold(conn: sqlite3.Connection, boot: int, held: Mapping[str, Held]) -> None:
    """Remember what sensors that speak on change said last; `boot` by its number."""
    rows = [(sensor, boot, msgspec.msgpack.encode(word)) for sensor, word in held.items()]
    whole = len(rows) - len(rows) % AT_ONCE
    for start in range(0, whole, AT_ONCE):
        conn.execute(HOLD_MANY, [*chain.from_iterable(rows[start : start + AT_ONCE])])
    conn.executemany(HOLD, rows[whole:])


def forget_others(conn: sqlite3.Connection, sensors: Iterable[str]) -> None:
    """Drop the words of sensors that are not configured: meanwhile they say what nobody hears."""
    known = set(sensors)
    stored = [row[0] for row in conn.execute("SELECT sensor FROM words")]
    gone = [(sensor,) for sensor in stored if sensor not in known]
    conn.executemany("DELETE FROM words WHERE sensor = ?", gone)


def held(conn: sqlite3.Connection, boot: str) -> dict[str, Held]:
    """What sensors said last in this boot; monotonic times of another mean nothing."""
    rows = conn.execute(
        "SELECT sensor, word FROM words JOIN boots ON number = words.boot WHERE boots.boot = ?",
        [boot],
    )
    return {sensor: HELD.decode(word) for sensor, word in rows}


def newest_seqs(conn: sqlite3.Connection) -> dict[str, int]:
    """The sensors' own newest numbers, whatever the boot: they tell repetitions."""
    rows = conn.execute("SELECT sensor, word FROM words")
    words = {sensor: HELD.decode(word) for sensor, word in rows}
    return {sensor: held.seq for sensor, held in words.items() if held.seq is not None}
