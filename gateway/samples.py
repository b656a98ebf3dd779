"""The newest samples, in memory only, for whoever stands at a machine and watches."""

from collections import deque
from dataclasses import dataclass

from sensors.sample import Sample

KEPT = 2000  # samples: 20 s of ten radars at 10 Hz; who watches asks every quarter second


@dataclass(frozen=True, slots=True)
class Seen:
    """A sample and when it came."""

    number: int
    sensor: str
    sample: Sample
    at: float
    """Monotonic seconds."""


class Samples:
    """A ring of the newest samples of all sensors."""

    def __init__(self) -> None:
        self._ring: deque[tuple[int, str, Sample, float]] = deque(maxlen=KEPT)
        self.newest = 0

    def add(self, sensor: str, sample: Sample, at: float) -> None:
        """Remember a sample; the oldest one goes."""
        self.newest += 1
        self._ring.append((self.newest, sensor, sample, at))

    def after(self, number: int, sensor: str | None = None) -> list[Seen]:
        """What came after sample `number`, of one sensor or of all."""
        return [Seen(*row) for row in self._ring if row[0] > number and sensor in {None, row[1]}]
