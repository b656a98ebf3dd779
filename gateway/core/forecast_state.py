"""What the forecast remembers over a restart, as bytes: 2.8 kB a machine."""

from array import array
from dataclasses import dataclass
from struct import Struct

from gateway.core.events import Status
from gateway.core.forecast import Forecast, Past
from gateway.core.usage import BINS, OF_WEEK, Durations, Week

HEAD = Struct("<B?5d")
STATUSES = (Status.UNKNOWN, Status.FREE, Status.OCCUPIED, Status.OUT_OF_SERVICE)  # append only
ALL = ""  # the row of what all machines share


@dataclass(frozen=True, slots=True)
class Saved:
    """One machine's past; with an empty name what all share."""

    machine: str
    state: bytes


def saved(forecast: Forecast) -> list[Saved]:
    """Everything it has learned."""
    shared = array("d", [forecast.origin or 0.0]).tobytes()
    durations = forecast.durations
    rows = [Saved(ALL, shared + _packed(durations[0].counts) + _packed(durations[1].counts))]
    return rows + [Saved(name, _bytes_of(past)) for name, past in forecast.pasts.items()]


def restore(forecast: Forecast, rows: list[Saved]) -> None:
    """Go on with what an earlier process learned. Raises ValueError: it is not ours."""
    for row in rows:
        if row.machine == ALL:
            origin = array("d", row.state[:8])[0]
            counts = _unpacked(row.state[8:], 2 * (BINS + 1))
            sessions, pauses = counts[: BINS + 1], counts[BINS + 1 :]
            forecast.resume_all(origin, _durations(sessions), _durations(pauses))
        else:
            forecast.resume(row.machine, _past_of(row.state))


def _bytes_of(past: Past) -> bytes:
    head = HEAD.pack(
        STATUSES.index(past.status),
        past.whole,
        past.since,
        past.learned,
        past.level,
        past.expected,
        past.seconds,
    )
    parts = (past.week.occupied, past.week.observed, past.sessions.counts, past.pauses.counts)
    return head + b"".join(map(_packed, parts))


def _past_of(state: bytes) -> Past:
    if len(state) < HEAD.size:
        raise ValueError(f"a forecast's state begins with {HEAD.size} bytes, not {len(state)}")
    status, whole, since, learned, level, expected, seconds = HEAD.unpack(state[: HEAD.size])
    size = 2 * OF_WEEK + 2 * (BINS + 1)
    numbers = _unpacked(state[HEAD.size :], size)
    week = Week()
    for slot in range(OF_WEEK):
        week.add(slot, numbers[slot], numbers[OF_WEEK + slot])
    rest = numbers[2 * OF_WEEK :]
    sessions, pauses = _durations(rest[: BINS + 1]), _durations(rest[BINS + 1 :])
    return Past(
        week, sessions, pauses, STATUSES[status], since, whole, learned, level, expected, seconds
    )


def _durations(counts: "array[float]") -> Durations:
    found = Durations()
    found.counts[:] = array("d", counts)
    return found


def _packed(numbers: "array[float]") -> bytes:
    """Single precision: seven digits of a count that is an estimate."""
    return array("f", numbers).tobytes()


def _unpacked(data: bytes, size: int) -> "array[float]":
    if len(data) != 4 * size:
        raise ValueError(f"a forecast's state has {4 * size} bytes of numbers, not {len(data)}")
    return array("f", data)
