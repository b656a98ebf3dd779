"""`POST /sensors/{sensorId}/calibration/fit`: thresholds from recordings."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from gateway.api.body import body_as
from gateway.api.lookup import identifier
from gateway.api.messages import Wire, encode
from gateway.api.operation import Operation
from gateway.api.query import no_parameters
from gateway.api.recordings import Recordings
from gateway.api.sensors import SENSOR_ID, TAG
from gateway.bridge import in_thread
from gateway.core.access import Role
from gateway.core.errors import ConflictError, Fault, InvalidError, UnknownIdError
from sensors.calibration import Calibration, CannotTellError, Fitted, Statistics, Timed, fit

RecordingId = Annotated[str, Meta(pattern=r"^r[0-9a-f]{16}$")]
EXAMPLE = {
    "calibration": {
        "limits": {"power_w": {"floor": 2.2, "limit": 91.2}},
        "votes": 1,
        "release": 0.7,
        "hold": 0.0,
    },
    "statistics": {
        "empty": 600,
        "busy": 600,
        "separation": 18.57,
        "overlap": 0.0,
        "confidence": "good",
    },
}


class NewFit(Wire, frozen=True, forbid_unknown_fields=True):
    """Recordings of the sensor: of the empty machine, and of the machine in use."""

    empty: RecordingId
    busy: RecordingId | None = None


class FitRow(Wire, frozen=True):
    """What was found; nothing of it is saved."""

    calibration: Calibration
    statistics: Statistics


class _Line(msgspec.Struct):
    at: float
    levels: dict[str, float]


class FitRoutes:
    """For technicians; one at a time, beside the loop: a long recording takes seconds."""

    def __init__(self, known: Callable[[], Iterable[str]], recordings: Recordings) -> None:
        self._known = known
        self._recordings = recordings
        self._one = asyncio.Lock()

    def operations(self) -> list[Operation]:
        """What is served here."""
        return [
            Operation(
                method="POST",
                path="/sensors/{sensorId}/calibration/fit",
                handler=self.fit_calibration,
                summary="Thresholds that tell one recording from the other; nothing is changed",
                tag=TAG,
                parameters=(SENSOR_ID,),
                accepts=NewFit,
                body_example={"empty": "r41d2f3a09b7c6e58", "busy": "r52e3041b0ac8d7f6"},
                gives=FitRow,
                example=EXAMPLE,
                who=Role.TECHNICIAN,
                rate="write",
                refuses=(409, 422),
            )
        ]

    async def fit_calibration(self, request: web.Request) -> web.Response:
        """As `gateway calibrate` finds them."""
        no_parameters(request)
        name = identifier(request, "sensorId", "sensor")
        if name not in self._known():
            raise UnknownIdError("sensor", name)
        asked = await body_as(request, NewFit)
        empty = self._lines(name, asked.empty, "/empty")
        busy = self._lines(name, asked.busy, "/busy") if asked.busy else []
        async with self._one:
            found = await in_thread(lambda: _fitted(empty, busy))
        row = FitRow(calibration=found.calibration, statistics=found.statistics)
        headers = {"Cache-Control": "no-store"}
        return web.Response(body=encode(row), content_type="application/json", headers=headers)

    def _lines(self, sensor: str, recording: str, pointer: str) -> list[bytes]:
        try:
            return list(self._recordings.get(sensor, recording).lines)
        except UnknownIdError as error:
            raise InvalidError([Fault(pointer, str(error))]) from None


def _fitted(empty: list[bytes], busy: list[bytes]) -> Fitted:
    """Raises ConflictError: the two look alike, or say too little."""
    try:
        return fit([_timed(line) for line in empty], [_timed(line) for line in busy])
    except CannotTellError as error:
        text = str(error)
        raise ConflictError(f"{text[0].upper()}{text[1:]}.") from None


def _timed(line: bytes) -> Timed:
    row = msgspec.json.decode(line, type=_Line)
    return row.at, row.levels
