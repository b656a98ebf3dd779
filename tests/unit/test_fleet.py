"""A made-up chain: its figures follow from names alone, its branches do as real ones."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from gateway.chain import (
    Bins,
    Branch,
    Digest,
    Request,
    Summary,
    bins_of,
    decode,
    encode,
    rows_of,
)
from gateway.core.digests import DAY, HOUR, Row, hour_digest
from gateway.fleet.figures import (
    QUARTER,
    before_correction,
    gym_id,
    hour_at,
    machine_ids,
    row_at,
    rows_at,
)
from gateway.fleet.fleet import FleetBranch
from gateway.fleet.past import Past
from gateway.fleet.play import Pace, Plan, Tally

GYM = gym_id(7)
NOON = 1_795_435_200  # 2026-11-23 12:00 UTC
MACHINES = machine_ids(5)


class StandingClock:
    """A clock that tests set."""

    offset = 0.0
    synchronised = True
    assumed = False

    def __init__(self, at: float) -> None:
        self.at = at

    def monotonic(self) -> float:
        return self.at

    def wall(self) -> float:
        return self.at


class Broker:
    """Acknowledges, or loses the line at the n-th message from now."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.cut_at = -1

    async def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        assert retain is (not topic.endswith("/bins"))
        self.cut_at -= 1
        if self.cut_at == 0:
            raise ConnectionResetError
        self.heard.append((topic, payload))
        await asyncio.sleep(0)

    def rows(self) -> list[Row]:
        told = [payload for topic, payload in self.heard if topic.endswith("/bins")]
        return [row for payload in told for row in rows_of(decode(Bins, payload, GYM))]

    def newest(self, kind: str) -> bytes:
        return [payload for topic, payload in self.heard if kind in topic][-1]


def plan(hours: float = 3) -> Plan:
    return Plan(1, MACHINES, NOON, NOON + int(hours * HOUR))


def past(broker: Broker, what: Plan, clock: StandingClock | None = None) -> Past:
    pace = Pace(clock or StandingClock(NOON + DAY), 1.0, 0.0)
    return Past(GYM, what, pace, broker.send, Tally())


async def run(lane: Callable[..., Coroutine[Any, Any, None]], *given: object) -> None:
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(0.2):
            await lane(*given)


def current() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


def newest(rows: list[Row]) -> list[Row]:
    """Of each bin the highest revision, as a hub keeps it."""
    kept = {(row.machine, row.start): row for row in sorted(rows, key=lambda row: row.revision)}
    return sorted(kept.values(), key=lambda row: (row.start, row.machine))


def everything(hours: int = 3) -> list[Row]:
    starts = range(NOON, NOON + hours * HOUR, QUARTER)
    return [row for start in starts for row in rows_at(1, GYM, MACHINES, start)]


def test_a_bin_follows_from_its_names_alone() -> None:
    assert row_at(1, "sim-0007", "machine-003", NOON) == Row("machine-003", NOON, 0, 2986, 9000, 1)
    assert row_at(2, "sim-0007", "machine-003", NOON) != row_at(1, "sim-0007", "machine-003", NOON)


def test_every_bin_keeps_the_rules_of_a_chain() -> None:
    rows = [row_at(1, GYM, MACHINES[0], start) for start in range(0, 2000 * QUARTER, QUARTER)]
    both = [*map(before_correction, rows), *rows]
    for at in range(0, len(both), 500):
        some = both[at : at + 500]
        assert rows_of(decode(Bins, encode(bins_of(GYM, some)), GYM)) == some
    assert {row.revision for row in rows} == {0, 1}
    assert 1 < sum(row.observed < 9000 for row in rows) < 100


async def test_a_fleets_branch_sends_all_bins_of_its_plan_and_proves_them() -> None:
    broker, what = Broker(), plan()
    branch = past(broker, what)
    await run(branch.run, current())
    assert newest(broker.rows()) == everything()
    told = decode(Digest, broker.newest("digest"), GYM)
    proven = [hour_at(1, GYM, MACHINES, NOON + n * HOUR) for n in range(3)]
    assert [*told.hours[12:15]] == proven
    assert proven[0] == hour_digest(everything(1))
    assert branch.done.is_set()


async def test_a_message_holds_all_the_rows_that_fit_and_none_of_the_next_day() -> None:
    broker, clock = Broker(), StandingClock(NOON + 3 * DAY)
    await run(past(broker, Plan(1, MACHINES, NOON, NOON + 2 * DAY), clock).run, current())
    sizes = [len(decode(Bins, told, GYM).bins) for topic, told in broker.heard if "bins" in topic]
    assert [size for size in sizes if size > 100] == [48 * 5, 96 * 5, 48 * 5]


@pytest.mark.parametrize("cut", range(1, 12))
async def test_what_was_not_acknowledged_goes_again(cut: int) -> None:
    broker, what = Broker(), plan(2)
    branch, broker.cut_at = past(broker, what), cut
    for _ in range(2):
        await run(branch.run, current())
    assert newest(broker.rows()) == everything(2)
    assert decode(Digest, broker.newest("digest"), GYM).hours[13] is not None


async def test_what_the_hub_asks_for_goes_again_once_an_hour() -> None:
    broker = Broker()
    branch = past(broker, plan())
    await run(branch.run, current())
    broker.heard.clear()
    asked = encode(Request(gym_id=GYM, id="a", day="2026-11-23", hours=(13,)))
    branch.hear(asked)
    branch.hear(asked)
    branch.hear(b"nonsense")
    await run(branch.answer)
    assert broker.rows() == everything()[20:40]
    assert [topic for topic, _ in broker.heard][1:] == [f"gyms/{GYM}/digest/2026-11-23"]


async def test_no_bin_goes_before_it_is_closed() -> None:
    broker, clock = Broker(), StandingClock(NOON + 2 * QUARTER + 100.0)
    await run(past(broker, Plan(1, MACHINES, NOON, None), clock).run, current())
    assert {row.start for row in broker.rows()} == {NOON, NOON + QUARTER}


async def test_the_live_summary_goes_first_and_counts_every_machine() -> None:
    broker, pace = Broker(), Pace(StandingClock(NOON + 300.0), 1.0, 0.0)
    branch = FleetBranch(GYM, Plan(1, MACHINES, NOON - HOUR, NOON), pace, broker.send, Tally())
    lanes = [asyncio.ensure_future(lane()) for lane in branch.lanes]
    await asyncio.wait(lanes, timeout=0.2)
    for lane in lanes:
        lane.cancel()
    kinds = [topic.split("/")[2] for topic, _ in broker.heard[:4]]
    assert (sorted(kinds[:3]), kinds[3]) == (["branch", "gateway", "summary"], "bins")
    told = decode(Summary, broker.newest("summary"), GYM)
    used = {m for m, (status, *_) in told.machines.items() if status == "occupied"}
    assert sum(one.occupied for one in told.categories) == len(used)
    assert sum(one.total for one in told.categories) == 5
    assert len(decode(Branch, broker.newest("/branch"), GYM).machines) == 5


def test_the_branches_time_is_never_ahead_of_ours() -> None:
    clock = StandingClock(NOON)
    pace = Pace(clock, 4.0, 600.0)
    assert pace.now() == NOON - 1800
    clock.at += 600
    assert (pace.now(), clock.at + 600 - NOON) == (NOON + 600, 1200)
    clock.at += 600
    assert pace.now() == clock.at
