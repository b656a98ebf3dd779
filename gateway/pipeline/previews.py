"""What the last day would have been under another calibration."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.core.compared import Compared, compare
from gateway.core.errors import UnknownIdError
from gateway.core.trail import Trails
from gateway.pipeline.calibrations import must_make_sense
from gateway.pipeline.judge import Hearing
from sensors.calibration import Calibration


@dataclass(frozen=True, slots=True)
class Preview:
    """Seconds; `since` and `until` are monotonic, None where nothing is known."""

    since: float | None
    until: float | None
    step: float
    """Between two of the points that are looked at."""
    points: int
    compared: Compared


class Previews:
    """From what is remembered of a sensor's levels."""

    def __init__(self, hearings: Mapping[str, Hearing], trails: Trails) -> None:
        self._hearings = hearings
        self._trails = trails

    def of(self, sensor: str, calibration: Calibration | None) -> Preview:
        """Against what counts now. Raises UnknownIdError, InvalidError."""
        hearing = self._hearings.get(sensor)
        if hearing is None:
            raise UnknownIdError("sensor", sensor)
        if calibration is not None:
            must_make_sense(calibration, hearing)
        points = self._trails.of(sensor)
        now = hearing.verdicts.calibration if hearing.verdicts else None
        compared = compare(points, hearing.detector.rule, now, calibration)
        since, until = (points[0].at, points[-1].at) if points else (None, None)
        return Preview(since, until, self._trails.step(sensor), len(points), compared)


Look = Callable[[str, Calibration | None], Preview]
"""(sensor, calibration). Raises UnknownIdError, InvalidError."""
