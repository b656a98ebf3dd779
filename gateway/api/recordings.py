"""`/sensors/{sensorId}/recordings`: raw samples, recorded for a while and exported."""

from collections.abc import Callable, Iterable
from typing import Annotated, Protocol

import msgspec
from aiohttp import web
from msgspec import Meta

from config.sections import Id
from gateway.api.body import body_as
from gateway.api.lookup import identifier
from gateway.api.messages import Wire, encode
from gateway.api.operation import Operation, Parameter
from gateway.api.query import no_parameters
from gateway.api.sensors import SENSOR_ID, TAG
from gateway.core.access import Role
from gateway.core.errors import UnknownIdError
from gateway.messages import moment

LINES = "application/x-ndjson"
RECORDING_ID = Parameter(
    "recordingId", Id, "The recording's id.", "r41d2f3a09b7c6e58", "path", r"r[0-9a-f]{16}"
)


class NewRecording(Wire, frozen=True, forbid_unknown_fields=True):
    """How long."""

    seconds: Annotated[float, Meta(ge=1, le=3600)] = 60.0


class RecordingRow(Wire, frozen=True):
    """A recording; `startedAt` in epoch seconds."""

    recording_id: str
    sensor_id: str
    started_at: float
    seconds: float
    samples: int
    dropped: int
    """Samples that had no room any more."""
    complete: bool


class RecordingRows(Wire, frozen=True):
    """Newest first."""

    recordings: tuple[RecordingRow, ...]


class Recording(Protocol):
    """As it is kept; monotonic seconds, `wall` in epoch seconds is when it began."""

    id: str
    sensor: str
    began: float
    until: float
    wall: float
    lines: list[bytes]
    dropped: int

    def complete(self, now: float) -> bool:
        """Whether its time is over."""


class Recordings(Protocol):
    """Keeps them, in memory; the domain's errors are raised."""

    def begin(self, sensor: str, seconds: float) -> Recording:
        """From now on."""

    def of(self, sensor: str) -> Iterable[Recording]:
        """Newest first."""

    def get(self, sensor: str, recording: str) -> Recording:
        """The recording of that id."""


EXAMPLE = {
    "recordingId": "r41d2f3a09b7c6e58",
    "sensorId": "leg-press-01",
    "startedAt": 1634567890.0,
    "seconds": 60.0,
    "samples": 0,
    "dropped": 0,
    "complete": False,
}


class RecordingRoutes:
    """For technicians; nothing of it is stored."""

    def __init__(
        self,
        known: Callable[[], Iterable[str]],
        recordings: Recordings,
        monotonic: Callable[[], float],
    ) -> None:
        self._known = known
        self._recordings = recordings
        self._monotonic = monotonic

    def operations(self) -> list[Operation]:
        """What is served here."""
        return [
            Operation(
                method="POST",
                path="/sensors/{sensorId}/recordings",
                handler=self.begin_recording,
                summary="Record a sensor's samples for a while",
                tag=TAG,
                parameters=(SENSOR_ID,),
                status=201,
                accepts=NewRecording,
                body_example={"seconds": 1},
                gives=RecordingRow,
                example=EXAMPLE,
                who=Role.TECHNICIAN,
                rate="write",
                refuses=(409,),
            ),
            Operation(
                method="GET",
                path="/sensors/{sensorId}/recordings",
                handler=self.list_recordings,
                summary="What was recorded of a sensor",
                tag=TAG,
                parameters=(SENSOR_ID,),
                gives=RecordingRows,
                example={"recordings": [EXAMPLE]},
                who=Role.TECHNICIAN,
            ),
            Operation(
                method="GET",
                path="/sensors/{sensorId}/recordings/{recordingId}",
                handler=self.show_recording,
                summary="A recording as JSON lines, so far",
                tag=TAG,
                parameters=(SENSOR_ID, RECORDING_ID),
                media=LINES,
                who=Role.TECHNICIAN,
            ),
        ]

    async def begin_recording(self, request: web.Request) -> web.Response:
        """Under way."""
        name = self._sensor_of(request)
        asked = await body_as(request, NewRecording)
        return _reply(self._row(self._recordings.begin(name, asked.seconds)), 201)

    async def list_recordings(self, request: web.Request) -> web.Response:
        """Those that are still kept."""
        found = self._recordings.of(self._sensor_of(request))
        return _reply(RecordingRows(recordings=tuple(map(self._row, found))), 200)

    async def show_recording(self, request: web.Request) -> web.Response:
        """A line for each sample."""
        name, recording = self._sensor_of(request), identifier(request, "recordingId", "recording")
        body = b"".join(self._recordings.get(name, recording).lines)
        headers = {"Cache-Control": "no-store"}
        return web.Response(body=body, content_type=LINES, headers=headers)

    def _sensor_of(self, request: web.Request) -> str:
        no_parameters(request)
        name = identifier(request, "sensorId", "sensor")
        if name not in self._known():
            raise UnknownIdError("sensor", name)
        return name

    def _row(self, one: Recording) -> RecordingRow:
        return RecordingRow(
            recording_id=one.id,
            sensor_id=one.sensor,
            started_at=moment(one.wall),
            seconds=round(one.until - one.began, 3),
            samples=len(one.lines),
            dropped=one.dropped,
            complete=one.complete(self._monotonic()),
        )


def _reply(said: msgspec.Struct, status: int) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    return web.Response(
        status=status, body=encode(said), content_type="application/json", headers=headers
    )
