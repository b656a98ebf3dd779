"""What people said and did: the audit log, "wrong" reports, notes on machines out of service."""

import sqlite3
from dataclasses import dataclass

MOST_AUDIT = 10_000  # rows, 1 MB: at 20 changes a day more than a year of them
MOST_REPORTS = 5_000  # rows: beyond these the oldest go


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody changed something; `at` in epoch seconds."""

    at: float
    who: str
    what: str
    target: str
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """Somebody says that what we show is wrong; `at` in epoch seconds."""

    at: float
    machine: str
    shown: str
    actually: str | None
    note: str
    who: str


@dataclass(frozen=True, slots=True)
class Service:
    """Why a machine is out of service, since when (epoch seconds), by whom."""

    machine: str
    note: str
    since: float
    who: str


def audit(conn: sqlite3.Connection, entry: Entry) -> None:
    """Write who changed what; the oldest row goes when the log is full."""
    values = (entry.at, entry.who, entry.what, entry.target, entry.detail)
    conn.execute("INSERT INTO audit (at, who, what, target, detail) VALUES (?, ?, ?, ?, ?)", values)
    conn.execute(
        "DELETE FROM audit WHERE number <= (SELECT max(number) FROM audit) - ?", [MOST_AUDIT]
    )


def audited(conn: sqlite3.Connection, limit: int) -> list[Entry]:
    """The newest entries, newest first."""
    rows = conn.execute(
        "SELECT at, who, what, target, detail FROM audit ORDER BY number DESC LIMIT ?", [limit]
    )
    return [Entry(*row) for row in rows]


def report(conn: sqlite3.Connection, said: Report) -> int:
    """Note a report; returns its number."""
    values = (said.at, said.machine, said.shown, said.actually, said.note, said.who)
    number = conn.execute(
        "INSERT INTO reports (at, machine, shown, actually, note, who) VALUES (?, ?, ?, ?, ?, ?)",
        values,
    ).lastrowid
    conn.execute("DELETE FROM reports WHERE number <= ?", [(number or 0) - MOST_REPORTS])
    return number or 0


def reports(conn: sqlite3.Connection, limit: int) -> list[Report]:
    """The newest reports, newest first."""
    rows = conn.execute(
        "SELECT at, machine, shown, actually, note, who FROM reports ORDER BY number DESC LIMIT ?",
        [limit],
    )
    return [Report(*row) for row in rows]


def set_service(conn: sqlite3.Connection, service: Service) -> None:
    """A machine is out of service."""
    values = (service.machine, service.note, service.since, service.who)
    conn.execute("INSERT OR REPLACE INTO service VALUES (?, ?, ?, ?)", values)


def end_service(conn: sqlite3.Connection, machine: str) -> None:
    """It is back."""
    conn.execute("DELETE FROM service WHERE machine = ?", [machine])


def in_service(conn: sqlite3.Connection) -> dict[str, Service]:
    """By machine, those that are out of service."""
    return {row[0]: Service(*row) for row in conn.execute("SELECT * FROM service")}
