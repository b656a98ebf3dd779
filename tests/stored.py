"""What the store's tests share: a history file written to without a thread, and its contents."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from gateway.core.bins import Bin
from gateway.core.events import Cause, Change, DatedChange, Event, Status
from gateway.core.occupancy import Held
from gateway.store import log, schema
from gateway.store.history import HistoryFile
from gateway.store.marks import Alive, Standings

T = TypeVar("T")
OFFSET = 1_764_547_200.0  # wall minus monotonic seconds: a Monday's midnight
BOOT, OTHER_BOOT = "boot-a", "boot-b"


def dated(
    machine: str,
    status: Status = Status.OCCUPIED,
    at: float = 100.0,
    *,
    offset: float = OFFSET,
    synchronised: bool = True,
    seq: int | None = None,
) -> DatedChange:
    """A change since `at` (monotonic), recorded 5 s later."""
    change = Change(machine, status, Cause.OBSERVED, at, at + 5, live=True, sensor_seq=seq)
    return DatedChange(change, at + 5 + offset, at + offset, at + 5, synchronised)


def alive(at: float, boot: str = BOOT, *, clean: bool = False) -> Alive:
    return Alive(boot, at, at + OFFSET, clean)


class Written:
    """A history file, each call a transaction of its own."""

    def __init__(self, file: HistoryFile) -> None:
        self.file = file
        self.conn = file.conn

    def do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self.conn.execute("BEGIN IMMEDIATE")
        result = work(self.conn)
        self.conn.execute("COMMIT")
        return result

    def record(
        self,
        *changes: DatedChange,
        held: Mapping[str, Held] | None = None,
        alive: Alive | None = None,
    ) -> list[Event]:
        return self.do(lambda conn: self.file.record(changes, held or {}, alive, conn))

    def store(self, bins: Sequence[Bin], standings: Standings | None = None) -> None:
        self.do(lambda conn: self.file.store_bins(bins, standings, conn))

    def events(self) -> list[Event]:
        return log.events_after(self.conn, 0, 2**62, 1_000_000)

    def one(self, query: str, *values: object) -> object:
        """The first value of the first row."""
        return self.conn.execute(query, values).fetchone()[0]


@contextmanager
def opened(path: Path, boot: str = BOOT) -> Iterator[Written]:
    """The file at `path`, as a start of the gateway finds it; left as by `kill -9`."""
    file = HistoryFile(path, boot)
    with closing(file.conn):
        yield Written(file)


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(schema.open_to_read(path)) as conn:
        yield conn
