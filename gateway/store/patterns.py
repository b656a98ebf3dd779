"""A machine's usual week, read from its packed days."""

import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.core.bins import BIN_SECONDS
from gateway.core.patterns import SLOTS, Week
from gateway.store import bins

WEEKS = 8  # a level that shifts is followed; an all-history week is the worst model then
FIELDS = bins.FIELDS


def usual_week(
    conn: sqlite3.Connection, machines: Iterable[str], now: float, zone: ZoneInfo
) -> Week:
    """The local week over the last 8 weeks before `now` (epoch seconds).

    `machines`: one machine and those it replaces.
    """
    today = int(now // bins.DAY)
    week = Week()
    for machine in machines:
        for day, fields in bins.packed_days(conn, machine, today - 7 * WEEKS, today + 1):
            _add(week, day * bins.DAY, fields[0::FIELDS].tolist(), fields[1::FIELDS].tolist(), zone)
        for done in bins.read_loose(conn, machine, int(now - 7 * WEEKS * bins.DAY), int(now)):
            local = datetime.fromtimestamp(done.start, zone)
            slot = local.hour * 4 + local.minute // 15
            week.add(local.weekday(), slot, done.occupied * 10, done.observed * 10)
    return week


def _add(week: Week, start: int, occupied: list[int], observed: list[int], zone: ZoneInfo) -> None:
    """Add one UTC day; on a day whose offset changes, quarter hour by quarter hour."""
    first = datetime.fromtimestamp(start, UTC).astimezone(zone)
    last = (datetime.fromtimestamp(start, UTC) + timedelta(hours=24)).astimezone(zone)
    if first.utcoffset() == last.utcoffset():
        slot = first.hour * 4 + first.minute // 15
        week.add_day(first.weekday(), slot, occupied, observed)
        return
    for number in range(SLOTS):
        local = datetime.fromtimestamp(start + number * BIN_SECONDS, zone)
        slot = local.hour * 4 + local.minute // 15
        week.add(local.weekday(), slot, occupied[number], observed[number])
