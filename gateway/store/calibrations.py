"""Calibrations of sensors: every version, who made it and why. The newest one counts."""

import json
import sqlite3
from dataclasses import dataclass

import msgspec

from sensors.calibration import Calibration, Statistics

KEPT = 100  # versions of a sensor: one each month for eight years


@dataclass(frozen=True, slots=True)
class Version:
    """A calibration of one sensor; None: its own word counts again. `at` in epoch seconds."""

    sensor: str
    number: int
    at: float
    who: str
    why: str
    calibration: Calibration | None
    statistics: Statistics | None


def newest(conn: sqlite3.Connection) -> dict[str, Version]:
    """What counts now, by sensor."""
    rows = conn.execute(
        "SELECT sensor, max(version), at, who, why, body, statistics FROM calibrations"
        " GROUP BY sensor"
    )
    return {row[0]: _version(*row) for row in rows}


def of_sensor(conn: sqlite3.Connection, sensor: str) -> list[Version]:
    """Its versions, newest first."""
    rows = conn.execute(
        "SELECT sensor, version, at, who, why, body, statistics FROM calibrations"
        " WHERE sensor = ? ORDER BY version DESC",
        [sensor],
    )
    return [_version(*row) for row in rows]


def add(conn: sqlite3.Connection, version: Version) -> None:
    """A new one; the oldest beyond those we keep goes."""
    values = (
        version.sensor,
        version.number,
        version.at,
        version.who,
        version.why,
        _text(version.calibration),
        _text(version.statistics),
    )
    conn.execute("INSERT INTO calibrations VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    conn.execute(
        "DELETE FROM calibrations WHERE sensor = ? AND version <= ?",
        [version.sensor, version.number - KEPT],
    )


def _text(said: msgspec.Struct | None) -> str | None:
    return None if said is None else msgspec.json.encode(said).decode()


def _version(
    sensor: str,
    number: int,
    at: float,
    who: str,
    why: str,
    body: str | None,
    statistics: str | None,
) -> Version:
    calibration = None if body is None else msgspec.convert(json.loads(body), Calibration)
    counted = None if statistics is None else msgspec.convert(json.loads(statistics), Statistics)
    return Version(sensor, number, at, who, why, calibration, counted)
