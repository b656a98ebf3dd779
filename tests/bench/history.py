"""Reading 24 h of one machine out of a year of bins for 100 machines, packed or not."""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from gateway.core.bins import BIN_SECONDS, Bin
from gateway.store import bins as bin_table
from gateway.store import schema
from gateway.store.bins import DAY, SLOTS
from gateway.store.history import HistoryFile
from tests.bench.harness import Row, folder_on_disk, percentile

FIRST = 1_735_689_600 // DAY  # 1 January 2025, as a day's number
TARGET = "p99 ≤ 2 ms"
CLUSTERED = {
    "clustered (start, machine)": "start, machine",
    "clustered (machine, start)": "machine, start",
}
PLAIN = "SELECT * FROM bins WHERE machine = ? AND start >= ? AND start < ? ORDER BY start"

Read = Callable[[str, int, int], Sequence[object]]
"""(machine, start, end) → its bins."""


def bench(short: bool) -> Iterator[Row]:
    """p50 and p99 at the store, beside plain tables of the same bins."""
    machines = [f"machine-{number:03d}" for number in range(5 if short else 100)]
    days = 5 if short else 365
    reads = 50 if short else 2000
    with folder_on_disk() as folder:
        packed, loose = folder / "packed.db", folder / "loose.db"
        seconds = build(packed, machines, days, pack=True)
        build(loose, machines, days, pack=False)
        plain = {}
        for name, key in CLUSTERED.items():
            path = folder / f"{key}.db"
            _build_plain(path, loose, key)
            plain[name] = _times(_plain_reader(path), machines, days, reads)
        for name, path in (("packed", packed), ("not packed", loose)):
            own = _times(_reader(path), machines, days, reads)
            yield from _rows(f"24 h of one machine, {name}", own, plain)
        yield Row("building and packing it", seconds, "s")
        yield _size(packed, folder / f"{CLUSTERED['clustered (machine, start)']}.db")


def build(
    path: Path, machines: Sequence[str], days: int, *, pack: bool, first: int = FIRST
) -> float:
    """Write bins into a new history file as the gateway does; returns the seconds it took.

    `first` is the number of its first day; history_http.py starts a gateway on the same bins.
    """
    began = time.perf_counter()
    chance = random.Random(1)
    file = HistoryFile(path, "boot")
    with closing(file.conn) as conn:
        for day in range(first, first + days):
            conn.execute("BEGIN IMMEDIATE")
            file.store_bins(list(_day(day, machines, chance)), None, conn)
            if pack:
                bin_table.pack(conn, (day + 1) * DAY + bin_table.PACK_AFTER)
            conn.execute("COMMIT")
    return time.perf_counter() - began


def _day(day: int, machines: Sequence[str], chance: random.Random) -> Iterator[Bin]:
    for start in range(day * DAY, (day + 1) * DAY, BIN_SECONDS):
        for machine in machines:
            occupied = max(0.0, chance.uniform(-900, 900))
            yield Bin(machine, start, occupied, 900.0, int(occupied > 0))


def _build_plain(path: Path, source: Path, key: str) -> None:
    """The bins of `source` in one table, its rows in the order of `key`."""
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("PRAGMA synchronous = OFF")
        conn.execute(
            "CREATE TABLE bins (start INTEGER, machine INTEGER, occupied REAL, observed REAL,"
            f" sessions INTEGER, revision INTEGER, PRIMARY KEY ({key})) WITHOUT ROWID"
        )
        conn.execute("ATTACH ? AS source", [str(source)])
        conn.execute(
            "INSERT INTO bins SELECT start, machine, occupied, observed, sessions, revision"
            f" FROM source.bins ORDER BY {key}"
        )


def _reader(path: Path) -> Read:
    conn = schema.open_to_read(path)
    return lambda machine, start, end: bin_table.read(conn, machine, start, end)


def _plain_reader(path: Path) -> Read:
    conn = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    return lambda machine, start, end: conn.execute(
        PLAIN, [int(machine[-3:]) + 1, start, end]
    ).fetchall()


def _times(read: Read, machines: Sequence[str], days: int, reads: int) -> list[float]:
    """Milliseconds of each read; any quarter hour, any machine."""
    chance = random.Random(2)
    times = []
    for _ in range(reads):
        start = FIRST * DAY + chance.randrange((days - 1) * SLOTS) * BIN_SECONDS
        machine = chance.choice(machines)
        began = time.perf_counter()
        found = read(machine, start, start + DAY)
        times.append((time.perf_counter() - began) * 1000)
        assert len(found) == SLOTS
    return times


def _rows(name: str, own: Sequence[float], plain: dict[str, list[float]]) -> Iterator[Row]:
    for yardstick, times in plain.items():
        for percent, target in ((50, ""), (99, TARGET)):
            figure, other = percentile(own, percent), percentile(times, percent)
            yield Row(f"{name}, p{percent}", figure, "ms", yardstick, other, target)


def _size(packed: Path, plain: Path) -> Row:
    sizes = [path.stat().st_size / 1e6 for path in (packed, plain)]
    return Row("the file", sizes[0], "MB", "clustered (machine, start)", sizes[1])
