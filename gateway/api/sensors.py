"""Sensors: what they say, and by what their levels are judged."""

from collections.abc import Callable, Mapping
from typing import Annotated, Protocol

import msgspec
from aiohttp import web
from msgspec import Meta

from config.sections import Id
from gateway.api.body import body_as
from gateway.api.door import must_hold
from gateway.api.lookup import identifier
from gateway.api.messages import Wire, encode
from gateway.api.operation import Operation, Parameter
from gateway.api.query import no_parameters
from gateway.core.access import Role
from gateway.core.errors import UnknownIdError
from gateway.messages import moment
from gateway.store.calibrations import Version
from sensors.calibration import Calibration, Limit, Statistics

TAG = "Sensors"
SENSOR_ID = Parameter("sensorId", Id, "The sensor's id.", "leg-press-01", "path")
VERSION = Parameter(
    "version", Annotated[int, Meta(ge=1, le=10**9)], "A version's number.", 1, "path", r"\d{1,9}"
)
Why = Annotated[str, Meta(max_length=200)]


class SensorRow(Wire, frozen=True):
    """A sensor; times are epoch seconds. `status` is what we say on its account alone."""

    sensor_id: str
    machine_id: str
    driver: str
    source: str
    repeats: bool
    status: str
    cause: str
    last_heard: float | None
    active: bool | None
    strength: float | None
    unit: str | None
    levels: Mapping[str, float]
    battery: float | None
    signal: float | None
    busy_after: float
    """Seconds, as configured; `free_after` and `stale_after` too."""
    free_after: float
    stale_after: float
    clock_offset: float | None
    calibration_version: int | None
    score: float | None
    """The height of the level that decides; from 1 on it is in use."""
    dropped: Mapping[str, int]
    findings: tuple[str, ...]
    """What somebody should look at: see `docs/sensors.md`."""


class SensorRows(Wire, frozen=True):
    """Every sensor."""

    as_of: float
    sensors: tuple[SensorRow, ...]


class NewCalibration(Wire, frozen=True, forbid_unknown_fields=True):
    """By what a sensor's levels are judged from now on; `limits: null`: its own word counts."""

    limits: Annotated[dict[str, Limit], Meta(max_length=64)] | None
    votes: Annotated[int, Meta(ge=1, le=32)] = 1
    release: Annotated[float, Meta(gt=0, le=1)] = 0.7
    hold: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    why: Why = ""
    based_on: Annotated[int, Meta(ge=0, le=10**9)] | None = None
    """The version that you have seen; another one by now is a 409."""
    statistics: Statistics | None = None

    def calibration(self) -> Calibration | None:
        """As the detector takes it."""
        if self.limits is None:
            return None
        return Calibration(self.limits, self.votes, self.release, self.hold)


class VersionRow(Wire, frozen=True):
    """A version of a calibration."""

    sensor_id: str
    version: int
    at: float
    who: str
    why: str
    calibration: Calibration | None
    statistics: Statistics | None


class VersionRows(Wire, frozen=True):
    """Newest first; the first one counts."""

    versions: tuple[VersionRow, ...]


class Calibrations(Protocol):
    """Keeps them; the domain's errors are raised."""

    async def history(self, sensor: str) -> list[Version]:
        """Newest first."""

    async def save(
        self,
        sensor: str,
        calibration: Calibration | None,
        *,
        who: str,
        why: str,
        based_on: int | None = None,
        statistics: Statistics | None = None,
    ) -> Version:
        """A new version."""

    async def restore(self, sensor: str, number: int, *, who: str) -> Version:
        """An older one counts again."""


EXAMPLE = {
    "sensorId": "leg-press-01",
    "version": 1,
    "at": 1634567890.0,
    "who": "technician:k41d2f3a09b7c",
    "why": "after the move",
    "calibration": {
        "limits": {"power_w": {"floor": 2.5, "limit": 51.5}},
        "votes": 1,
        "release": 0.7,
        "hold": 0.0,
    },
    "statistics": None,
}


class SensorRoutes:
    """`/sensors…`: for technicians."""

    def __init__(
        self, report: Callable[[], Mapping[str, object]], calibrations: Calibrations
    ) -> None:
        """`report`: `asOf` and `sensors`, as JSON shows them."""
        self._report = report
        self._calibrations = calibrations

    def operations(self) -> list[Operation]:
        """What is served here."""
        return [
            Operation(
                method="GET",
                path="/sensors",
                handler=self.list_sensors,
                summary="Every sensor, what it says and what could not be used",
                tag=TAG,
                gives=SensorRows,
                who=Role.TECHNICIAN,
            ),
            Operation(
                method="GET",
                path="/sensors/{sensorId}",
                handler=self.show_sensor,
                summary="One sensor",
                tag=TAG,
                parameters=(SENSOR_ID,),
                gives=SensorRow,
                who=Role.TECHNICIAN,
            ),
            Operation(
                method="PUT",
                path="/sensors/{sensorId}/calibration",
                handler=self.save_calibration,
                summary="Judge a sensor's levels by these thresholds from now on",
                tag=TAG,
                parameters=(SENSOR_ID,),
                accepts=NewCalibration,
                body_example={"limits": None, "why": "its own word is right"},
                gives=VersionRow,
                example=EXAMPLE,
                who=Role.TECHNICIAN,
                rate="write",
                refuses=(409,),
            ),
            Operation(
                method="GET",
                path="/sensors/{sensorId}/calibrations",
                handler=self.list_calibrations,
                summary="Every version of a sensor's calibration",
                tag=TAG,
                parameters=(SENSOR_ID,),
                gives=VersionRows,
                example={"versions": [EXAMPLE]},
                who=Role.TECHNICIAN,
            ),
            Operation(
                method="POST",
                path="/sensors/{sensorId}/calibrations/{version}/restore",
                handler=self.restore_calibration,
                summary="Let an older version count again",
                tag=TAG,
                parameters=(SENSOR_ID, VERSION),
                status=201,
                gives=VersionRow,
                example=EXAMPLE,
                who=Role.TECHNICIAN,
                rate="write",
            ),
        ]

    def names(self) -> list[str]:
        """Every sensor's id."""
        return [row.sensor_id for row in msgspec.convert(self._report(), SensorRows).sensors]

    async def list_sensors(self, request: web.Request) -> web.Response:
        """As of now."""
        no_parameters(request)
        return _reply(msgspec.convert(self._report(), SensorRows))

    async def show_sensor(self, request: web.Request) -> web.Response:
        """As of now."""
        name = _sensor_of(request)
        rows = msgspec.convert(self._report(), SensorRows).sensors
        found = next((row for row in rows if row.sensor_id == name), None)
        if found is None:
            raise UnknownIdError("sensor", name)
        return _reply(found)

    async def save_calibration(self, request: web.Request) -> web.Response:
        """The version that counts now."""
        name = _sensor_of(request)
        asked = await body_as(request, NewCalibration)
        version = await self._calibrations.save(
            name,
            asked.calibration(),
            who=str(must_hold(request)),
            why=asked.why,
            based_on=asked.based_on,
            statistics=asked.statistics,
        )
        return _reply(_row(version))

    async def list_calibrations(self, request: web.Request) -> web.Response:
        """Newest first."""
        found = await self._calibrations.history(_sensor_of(request))
        return _reply(VersionRows(versions=tuple(map(_row, found))))

    async def restore_calibration(self, request: web.Request) -> web.Response:
        """The new version."""
        name, number = _sensor_of(request), int(request.match_info["version"])
        version = await self._calibrations.restore(name, number, who=str(must_hold(request)))
        return _reply(_row(version), 201)


def _row(version: Version) -> VersionRow:
    return VersionRow(
        sensor_id=version.sensor,
        version=version.number,
        at=moment(version.at),
        who=version.who,
        why=version.why,
        calibration=version.calibration,
        statistics=version.statistics,
    )


def _sensor_of(request: web.Request) -> str:
    no_parameters(request)
    return identifier(request, "sensorId", "sensor")


def _reply(said: msgspec.Struct, status: int = 200) -> web.Response:
    return web.Response(
        status=status,
        body=encode(said),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
