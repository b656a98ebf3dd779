"""How right the forecast is on real sessions, beside three yardsticks; and what it costs."""

import gzip
import time
import tracemalloc
from bisect import bisect_left
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.cli.forecast import events_of
from gateway.core.events import Status
from gateway.core.forecast import Forecast
from gateway.core.forecast_judged import Events, Judged, judge
from tests.bench.harness import Row

CAPTURE = Path(__file__).parents[1] / "captures/rapid_chargers.csv.gz"
ZONE = ZoneInfo("Europe/London")
UNTIL = datetime(2018, 7, 9, tzinfo=ZONE).timestamp()  # the last 4 of 17 weeks are judged
HALVED = datetime(2018, 6, 25, tzinfo=ZONE).timestamp()  # two weeks before
WEEK = 7 * 86_400.0
HALF_HOUR = 1800.0
MACHINES = 100
YARDSTICKS = ("logistic", "climatology", "persistence")


def bench(short: bool) -> list[Row]:
    """Every question in time order: nothing later than its moment was learned.

    The shipped coefficients were fitted on the weeks before those that are judged.
    """
    every = 7200.0 if short else 600.0
    with gzip.open(CAPTURE, "rt", encoding="utf-8") as file:
        events = events_of(file, ZONE)
    whole = _judge(events, every)
    return [
        *(row for name in YARDSTICKS for row in _beside(whole, name)),
        Row("worst decile: foretold against came true", whole.miscalibration, "", target="≤ .03"),
        _one("after one week of history", _judge(_since(events, UNTIL - WEEK), every), "< .137"),
        _one("use halved two weeks before", _judge(_halved(events), every), "< logistic"),
        *_cost(1 if short else 20),
    ]


def _judge(events: Events, every: float) -> Judged:
    return judge(events, UNTIL, HALF_HOUR, every, ZONE)


def _beside(judged: Judged, name: str) -> list[Row]:
    score = {one.name: one for one in judged.scores}
    ours, theirs = score["ours"], score[name]
    return [
        Row(f"Brier, {judged.samples:,} questions", ours.all, "", name, theirs.all, "< it"),
        Row("  of those that are busy", ours.busy, "", name, theirs.busy, "< it"),
        Row("  of those that are free", ours.free, "", name, theirs.free),
    ]


def _one(name: str, judged: Judged, target: str) -> Row:
    score = {one.name: one.all for one in judged.scores}
    return Row(f"Brier, {name}", score["ours"], "", "logistic", score["logistic"], target)


def _since(events: Events, start: float) -> Events:
    return {name: of[bisect_left(of, (start,)) :] for name, of in events.items()}


def _halved(events: Events) -> Events:
    """From then on every second session did not happen."""
    return {name: _thin(list(of)) for name, of in events.items()}


def _thin(of: list[tuple[float, bool]]) -> list[tuple[float, bool]]:
    found, session = [], 0
    for at, busy in of:
        session += busy
        if at < HALVED or session % 2:
            found.append((at, busy))
    return found


# --- what it costs ------------------------------------------------------------------------------


def _cost(weeks: int) -> list[Row]:
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    forecast = Forecast(ZONE)
    updates = MACHINES * weeks * 84
    _learn(forecast, weeks)
    state = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    now = weeks * WEEK + HALF_HOUR
    again = Forecast(ZONE)
    return [
        Row("state of 100 machines", state / 2**20, "MiB", target="≤ 5 MiB"),
        Row("update", _micro(lambda: _learn(again, weeks), updates), "µs", target="≤ 50 µs"),
        Row("forecast", _micro(lambda: _ask(forecast, now), MACHINES), "µs", target="≤ 100 µs"),
    ]


def _learn(forecast: Forecast, weeks: int) -> None:
    """Six sessions a day on each machine."""
    for turn in range(weeks * 42):
        for number in range(MACHINES):
            at = turn * 14_400.0 + number * 37
            forecast.learn(f"m{number}", Status.OCCUPIED, at)
            forecast.learn(f"m{number}", Status.FREE, at + 900 + number * 13)


def _ask(forecast: Forecast, now: float) -> None:
    for number in range(MACHINES):
        forecast.predict(f"m{number}", now)


def _micro(work: Callable[[], object], count: int) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) / count * 1e6
