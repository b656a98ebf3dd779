"""Raw samples of a sensor, recorded for a while, in memory: for who tries thresholds on them."""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.core.errors import ConflictError, UnknownIdError
from sensors.sample import Sample

MOST_BYTES = 4 * 2**20  # in all: two of the longest, or eight teachings of a radar, empty and busy
MOST_OF_ONE = 2 * 2**20  # bytes: 7 minutes of a radar with every gate at 10 Hz, hours of a plug
MOST = 32  # recordings: a branch of radars, each taught on a morning


@dataclass(slots=True)
class Recording:
    """One of them; `began` and `until` in monotonic seconds, `wall` is when it began.

    Its samples are dated from there on, so that no jump of the wall clock tears it apart.
    """

    id: str
    sensor: str
    began: float
    until: float
    wall: float
    """Epoch seconds."""
    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    dropped: int = 0
    """Samples that had no room any more."""

    def complete(self, now: float) -> bool:
        """Whether its time is over."""
        return now >= self.until


class Recordings:
    """When all together are full, the oldest that is complete goes."""

    def __init__(self, monotonic: Callable[[], float], wall_of: Callable[[float], float]) -> None:
        """`wall_of` turns monotonic seconds into epoch seconds."""
        self._monotonic = monotonic
        self._wall_of = wall_of
        self._known: dict[str, Recording] = {}
        self._running: dict[str, Recording] = {}

    def begin(self, sensor: str, seconds: float) -> Recording:
        """From now on. Raises ConflictError: one of that sensor is under way, or too many are."""
        now, running = self._monotonic(), self._running.get(sensor)
        if running is not None and not running.complete(now):
            raise ConflictError(
                f"{sensor} is being recorded already, for another {running.until - now:.0f} s:"
                f" wait for it, or read it by its id {running.id}."
            )
        if not self._make_room(0, MOST - 1):
            first = min(self._known.values(), key=lambda one: one.until)
            raise ConflictError(
                f"{MOST} sensors are being recorded already: wait for that of {first.sensor},"
                f" for another {first.until - now:.0f} s."
            )
        one = Recording(f"r{secrets.token_hex(8)}", sensor, now, now + seconds, self._wall_of(now))
        self._known[one.id] = self._running[sensor] = one
        return one

    def add(self, sensor: str, sample: Sample, at: float) -> None:
        """A sample came; it costs nothing where nobody records."""
        if not self._running:
            return
        one = self._running.get(sensor)
        if one is None or at < one.began:
            return
        if one.complete(at):
            del self._running[sensor]
            return
        said_at = round(one.wall + at - one.began, 3)
        said = {"at": said_at, **sample.plain()}
        line = json.dumps(said, separators=(",", ":")).encode() + b"\n"
        if one.size + len(line) > MOST_OF_ONE or not self._make_room(len(line)):
            one.dropped += 1
            return
        one.lines.append(line)
        one.size += len(line)

    def of(self, sensor: str) -> list[Recording]:
        """Newest first."""
        return [one for one in reversed(self._known.values()) if one.sensor == sensor]

    def get(self, sensor: str, recording: str) -> Recording:
        """The recording of that id. Raises UnknownIdError."""
        one = self._known.get(recording)
        if one is None or one.sensor != sensor:
            raise UnknownIdError("recording", recording)
        return one

    def _make_room(self, needed: int, most: int = MOST) -> bool:
        now = self._monotonic()
        while len(self._known) > most or self._size() + needed > MOST_BYTES:
            old = next((one for one in self._known.values() if one.complete(now)), None)
            if old is None:
                return False
            del self._known[old.id]
        return True

    def _size(self) -> int:
        return sum(one.size for one in self._known.values())
