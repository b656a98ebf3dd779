"""`history.db` as one thing: opened, continued, written to by the pipeline's batches."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from gateway.core.bins import MAX_GAP, Bin
from gateway.core.events import Cursor, DatedChange, Event
from gateway.core.occupancy import Held
from gateway.store import bins as bin_table
from gateway.store import log, marks, schema
from gateway.store.marks import Alive, Numbered, Standing, Standings

MOST_ENDS = 500  # starts remembered: one each 2 s for the 17 minutes a bin stays open
TAIL = 1_000_000  # events read at a start: 15 minutes of them, unless time was never known


@dataclass(frozen=True, slots=True)
class Past:
    """What an earlier process left behind."""

    alive: Alive | None
    """When it was last alive; None: the file is new."""
    standings: dict[str, Standing]
    """Every machine's status as of the newest event."""
    tail: list[tuple[Event, float]]
    """(event, its `at` in monotonic seconds) since the oldest unstored bin began.

    Monotonic seconds are this boot's; what is of another was carried over by the wall clock.
    """
    before_tail: dict[str, Standing]
    """Every machine's status before the first of these."""
    held: dict[str, Held]
    """What sensors said last in this boot."""
    seqs: dict[str, int]
    """The sensors' own newest numbers."""
    next_bin: int | None
    """The oldest bin that is not stored yet (epoch seconds)."""
    same_boot: bool
    counted: float | None = None
    """Up to there this boot's bins are stored (monotonic), whatever the wall clock said."""
    reached: int = 0
    """All bins before that one are stored (epoch seconds), as far as is known."""
    ends: tuple[float, ...] = ()
    """When earlier processes of this boot were last alive, before `alive`; monotonic, in order."""


class HistoryFile:
    """The writing side; after `open` every method belongs on the writer's thread."""

    def __init__(self, path: Path, boot: str) -> None:
        """Open the file, begin a new epoch if numbers could have been lost.

        Raises NewerSchemaError, sqlite3.Error, OSError.
        """
        self.path = path
        self.conn = schema.open_to_write(path, schema.history)
        self._boot = boot
        self.conn.execute("PRAGMA synchronous = FULL")  # on the disk before a number is issued
        self.conn.execute("BEGIN IMMEDIATE")
        alive = marks.read(self.conn, Alive)
        self._log = log.Log(self.conn, boot)
        if not self._log.is_new and not _lost_nothing(alive, boot):
            self._log.begin_epoch("the machine stopped uncleanly")
        self.past = self._remember(alive)
        if self.past.same_boot and self.past.alive is not None:
            ends = [*self.past.ends, self.past.alive.monotonic][-MOST_ENDS:]
            marks.write(self.conn, marks.Ends(boot, ends))
        if alive is not None and alive.clean:
            marks.write(self.conn, replace(alive, clean=False))
        self.conn.execute("COMMIT")
        self.conn.execute("PRAGMA synchronous = NORMAL")

    @property
    def cursor(self) -> Cursor:
        """The newest stored event."""
        return self._log.cursor

    def record(
        self,
        changes: Sequence[DatedChange],
        held: Mapping[str, Held],
        alive: Alive | None,
        _conn: sqlite3.Connection,
    ) -> list[Event]:
        """One batch: its events, what was said last, and perhaps that we live."""
        events = self._log.append(changes)
        if held:
            marks.hold(self.conn, self._log.boot, held)
        if alive is not None:
            marks.write(self.conn, alive)
        return events

    def store_bins(
        self,
        bins: Sequence[Bin],
        standings: Standings | None,
        _conn: sqlite3.Connection,
    ) -> None:
        """Bins, their change numbers and where a start may begin to read: one transaction."""
        if bins:
            numbers = self._log.machine_numbers(b.machine for b in bins)
            numbered = marks.read(self.conn, Numbered) or Numbered(0)
            change = bin_table.write(self.conn, bins, numbers, numbered.change)
            marks.write(self.conn, Numbered(change))
        if standings is not None:
            marks.write(self.conn, standings)

    def redate(self, offset: float, _conn: sqlite3.Connection) -> int:
        """Time has become known: give what this boot stored its true times."""
        self._redate_standings(offset)
        return self._log.redate(offset)

    def relabel(self, next_bin: int, offset: float, _conn: sqlite3.Connection) -> None:
        """The clock was put right: a start goes on from this bin, with the same events."""
        self._redate_standings(offset, next_bin)

    def _redate_standings(self, offset: float, next_bin: int | None = None) -> None:
        standings = marks.read(self.conn, Standings)
        if standings is None:
            return
        moved = standings.machines
        if standings.boot == self._boot:
            moved = {name: _redated(was, offset) for name, was in moved.items()}
        start = standings.next_bin if next_bin is None else next_bin
        marks.write(self.conn, replace(standings, machines=moved, next_bin=start))

    def _remember(self, alive: Alive | None) -> Past:
        standings = marks.read(self.conn, Standings)
        last = self._last_sign(alive)
        offset = last.wall - last.monotonic if last else 0.0
        before = dict(standings.machines) if standings else {}
        if standings and standings.boot != self._boot:
            before = {name: replace(s, at=s.last_change - offset) for name, s in before.items()}
        ends = marks.read(self.conn, marks.Ends)
        reached = bin_table.closed_until(self.conn)
        tail = self._tail(standings.seq if standings else 0, offset)
        newest = dict(before)
        newest.update((event.machine, _standing(event, at)) for event, at in tail)
        return Past(
            alive=last,
            standings=newest,
            tail=tail,
            before_tail=before,
            held=marks.held(self.conn, self._boot),
            seqs=marks.newest_seqs(self.conn),
            next_bin=standings.next_bin if standings else None,
            counted=standings.until if standings and standings.boot == self._boot else None,
            reached=reached if _is_whole(standings, reached) else 0,
            same_boot=last is not None and last.boot == self._boot,
            ends=tuple(ends.at) if ends is not None and ends.boot == self._boot else (),
        )

    def _tail(self, since: int, offset: float) -> list[tuple[Event, float]]:
        events = log.events_after(self.conn, since, self._log.cursor.seq, TAIL)
        times = self.conn.execute(
            "SELECT last_change - iif(boot = ?, timestamp - monotonic, ?) FROM events"
            " WHERE seq > ? ORDER BY seq LIMIT ?",
            [self._log.boot, offset, since, TAIL],
        )
        return list(zip(events, (at for (at,) in times), strict=True))

    def _last_sign(self, alive: Alive | None) -> Alive | None:
        """An event is a sign of life as good as a note."""
        row = self.conn.execute(
            "SELECT boots.boot, monotonic, timestamp, synchronised FROM events"
            " JOIN boots ON boots.number = events.boot ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        if row is None:
            return alive
        boot, monotonic, wall, synchronised = row
        event = Alive(boot, monotonic, wall, synchronised=bool(synchronised))
        if alive is None or (alive.boot == event.boot and event.monotonic > alive.monotonic):
            return event
        return alive


def change_cursor(conn: sqlite3.Connection) -> Cursor:
    """The newest change of a bin, in the epoch that now is; for a reader of the file."""
    (epoch,) = conn.execute("SELECT epoch FROM epochs ORDER BY number DESC LIMIT 1").fetchone()
    return Cursor(epoch, (marks.read(conn, Numbered) or Numbered(0)).change)


def _lost_nothing(alive: Alive | None, boot: str) -> bool:
    """Whether every number ever issued is still in the file: no power cut can lie between."""
    return alive is not None and (alive.clean or alive.boot == boot)


def _is_whole(standings: Standings | None, reached: int) -> bool:
    """Whether no bin is missing up to there: a leap of the clock may have left out years."""
    start = standings.next_bin if standings else None
    return start is not None and reached - start < MAX_GAP


def _redated(was: Standing, offset: float) -> Standing:
    return was.moved(was.at + offset - was.last_change)


def _standing(event: Event, at: float) -> Standing:
    return Standing(event.status, event.cause, event.timestamp, event.last_change, at)
