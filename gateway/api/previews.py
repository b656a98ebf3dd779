"""`POST /sensors/{sensorId}/calibration/preview`: what the last day would have been."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from aiohttp import web

from gateway.api.body import body_as
from gateway.api.lookup import identifier
from gateway.api.messages import Wire, encode
from gateway.api.operation import Operation
from gateway.api.query import no_parameters
from gateway.api.sensors import SENSOR_ID, TAG, NewCalibration
from gateway.core.access import Role
from gateway.core.compared import Compared, Outline
from gateway.messages import moment
from sensors.calibration import Calibration


class Preview(Protocol):
    """Monotonic seconds."""

    @property
    def since(self) -> float | None:
        """The first moment that is known."""

    @property
    def until(self) -> float | None:
        """The last one."""

    @property
    def step(self) -> float:
        """Seconds between two points."""

    @property
    def points(self) -> int:
        """How many were looked at."""

    @property
    def coverage(self) -> float:
        """Share of a day for which there is an answer."""

    @property
    def compared(self) -> Compared:
        """What both calibrations say."""


Look = Callable[[str, Calibration | None], Awaitable[Preview]]
"""(sensor, calibration). The domain's errors are raised."""


class OutlineRow(Wire, frozen=True):
    """What a calibration says of that time; seconds."""

    occupied_seconds: float
    observed_seconds: float
    sessions: int


class DifferenceRow(Wire, frozen=True):
    """From `at` on (epoch seconds) the two say this."""

    at: float
    now: str
    then: str


class PreviewRow(Wire, frozen=True):
    """`since` and `until` are null where nothing is remembered: in memory, a day at most."""

    since: float | None
    until: float | None
    points: int
    step: float
    coverage: float
    """Share of the last 24 hours for which these thresholds have an answer, 0 to 1."""
    now: OutlineRow
    then: OutlineRow
    differences: Sequence[DifferenceRow]
    more: int
    """Differences that are not listed."""


class PreviewRoutes:
    """For technicians; nothing is changed."""

    def __init__(self, look: Look, wall_of: Callable[[float], float]) -> None:
        self._look = look
        self._wall_of = wall_of

    def operations(self) -> list[Operation]:
        """What is served here."""
        return [
            Operation(
                method="POST",
                path="/sensors/{sensorId}/calibration/preview",
                handler=self.preview_calibration,
                summary="What the last day would have been under these thresholds",
                tag=TAG,
                parameters=(SENSOR_ID,),
                accepts=NewCalibration,
                body_example={"limits": None},
                gives=PreviewRow,
                who=Role.TECHNICIAN,
            )
        ]

    async def preview_calibration(self, request: web.Request) -> web.Response:
        """Beside what counts now."""
        no_parameters(request)
        name = identifier(request, "sensorId", "sensor")
        asked = await body_as(request, NewCalibration)
        row = self._row(await self._look(name, asked.calibration()))
        headers = {"Cache-Control": "no-store"}
        return web.Response(body=encode(row), content_type="application/json", headers=headers)

    def _row(self, found: Preview) -> PreviewRow:
        compared = found.compared
        return PreviewRow(
            since=self._wall(found.since),
            until=self._wall(found.until),
            points=found.points,
            step=found.step,
            coverage=round(found.coverage, 4),
            now=_outline(compared.now),
            then=_outline(compared.then),
            differences=[
                DifferenceRow(at=moment(self._wall_of(one.at)), now=one.now, then=one.then)
                for one in compared.differences
            ],
            more=compared.more,
        )

    def _wall(self, at: float | None) -> float | None:
        return None if at is None else moment(self._wall_of(at))


def _outline(outline: Outline) -> OutlineRow:
    return OutlineRow(
        occupied_seconds=round(outline.occupied, 1),
        observed_seconds=round(outline.observed, 1),
        sessions=outline.sessions,
    )
