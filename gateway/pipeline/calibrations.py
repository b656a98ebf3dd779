"""By what each sensor's levels are judged, and by what they were before."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeVar

from gateway.core.errors import ConflictError, Fault, InvalidError, UnknownIdError
from gateway.pipeline.judge import Hearing
from gateway.store import calibrations as table
from gateway.store import notebook
from gateway.store.calibrations import Version
from sensors.calibration import Calibration, Statistics, Verdicts

T = TypeVar("T")


class Write(Protocol):
    """Do a piece of writing in the ledger's next transaction."""

    async def __call__(self, work: Callable[[sqlite3.Connection], T], /) -> T:
        """Return what `work` returns, once it is committed."""


class Calibrations:
    """A new one counts from the sensor's next sample on, once it is stored."""

    def __init__(
        self, hearings: Mapping[str, Hearing], write: Write, wall: Callable[[], float]
    ) -> None:
        self._hearings = hearings
        self._write = write
        self._wall = wall

    async def load(self) -> None:
        """As stored; those of sensors that are no more wait for their return."""
        self.apply(await self.stored())

    async def stored(self) -> list[Version]:
        """What counts, of every sensor there ever was."""
        return [*(await self._write(table.newest)).values()]

    def apply(self, versions: Iterable[Version]) -> None:
        """To the sensors that have none yet."""
        for version in versions:
            known = self._hearings.get(version.sensor)
            if known is not None and known.version is None:
                self._apply(version)

    async def history(self, sensor: str) -> list[Version]:
        """Its versions, newest first. Raises UnknownIdError."""
        self._hearing(sensor)
        return await self._write(lambda conn: table.of_sensor(conn, sensor))

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
        """A new version. `based_on` must be the one that counts, where it is given.

        Raises UnknownIdError, ConflictError, InvalidError.
        """
        hearing = self._hearing(sensor)
        if calibration is not None:
            must_make_sense(calibration, hearing)
        at = self._wall()

        def work(conn: sqlite3.Connection) -> Version:
            known = table.of_sensor(conn, sensor)
            newest = known[0].number if known else 0
            if based_on is not None and based_on != newest:
                raise ConflictError(
                    f"Meanwhile {known[0].who if known else 'somebody'} has calibrated {sensor}"
                    f" (version {newest}); look at it, then save again."
                )
            version = Version(sensor, newest + 1, at, who, why, calibration, statistics)
            table.add(conn, version)
            notebook.audit(
                conn, notebook.Entry(at, who, "calibrated", sensor, f"version {newest + 1} {why}")
            )
            return version

        version = await self._write(work)
        self._apply(version)
        return version

    async def restore(self, sensor: str, number: int, *, who: str) -> Version:
        """An older version counts again, as a new one. Raises UnknownIdError."""
        found = {version.number: version for version in await self.history(sensor)}
        if number not in found:
            raise UnknownIdError("version", str(number))
        old = found[number]
        why = f"as version {number}"
        return await self.save(sensor, old.calibration, who=who, why=why, statistics=old.statistics)

    def _hearing(self, sensor: str) -> Hearing:
        hearing = self._hearings.get(sensor)
        if hearing is None:
            raise UnknownIdError("sensor", sensor)
        return hearing

    def _apply(self, version: Version) -> None:
        hearing = self._hearings.get(version.sensor)
        if hearing is None:
            return  # it was removed from the configuration meanwhile
        known = version.calibration
        hearing.verdicts = None if known is None else Verdicts(known)
        hearing.version = version.number


def must_make_sense(calibration: Calibration, hearing: Hearing) -> None:
    """Raises InvalidError, naming every wrong value."""
    said = set(hearing.last.levels) if hearing.last else set()
    faults = []
    if not calibration.limits:
        faults.append(Fault("/limits", "names no level"))
    for name, limit in calibration.limits.items():
        if limit.limit == limit.floor:
            faults.append(Fault(f"/limits/{name}", "its limit is its floor: all would be in use"))
        if hearing.last is not None and name not in said:
            levels = ", ".join(sorted(said)) or "no levels, only in use or not"
            faults.append(Fault(f"/limits/{name}", f"the sensor says {levels}"))
    if faults:
        raise InvalidError(faults)
