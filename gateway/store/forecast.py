"""What the forecast has learned, with the place in the log up to which it has."""

import sqlite3
from collections.abc import Iterable

from gateway.core.events import Cursor
from gateway.core.forecast_state import Saved

READER = "forecast"


def save(conn: sqlite3.Connection, cursor: Cursor, rows: Iterable[Saved]) -> None:
    """Together, or not at all."""
    conn.executemany(
        "INSERT OR REPLACE INTO forecasts VALUES (?, ?)", [(row.machine, row.state) for row in rows]
    )
    values = [READER, cursor.epoch, cursor.seq]
    conn.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?, ?)", values)


def load(conn: sqlite3.Connection) -> tuple[Cursor | None, list[Saved]]:
    """None: nothing was ever saved."""
    found = conn.execute("SELECT epoch, seq FROM cursors WHERE reader = ?", [READER]).fetchone()
    rows = conn.execute("SELECT machine, state FROM forecasts ORDER BY machine")
    return Cursor(*found) if found else None, [Saved(*row) for row in rows]
