"""Alerts in the ledger: who waits, whom an edge is offered to, and what has rung."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.core.alerts import Alert, Reason, State
from gateway.core.events import Cursor
from gateway.core.quiet_hours import QuietHours
from gateway.core.rings import Firing, Offer

READER = "alerting"
FIELDS = (
    "number, id, member, machine, category, quiet, expires, repeat, cooldown, note, created,"
    " epoch, seq, fired, state, ended, reason"
)
SELECT = f"SELECT {FIELDS}, suppressed FROM alerts"  # noqa: S608  a constant
THIS = "epoch = ? AND seq = ? AND alert = ?"
SHOWN = 100  # of a member's alerts, the ended ones included: a page's worth


@dataclass(frozen=True, slots=True)
class Known:
    """What an earlier process left: times are epoch seconds, an offer's `due` too."""

    alerts: list[Alert]
    """Armed, and those of `firings`."""
    offers: list[Offer]
    firings: list[tuple[Firing, bool]]
    """Those that nobody has confirmed and that are not over; whether one was delivered."""
    cursor: Cursor | None


def load(conn: sqlite3.Connection) -> Known:
    """Everything, at a start."""
    alerts = [_alert(row) for row in conn.execute(f"{SELECT} WHERE state = 'armed'")]
    offers = conn.execute("SELECT machine, epoch, seq, free_since, due, judged, rung FROM offers")
    found = conn.execute("SELECT epoch, seq FROM cursors WHERE reader = ?", [READER]).fetchone()
    return Known(
        alerts,
        [_whole(conn, Offer(*row)) for row in offers.fetchall()],
        _open_firings(conn),
        None if found is None else Cursor(*found),
    )


def add(conn: sqlite3.Connection, alert: Alert) -> Alert:
    """A new one; it gets its number here."""
    values = _values(alert)[1:]
    marks = ", ".join("?" * len(values))
    number = conn.execute(
        f"INSERT INTO alerts ({FIELDS.removeprefix('number, ')}, suppressed)"  # noqa: S608
        f" VALUES ({marks}, '{{}}')",
        values,
    ).lastrowid
    tally(conn, {"created": 1})
    return replace(alert, number=number or 0)


def set_terms(conn: sqlite3.Connection, alert: Alert) -> None:
    """What its member can change."""
    values = (_quiet_text(alert.quiet), alert.expires, alert.repeat, alert.cooldown, alert.note)
    conn.execute(
        "UPDATE alerts SET quiet = ?, expires = ?, repeat = ?, cooldown = ?, note = ?"
        " WHERE number = ?",
        [*values, alert.number],
    )


def set_state(conn: sqlite3.Connection, alert: Alert) -> None:
    """What has become of it."""
    conn.execute(
        "UPDATE alerts SET fired = ?, state = ?, ended = ?, reason = ? WHERE number = ?",
        [alert.fired, alert.state.value, alert.ended, alert.reason, alert.number],
    )


def end(conn: sqlite3.Connection, alerts: Iterable[Alert]) -> None:
    """They have ended, as they say; what waits for delivery on their account is dropped."""
    for alert in alerts:
        set_state(conn, alert)
        drop_deliveries(conn, "alert", alert.number, alert.ended, alert.state.value)
        conn.execute(
            "UPDATE firings SET over = ?, reason = ? WHERE alert = ? AND over IS NULL",
            [alert.ended, alert.state.value, alert.number],
        )
        tally(conn, {alert.state.value: 1})


def of_member(conn: sqlite3.Connection, member: str) -> list[tuple[Alert, dict[str, int]]]:
    """A member's alerts, newest first, with why they did not ring."""
    rows = conn.execute(f"{SELECT} WHERE member = ? ORDER BY number DESC LIMIT {SHOWN}", [member])
    return [(_alert(row), json.loads(row[-1])) for row in rows]


def newest(conn: sqlite3.Connection, limit: int) -> list[tuple[Alert, dict[str, int]]]:
    """The newest alerts of all members, newest first."""
    rows = conn.execute(f"{SELECT} ORDER BY number DESC LIMIT ?", [limit])
    return [(_alert(row), json.loads(row[-1])) for row in rows]


def find(conn: sqlite3.Connection, alert: str) -> tuple[Alert, dict[str, int]] | None:
    """The alert of that id, with why it did not ring."""
    row = conn.execute(f"{SELECT} WHERE id = ?", [alert]).fetchone()
    return None if row is None else (_alert(row), json.loads(row[-1]))


def rung(conn: sqlite3.Connection, number: int) -> dict[str, list[dict[str, object]]]:
    """Of the alert of that number: `firings`, and `deliveries` beyond streams; newest first."""
    return {
        "firings": _named(
            conn,
            "epoch, seq, machine, place, at, delivered, seen, over, reason FROM firings"
            " WHERE alert = ? ORDER BY at DESC",
            number,
        ),
        "deliveries": _named(
            conn,
            "firing, channel, target, attempts, due, ended, outcome, reason, latency"
            " FROM deliveries WHERE alert = ? ORDER BY number DESC",
            number,
        ),
    }


def _named(conn: sqlite3.Connection, query: str, number: int) -> list[dict[str, object]]:
    rows = conn.execute(f"SELECT {query} LIMIT {SHOWN}", [number])
    names = [column[0] for column in rows.description]
    return [dict(zip(names, row, strict=True)) for row in rows]


# --- ringing ------------------------------------------------------------------------------------


def fire(conn: sqlite3.Connection, firings: Sequence[Firing], offers: Sequence[Offer]) -> set[str]:
    """Write what rings, and how far each offer has got (`due` in epoch seconds).

    Returns the ids of those that were not written before and whose alert is armed; they are of
    few edges.
    """
    may = _may_ring(conn, firings)
    new = [firing for firing in firings if firing.id in may]
    conn.executemany(
        "INSERT INTO firings VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL)",
        [_firing_values(firing) for firing in new],
    )
    conn.executemany(
        "UPDATE alerts SET fired = ?, state = ? WHERE number = ? AND state = 'armed'",
        [(f.at, State.ARMED if f.alert.repeat else State.FIRED, f.alert.number) for f in new],
    )
    conn.executemany(
        "INSERT OR REPLACE INTO offers VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(o.machine, o.epoch, o.seq, o.free_since, o.due, o.judged, o.rung) for o in offers],
    )
    streamed = sum(firing.streamed for firing in new)
    tally(conn, {"fired": len(new), "delivered.stream": streamed})
    return {firing.id for firing in new}


def over(conn: sqlite3.Connection, edge: tuple[str, int], again: Iterable[Alert]) -> None:
    """That edge's machine is free no longer; who was not told waits `again`."""
    conn.execute("DELETE FROM offers WHERE epoch = ? AND seq = ?", edge)
    for alert in again:
        set_state(conn, alert)
        tally(conn, {"taken": 1})


def close(conn: sqlite3.Connection, firings: Iterable[Firing], at: float, reason: str) -> None:
    """They are over, and so is what waits for delivery on their account."""
    for firing in firings:
        conn.execute(
            f"UPDATE firings SET over = ?, reason = ? WHERE {THIS} AND over IS NULL",  # noqa: S608
            [at, reason, *firing.key],
        )
        drop_deliveries(conn, "firing", firing.id, at, reason)


def delivered(conn: sqlite3.Connection, firings: Iterable[Firing], at: float) -> None:
    """A stream carried them after all."""
    conn.executemany(
        f"UPDATE firings SET delivered = coalesce(delivered, ?) WHERE {THIS}",  # noqa: S608
        [(at, *firing.key) for firing in firings],
    )


def seen(conn: sqlite3.Connection, firings: Iterable[Firing], at: float) -> None:
    """The member says so: they come no more."""
    for firing in firings:
        conn.execute(f"UPDATE firings SET seen = ? WHERE {THIS}", [at, *firing.key])  # noqa: S608
        drop_deliveries(conn, "firing", firing.id, at, "seen")


def drop_deliveries(
    conn: sqlite3.Connection, column: str, value: object, at: float | None, reason: str
) -> None:
    """What still waits for delivery is not sent. `column` is ours, no text of others."""
    conn.execute(
        "UPDATE deliveries SET due = NULL, ended = ?, outcome = 'cancelled', reason = ?"  # noqa: S608
        f" WHERE {column} = ? AND due IS NOT NULL",
        [at, reason, value],
    )


def save_cursor(
    conn: sqlite3.Connection, cursor: Cursor, suppressed: Mapping[int, Mapping[Reason, int]]
) -> None:
    """How far the log was read, and why alerts did not ring meanwhile."""
    values = [READER, cursor.epoch, cursor.seq]
    conn.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?, ?)", values)
    for number, reasons in suppressed.items():
        row = conn.execute("SELECT suppressed FROM alerts WHERE number = ?", [number]).fetchone()
        if row is not None:
            counts: dict[str, int] = json.loads(row[0])
            for reason, count in reasons.items():
                counts[reason] = counts.get(reason, 0) + count
            text = json.dumps(counts)
            conn.execute("UPDATE alerts SET suppressed = ? WHERE number = ?", [text, number])
        tally(conn, {f"suppressed.{reason}": count for reason, count in reasons.items()})


FIRED = (
    "(SELECT at FROM firings AS f WHERE f.epoch = deliveries.epoch AND f.seq = deliveries.seq"
    " AND f.alert = deliveries.alert)"
)


def redate(conn: sqlite3.Connection, seconds: float, since: float, upto: float) -> None:
    """What was dated from `since` to `upto` (by the clock that was wrong) was wrong by so much.

    Times ahead, such as an expiry, are as wrong as what they were reckoned from.
    """
    for table, ahead, of, columns in (
        ("deliveries", "due", FIRED, ("ended",)),
        ("alerts", "expires", "created", ("created", "fired", "ended")),
        ("offers", "due", "free_since", ("free_since",)),
        ("firings", "free_since", "at", ("at", "delivered", "seen", "over")),
    ):
        for column, judged in ((ahead, of), *((column, column) for column in columns)):
            conn.execute(
                f"UPDATE {table} SET {column} = {column} + ? WHERE {judged} BETWEEN ? AND ?",  # noqa: S608
                [seconds, since, upto],
            )


# --- counting and cleaning ----------------------------------------------------------------------


def tally(conn: sqlite3.Connection, counts: Mapping[str, float]) -> None:
    """Count what happened, for the statistics."""
    conn.executemany(
        "INSERT INTO tallies VALUES (?, ?)"
        " ON CONFLICT DO UPDATE SET count = count + excluded.count",
        [(name, count) for name, count in counts.items() if count],
    )


def tallies(conn: sqlite3.Connection) -> dict[str, float]:
    """Every count since the file was made."""
    return dict(conn.execute("SELECT name, count FROM tallies"))


def times_to_fire(conn: sqlite3.Connection, most: int) -> list[float]:
    """Of the newest firings: seconds from the subscription to the ring, sorted."""
    rows = conn.execute(
        "SELECT firings.at - created FROM firings JOIN alerts ON number = alert"
        " ORDER BY firings.at DESC LIMIT ?",
        [most],
    )
    return sorted(seconds for (seconds,) in rows)


def remove_member(conn: sqlite3.Connection, member: str) -> None:
    """All that is known of it here."""
    of_them = "SELECT number FROM alerts WHERE member = ?"
    conn.execute(f"DELETE FROM firings WHERE alert IN ({of_them})", [member])  # noqa: S608
    for table in ("deliveries", "alerts", "targets"):
        conn.execute(f"DELETE FROM {table} WHERE member = ?", [member])  # noqa: S608


def drop_old(conn: sqlite3.Connection, before: float, most: int) -> int:
    """Forget some of what ended before that moment; returns how many alerts."""
    rows = conn.execute(
        "SELECT number FROM alerts WHERE state <> 'armed' AND coalesce(ended, fired, expires) < ?"
        " LIMIT ?",
        [before, most],
    )
    numbers = [number for (number,) in rows]
    for table, column in (("firings", "alert"), ("deliveries", "alert"), ("alerts", "number")):
        conn.execute(
            f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))",  # noqa: S608
            [json.dumps(numbers)],
        )
    conn.execute("DELETE FROM firings WHERE at < ?", [before])  # those of repeating alerts
    conn.execute("DELETE FROM deliveries WHERE due IS NULL AND ended < ?", [before])
    return len(numbers)


# --- rows ---------------------------------------------------------------------------------------


def _may_ring(conn: sqlite3.Connection, firings: Sequence[Firing]) -> set[str]:
    """In one statement: hundreds are asked for at a time."""
    may: set[str] = set()
    for epoch, seq in {firing.edge for firing in firings}:
        of_edge = {f.alert.number: f.id for f in firings if f.edge == (epoch, seq)}
        found = conn.execute(
            "SELECT value FROM json_each(?) JOIN alerts ON number = value WHERE state = 'armed'"
            " AND NOT EXISTS (SELECT 1 FROM firings WHERE epoch = ? AND seq = ? AND alert = value)",
            [json.dumps([*of_edge]), epoch, seq],
        )
        may |= {of_edge[number] for (number,) in found}
    return may


def _whole(conn: sqlite3.Connection, offer: Offer) -> Offer:
    """With the members that were told of it."""
    rows = conn.execute(
        "SELECT member FROM firings AS f JOIN alerts ON number = f.alert"
        " WHERE f.epoch = ? AND f.seq = ?",
        offer.edge,
    )
    return replace(offer, members={member for (member,) in rows})


def _open_firings(conn: sqlite3.Connection) -> list[tuple[Firing, bool]]:
    rows = conn.execute(
        "SELECT alert, machine, epoch, seq, free_since, place, at, delivered FROM firings"
        " WHERE over IS NULL AND seen IS NULL AND alert IN"
        " (SELECT number FROM alerts WHERE state IN ('armed', 'fired')) ORDER BY at"
    ).fetchall()
    return [
        (
            Firing(_numbered(conn, number), name, epoch, seq, since, place, at, streamed=False),
            told is not None,
        )
        for number, name, epoch, seq, since, place, at, told in rows
    ]


def _numbered(conn: sqlite3.Connection, number: int) -> Alert:
    return _alert(conn.execute(f"{SELECT} WHERE number = ?", [number]).fetchone())


def _alert(row: Any) -> Alert:
    """A row of SELECT; sqlite3 types its rows as Any."""
    number, name, member, machine, category, quiet, expires, repeat, cooldown, *more = row
    note, created, epoch, seq, fired, state, ended, reason = more[:8]
    return Alert(
        number,
        name,
        member,
        machine,
        category,
        _quiet(quiet),
        expires,
        bool(repeat),
        cooldown,
        note,
        created,
        Cursor(epoch, seq),
        fired,
        State(state),
        ended,
        reason,
    )


def _values(alert: Alert) -> list[object]:
    return [
        alert.number,
        alert.id,
        alert.member,
        alert.machine,
        alert.category,
        _quiet_text(alert.quiet),
        alert.expires,
        alert.repeat,
        alert.cooldown,
        alert.note,
        alert.created,
        alert.since.epoch,
        alert.since.seq,
        alert.fired,
        alert.state.value,
        alert.ended,
        alert.reason,
    ]


def _firing_values(firing: Firing) -> tuple[object, ...]:
    return (
        *firing.key,
        firing.machine,
        firing.free_since,
        firing.place,
        firing.at,
        firing.at if firing.streamed else None,
    )


def _quiet_text(quiet: QuietHours | None) -> str | None:
    return json.dumps([quiet.start, quiet.end, sorted(quiet.days)]) if quiet else None


def _quiet(text: str | None) -> QuietHours | None:
    if text is None:
        return None
    start, end_at, days = json.loads(text)
    return QuietHours(start, end_at, frozenset(days))
