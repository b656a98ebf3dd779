"""What the last day would have been under another calibration."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.bridge import in_thread
from gateway.core.compared import Compared, compare
from gateway.core.errors import UnknownIdError
from gateway.core.occupancy import Rule
from gateway.core.trail import DAY, Trail, Trails
from gateway.pipeline.calibrations import must_make_sense
from gateway.pipeline.judge import Hearing
from sensors.calibration import Calibration


@dataclass(frozen=True, slots=True)
class Preview:
    """Seconds; `since` and `until` are monotonic, None where nothing is known."""

    since: float | None
    until: float | None
    step: float
    """Between two of the points that are looked at, at the least."""
    points: int
    compared: Compared

    @property
    def coverage(self) -> float:
        """Share of the last day for which the asked calibration has an answer."""
        return self.compared.then.observed / DAY


class Previews:
    """From what is remembered of a sensor's levels; one at a time, beside the loop.

    Of a radar a day takes 0.2 s on a desktop, a second on a Pi: a pipeline must not wait for it.
    """

    def __init__(
        self, hearings: Mapping[str, Hearing], trails: Trails, monotonic: Callable[[], float]
    ) -> None:
        self._hearings = hearings
        self._trails = trails
        self._monotonic = monotonic
        self._one = asyncio.Lock()

    async def of(self, sensor: str, calibration: Calibration | None) -> Preview:
        """Against what counts now. Raises UnknownIdError, InvalidError."""
        hearing = self._hearings.get(sensor)
        if hearing is None:
            raise UnknownIdError("sensor", sensor)
        if calibration is not None:
            must_make_sense(calibration, hearing)
        async with self._one:
            counting = hearing.verdicts.calibration if hearing.verdicts else None
            trail, rule, until = self._trails.of(sensor), hearing.detector.rule, self._monotonic()
            return await in_thread(lambda: _preview(trail, rule, counting, calibration, until))


def _preview(
    trail: Trail, rule: Rule, now: Calibration | None, then: Calibration | None, until: float
) -> Preview:
    points = list(trail.points())
    if not points:
        return Preview(None, None, trail.step, 0, compare([], rule, now, then))
    since = max(points[0].at, until - DAY)
    compared = compare(points, rule, now, then, (since, until))
    return Preview(since, until, trail.step, len(points), compared)
