"""The only threads: the SQLite writer, its readers, and what ports cannot do on the loop."""

import asyncio
import logging
import os
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")
SYNC_EARLY = 0.8  # of `sync_within`: the sync itself takes time, and the promise is "at most"
READERS = 2  # threads: a Pi has four cores, of which the loop, the writer and the browser take some
GATHER = 0.004  # seconds between looks in a flood: at 10,000 a second 40 items, not 6
MOST_WAITING = 256  # reads: 2 readers at 2 ms each serve these in 0.3 s; more are refused

log = logging.getLogger(__name__)


Timed = Callable[[str, float], None]
"""Hears of every piece of work: the name of its function and how many seconds it took."""


def _untimed(_name: str, _seconds: float) -> None: ...


class BusyError(Exception):
    """More reads wait than can be served in time."""


# --- SQLite: one thread writes -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class File:
    """A database file, opened for writing."""

    conn: sqlite3.Connection
    path: Path


@dataclass(frozen=True, slots=True)
class _Job:
    file: str
    work: Callable[[sqlite3.Connection], Any]
    done: "asyncio.Future[Any]"


class Writer:
    """One thread and one transaction per file for all that waits: group commit by itself.

    The WAL is synced at most `sync_within` seconds after the first commit that needs it; at 0
    before every commit is reported.
    """

    def __init__(
        self,
        files: Mapping[str, File],
        sync_within: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`sync_within` in seconds of `clock`."""
        self._files = files
        self._sync_within = sync_within * SYNC_EARLY
        self._clock = clock
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()  # its callers wait: few
        self._fault: OSError | None = None  # a sync failed: what it left out, none makes good
        self._unsynced: dict[str, float] = {}  # file → monotonic moment of its oldest such commit
        self._thread = threading.Thread(target=self._run, name="writer")
        self.timed: Timed = _untimed
        self.commits = 0
        self.moved_at = time.monotonic()
        """When the thread last went round; the watchdog looks at it."""

    def start(self) -> None:
        """Begin; the connections belong to the thread from now on."""
        self._thread.start()

    async def run(self, file: str, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work` inside the next transaction of `file`; returns once it is committed.

        An error of `work` itself undoes that work alone. sqlite3.Error from the commit reaches
        everyone whose work was in it; OSError from a sync everyone from then on.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Job(file, work, done))
        return await done

    @property
    def waiting(self) -> int:
        """Jobs that no transaction has taken yet."""
        return self._jobs.qsize()

    def stop(self) -> None:
        """Finish what waits, sync, close the files; blocks until that is done."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        going = True
        while going:
            jobs = self._take()
            going = None not in jobs
            for name in self._files:
                self._commit(name, [job for job in jobs if job is not None and job.file == name])
            self._sync_if_due(self._clock() if going else inf)
            self.moved_at = time.monotonic()
        for file in self._files.values():
            file.conn.close()

    def _take(self) -> list[_Job | None]:
        """All that waits; [] when it is time to sync, or to show that we live."""
        try:
            jobs = [self._jobs.get(timeout=self._until_sync())]
        except queue.Empty:
            return []
        while not self._jobs.empty():
            jobs.append(self._jobs.get())
        return jobs

    def _until_sync(self) -> float:
        due = min(self._unsynced.values(), default=inf) + self._sync_within
        return min(1.0, max(0.0, due - self._clock()))

    def _commit(self, name: str, jobs: Sequence[_Job]) -> None:
        if not jobs:
            return
        try:
            results = _transaction(self._files[name].conn, jobs, self.timed)
            self.commits += 1
            self._unsynced.setdefault(name, self._clock())
            self._sync_if_due(self._clock())
            self._check()
        except Exception as error:  # noqa: BLE001  all whose work was in it are told
            results = [(job.done, error, None) for job in jobs]
        with suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            jobs[0].done.get_loop().call_soon_threadsafe(_resolve, results)

    def _sync_if_due(self, now: float) -> None:
        for name, since in tuple(self._unsynced.items()):
            if now - since >= self._sync_within:
                del self._unsynced[name]
                self._sync(self._files[name].path)

    def _check(self) -> None:
        if self._fault is not None:
            raise self._fault

    def _sync(self, path: Path) -> None:
        try:
            _sync(path)
        except OSError as error:
            log.exception("%s cannot be put on the disk; the next commit fails", path)
            self._fault = error


_Result = tuple["asyncio.Future[Any]", Exception | None, Any]


def _transaction(conn: sqlite3.Connection, jobs: Sequence[_Job], timed: Timed) -> list[_Result]:
    conn.execute("BEGIN IMMEDIATE")
    try:
        results = [_savepoint(conn, job, timed) for job in jobs]
        began = time.perf_counter()
        conn.execute("COMMIT")
        timed("COMMIT", time.perf_counter() - began)
    except Exception:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        raise
    return results


def _savepoint(conn: sqlite3.Connection, job: _Job, timed: Timed) -> _Result:
    conn.execute("SAVEPOINT job")
    began = time.perf_counter()
    try:
        result = job.work(conn)
    except Exception as error:
        if not conn.in_transaction:  # SQLite gave up on all of it: a full or failing disk
            raise
        conn.execute("ROLLBACK TO job")
        return job.done, error, None
    else:
        timed(name_of(job.work), time.perf_counter() - began)
        return job.done, None, result
    finally:
        if conn.in_transaction:
            conn.execute("RELEASE job")


def name_of(work: Callable[..., object]) -> str:
    """The function behind a piece of work: `Credentials.join` for a lambda written in there."""
    while isinstance(work, partial):
        work = work.func
    return work.__qualname__.partition(".<locals>")[0]


def _resolve(results: Sequence[_Result]) -> None:
    for done, error, result in results:
        if done.cancelled():
            continue
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)


def _sync(path: Path) -> None:
    """Put the WAL on the disk. SQLite's locks are on other files: closing it sets none free."""
    descriptor = os.open(f"{path}-wal", os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- SQLite: a few threads read -----------------------------------------------------------


class Readers:
    """A few threads with a read-only connection each; a read sees one state of the file."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], threads: int = READERS) -> None:
        self._connect = connect
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="reader")
        self.timed: Timed = _untimed
        self.waiting = 0

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work` on a connection of its own; raises BusyError when too much waits."""
        if self.waiting >= MOST_WAITING:
            raise BusyError(f"{self.waiting} reads wait already; try again in a second")
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._do, work)
        finally:
            self.waiting -= 1

    def stop(self) -> None:
        """Finish what runs, drop what waits, close the connections."""
        self._pool.shutdown(cancel_futures=True)
        for conn in self._open:
            conn.close()

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        conn: sqlite3.Connection | None = getattr(self._local, "conn", None)
        if conn is None:
            conn = self._local.conn = self._connect()
            self._open.append(conn)
        conn.execute("BEGIN")
        began = time.perf_counter()
        try:
            return work(conn)
        finally:
            conn.execute("ROLLBACK")
            self.timed(name_of(work), time.perf_counter() - began)


# --- Loop hand-over ------------------------------------------------------------------------


class HandOver(Generic[T]):
    """Carries what another thread puts to the loop, in order.

    The first item wakes the loop at once; in a flood it looks by itself every `GATHER` seconds,
    because waking it for each handful costs more than the handful.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, take: Callable[[T], None]) -> None:
        self._loop = loop
        self._take = take
        self._items: deque[T] = deque()
        self._looking = False
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Hand `item` over; from any one thread. The caller bounds what it puts."""
        self._items.append(item)
        if not self._looking:
            self._looking = True
            with suppress(RuntimeError):  # the loop is closed: nobody is left to tell
                self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        self._timer = None
        if not self._items:
            self._looking = False  # before the last look: what comes from here on wakes us again
        for _ in range(len(self._items)):
            try:
                self._take(self._items.popleft())
            except Exception:
                log.exception("what a thread handed over could not be taken; the rest goes on")
        if self._looking and self._timer is None:
            self._timer = self._loop.call_later(GATHER, self._drain)


async def in_thread(call: Callable[[], T]) -> T:
    """Do what would block the loop in a thread of its own, which never holds up our end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def work() -> None:
        result: list[_Result] = []
        try:
            result.append((done, None, call()))
        except Exception as error:  # noqa: BLE001  it is the caller's, who awaits it
            result.append((done, error, None))
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(_resolve, result)

    threading.Thread(target=work, daemon=True, name="in_thread").start()
    return await done
