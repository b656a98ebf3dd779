"""What the last day would have been under another calibration."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.bridge import in_thread
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
        self._one_at_a_time = asyncio.Lock()

    async def of(self, sensor: str, calibration: Calibration | None) -> Preview:
        """Against what counts now. Raises UnknownIdError, InvalidError."""
        hearing = self._hearings.get(sensor)
        if hearing is None:
            raise UnknownIdError("sensor", sensor)
        if calibration is not None:
            must_make_sense(calibration, hearing)
        remembered, step = self._trails.of(sensor), self._trails.step(sensor)
        now = hearing.verdicts.calibration if hearing.verdicts else None
        rule = hearing.detector.rule

        def look() -> Preview:
            points = list(remembered)
            since, until = (points[0].at, points[-1].at) if points else (None, None)
            compared = compare(points, rule, now, calibration)
            return Preview(since, until, step, len(points), compared)

        async with self._one_at_a_time:  # a day of a radar takes 0.2 s, on a Pi a second
            return await in_thread(look)
