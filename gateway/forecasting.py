"""Keeps the forecast up with the log: by cursor, saved each hour, caught up at a start."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, TypeVar

from gateway.core.clock import Clock
from gateway.core.events import Cursor, Event
from gateway.core.forecast import HORIZON, Forecast, Prediction
from gateway.core.forecast_state import restore, saved
from gateway.readmodel import ReadModel
from gateway.store import forecast as table

T = TypeVar("T")
PAGE = 500  # events at once: 10 ms of the loop's time on a PC, and then a pause
PAUSE = 0.05  # seconds between pages: years of history are caught up in the background
SAVED_EACH = 3600.0  # seconds; what a kill costs is read again
LOOKED_EACH = 60.0  # seconds: a clock that has become known is noticed by then
KEPT = 15.0  # seconds that a prediction serves: lists are asked for by a hundred phones

log = logging.getLogger(__name__)


class Write(Protocol):
    """Do a piece of writing in the ledger's next transaction."""

    async def __call__(self, work: Callable[[sqlite3.Connection], T], /) -> T:
        """Return what `work` returns, once it is committed."""


class Forecasting:
    """One task: it learns each event once, in order, and only with a clock that can be trusted."""

    def __init__(
        self,
        forecast: Forecast,
        model: ReadModel,
        clock: Clock,
        write: Write,
        replaces: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`replaces`: machine → the one of the past that it stands in for."""
        self._forecast = forecast
        self._replaces = replaces
        self._model = model
        self._clock = clock
        self._write = write
        self._bell = asyncio.Event()
        self._cursor: Cursor | None = None
        self._saved_at = clock.monotonic()
        self._kept: dict[tuple[str, float], tuple[float, Prediction | None]] = {}

    def ring(self, _events: Sequence[Event] = ()) -> None:
        """There is something to learn."""
        self._bell.set()

    async def run(self) -> None:
        """For ever."""
        if self._cursor is None:
            await self._load()
        while True:
            self._bell.clear()
            if self._clock.synchronised and not self._clock.assumed:
                await self._catch_up()
            await self._sleep()

    def follow(self, replaces: Mapping[str, str]) -> None:
        """Machines that are new take on the past of those they stand in for."""
        for machine, older in replaces.items():
            if machine not in self._replaces:
                self._forecast.inherit(machine, older)
        self._replaces = replaces

    async def stop(self) -> None:
        """Save what was learned; an orderly end."""
        if self._cursor is not None:
            await self._save(self._cursor)

    def predict(self, machine: str, horizon: float = HORIZON) -> Prediction | None:
        """None: we cannot know. At most 15 s old."""
        now, key = self._clock.wall(), (machine, horizon)
        at, known = self._kept.get(key, (float("-inf"), None))
        if not 0 <= now - at < KEPT:
            known = self._forecast.predict(machine, now, horizon) if self._may_tell() else None
            self._kept[key] = now, known
        return known

    def predict_any(self, machines: Iterable[str]) -> Prediction | None:
        """For the first of several."""
        now = self._clock.wall()
        return self._forecast.predict_any(machines, now) if self._may_tell() else None

    def _may_tell(self) -> bool:
        return self._cursor is not None and self._clock.synchronised

    async def _load(self) -> None:
        cursor, rows = await self._write(table.load)
        try:
            restore(self._forecast, rows)
        except (ValueError, IndexError) as error:
            log.warning("the forecast begins anew (%s)", error)
            cursor = None
        for machine, older in self._replaces.items():
            self._forecast.inherit(machine, older)
        self._cursor = cursor or Cursor("", 0)

    async def _catch_up(self) -> None:
        newest = self._model.snapshot().cursor
        while self._cursor != newest:
            known = self._cursor if self._cursor and self._cursor.epoch else None
            page = await self._model.page(known, PAGE)
            for event in page.events:
                self._learn(event)
                self._forget(event.machine)
            self._cursor = page.cursor
            newest = self._model.snapshot().cursor
            if len(page.events) == PAGE:
                await asyncio.sleep(PAUSE)
        now = self._clock.monotonic()
        if now - self._saved_at > SAVED_EACH and self._cursor is not None:
            await self._save(self._cursor)
            self._saved_at = now

    def _learn(self, event: Event) -> None:
        if event.synchronised:
            self._forecast.follow(event.timestamp)
            self._forecast.learn(event.machine, event.status, event.last_change)
        else:
            self._forecast.lose(event.machine)

    def _forget(self, machine: str) -> None:
        """What was foretold of it is not so any more."""
        for key in [key for key in self._kept if key[0] == machine]:
            del self._kept[key]

    async def _save(self, cursor: Cursor) -> None:
        if not cursor.epoch:
            return
        self._forecast.keep_only([view.machine for view in self._model.snapshot().machines])
        rows = saved(self._forecast)
        await self._write(lambda conn: table.save(conn, cursor, rows))

    async def _sleep(self) -> None:
        try:
            async with asyncio.timeout(LOOKED_EACH):
                await self._bell.wait()
        except TimeoutError:
            return
