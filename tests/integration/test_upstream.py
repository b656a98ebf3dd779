"""The branch's lanes, on real files, a real broker, and a line that is cut."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from gateway.chain import Digest, Request, decode, encode
from gateway.core.bins import Bin
from gateway.core.digests import DAY, hour_digest, row_of
from gateway.core.events import Cursor
from gateway.ports.upstream_link import Login, UpstreamLink
from gateway.store import bins, outbox, proofs, schema
from gateway.upstream import draining, proving
from gateway.upstream.copying import Copying
from gateway.upstream.draining import Draining
from gateway.upstream.outbox import Outbox
from gateway.upstream.proving import Proving, date_of
from tests.chained import Broker, Listener, Relay, chain_broker, listening, relay_to
from tests.integration.conftest import Until
from tests.stored import Written, opened

T = TypeVar("T")
DAY_0 = 20_400  # 2025-11-08
START = DAY_0 * DAY
MANY = 4_000_000  # bytes


class Clock:
    offset = 0.0
    synchronised = True
    assumed = False
    now = float(START + 2 * DAY)

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


def hour(start: int = START, machines: int = 3, occupied: float = 300.0) -> list[Bin]:
    starts = range(start, start + 3600, 900)
    return [Bin(f"m{m}", at, occupied + m, 900.0, 1) for at in starts for m in range(machines)]


class Branch:
    """History, ledger and all that stands between them and the broker's url."""

    def __init__(self, folder: Path, store: Written, *, max_bytes: int = MANY) -> None:
        self.store, self.clock = store, Clock()
        self.ledger = schema.open_to_write(folder / "ledger.db", schema.ledger)
        self.outbox = Outbox(self.write, self.clock, max_bytes, 90)
        self.copying = Copying(self.read, self.outbox)
        self.current = asyncio.Event()
        self.current.set()
        self._tasks: list[asyncio.Task[None]] = []

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return work(self.store.conn)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self.ledger.execute("BEGIN IMMEDIATE")
        result = work(self.ledger)
        self.ledger.execute("COMMIT")
        return result

    async def copy(self) -> None:
        """Whatever the history has that was not copied."""
        await self.copying.load()
        while await self.copying._copy():
            pass

    def waiting(self) -> list[Bin]:
        found = outbox.take(self.ledger, None, 100_000)
        return [
            Bin(r.machine, r.start, r.occupied / 10, r.observed / 10, r.sessions, r.revision)
            for _, r in found
        ]

    def connect(self, url: str) -> None:
        """Drain and prove as long as there is a line."""
        self.link = UpstreamLink("gym-g", Login(url), ("gyms/g/gateway", b"offline"), self._hear)
        self.draining = Draining("g", self.link, self.outbox, 1000.0)
        self.proving = Proving("g", self.read, self.write, self.link, self.outbox, self.clock)
        self.outbox.settled = self.proving.ring
        self._tasks.append(asyncio.create_task(self.link.run(self._serve)))

    async def _serve(self) -> None:
        self.link.subscribe([("gyms/g/request", 1)])
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.draining.run(self.current))
                tasks.create_task(self.proving.run())
        except* ConnectionError:
            pass

    def _hear(self, _topic: str, payload: bytes) -> None:
        self._tasks.append(asyncio.create_task(self.proving.hear(payload)))

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.ledger.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Written]:
    with opened(tmp_path / "history.db") as store:
        yield store


@pytest.fixture
async def branch(tmp_path: Path, store: Written) -> AsyncIterator[Branch]:
    branch = Branch(tmp_path, store)
    yield branch
    await branch.end()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with chain_broker(tmp_path) as broker:
        yield broker


@pytest.fixture
def hub(broker: Broker) -> Iterator[Listener]:
    with listening(broker.port) as hub:
        yield hub


@pytest.fixture
async def relay(broker: Broker) -> AsyncIterator[Relay]:
    async with relay_to(broker.port) as relay:
        yield relay


# --- from the history into the outbox ---------------------------------------------------------


async def test_what_is_closed_is_copied_and_nothing_twice(branch: Branch) -> None:
    branch.store.store(hour())
    await branch.copy()
    assert branch.waiting() == hour()
    branch.ledger.execute("DELETE FROM outbox")
    branch.store.store(hour(START + 3600))
    await branch.copy()
    assert branch.waiting() == hour(START + 3600)


async def test_a_correction_is_copied_with_its_revision(branch: Branch) -> None:
    branch.store.store(hour(machines=1))
    await branch.copy()
    branch.store.store([Bin("m0", START, 1.0, 900.0, 1)])
    await branch.copy()
    assert branch.waiting()[0] == Bin("m0", START, 1.0, 900.0, 1, revision=1)
    assert len(branch.waiting()) == 4


async def test_a_first_copy_takes_packed_days_too(branch: Branch) -> None:
    branch.store.store([*hour(), *hour(START + 4 * DAY)])
    assert branch.store.do(lambda conn: bins.pack(conn, START + 4 * DAY))
    await branch.copy()
    assert branch.waiting() == [*hour(), *hour(START + 4 * DAY)]


async def test_a_first_copy_begins_where_the_outbox_does(branch: Branch) -> None:
    branch.store.store([*hour(), *hour(START + 91 * DAY)])
    assert branch.store.do(lambda conn: bins.pack(conn, START + 91 * DAY))
    await branch.copy()
    assert branch.waiting() == hour(START + 91 * DAY)


async def test_more_than_a_transactions_worth_is_copied_in_pieces(branch: Branch) -> None:
    branch.store.store([b for h in range(24) for b in hour(START + h * 3600, machines=30)])
    await branch.copy()
    assert branch.outbox.rows == len(branch.waiting()) == 2880


@pytest.mark.parametrize("cursor", [Cursor("another", 3), Cursor("", 99_999_999)])
async def test_after_a_restore_all_that_is_loose_is_copied_again(
    branch: Branch, cursor: Cursor
) -> None:
    branch.store.store(hour())
    await branch.copy()
    branch.ledger.execute("DELETE FROM outbox")
    await branch.write(lambda conn: outbox.advance(conn, cursor))
    await branch.copy()
    assert branch.waiting() == hour()


async def test_a_number_that_went_back_is_a_restore(branch: Branch) -> None:
    branch.store.store(hour())
    await branch.copy()
    branch.ledger.execute("DELETE FROM outbox")
    branch.ledger.execute("UPDATE cursors SET seq = 1000")
    await branch.copy()
    assert branch.waiting() == hour()


async def test_days_that_nobody_copied_are_proven_too(branch: Branch) -> None:
    branch.store.store([*hour(), *hour(START + 2 * DAY), *hour(START + 4 * DAY)])
    branch.store.do(lambda conn: bins.pack(conn, START + 5 * DAY))
    await branch.write(lambda conn: outbox.advance(conn, Cursor("e", 24)))
    await branch.copying.load()
    assert await branch.write(proofs.days) == {DAY_0 + n: 1 for n in range(5)}


async def test_rows_and_place_are_one_transaction(branch: Branch) -> None:
    branch.store.store(hour())
    branch.ledger.execute(
        "CREATE TRIGGER no BEFORE INSERT ON cursors BEGIN SELECT raise(FAIL, 'full'); END"
    )
    with pytest.raises(sqlite3.Error):
        await branch.copy()
    branch.ledger.execute("ROLLBACK")
    assert branch.waiting() == []


async def test_what_is_full_is_merged_and_counted(tmp_path: Path, store: Written) -> None:
    branch = Branch(tmp_path, store, max_bytes=400 * outbox.ROW_BYTES)
    for day in range(6):
        store.store([b for h in range(24) for b in hour(START + day * DAY + h * 3600, machines=1)])
    await branch.copy()
    assert branch.outbox.rows == len(outbox.take(branch.ledger, None, 1000)) <= 400
    seconds = [one.row.seconds for one in outbox.take(branch.ledger, None, 1000)]
    assert set(seconds) == {3600, 900}
    assert sum(seconds) == 6 * DAY
    assert branch.outbox.noted == {"merged": seconds.count(3600) * 4, "dropped": 0, "declared": 0}
    await branch.end()


async def test_what_is_too_old_goes_and_is_declared(branch: Branch) -> None:
    branch.store.store(hour())
    await branch.copy()
    branch.clock.now += 91 * DAY
    branch.store.store(hour(START + 91 * DAY))
    while await branch.copying._copy():
        pass
    assert branch.waiting() == hour(START + 91 * DAY)
    assert branch.outbox.noted == {"merged": 0, "dropped": 12, "declared": 12}


async def test_a_clock_that_jumps_makes_nothing_too_old(branch: Branch) -> None:
    branch.store.store(hour())
    await branch.copy()
    branch.store.store(hour(START + 91 * DAY))
    while await branch.copying._copy():
        pass
    assert branch.waiting() == [*hour(), *hour(START + 91 * DAY)]


# --- over the line ------------------------------------------------------------------------------


async def test_all_arrives_oldest_first_and_leaves_the_outbox(
    branch: Branch, broker: Broker, hub: Listener, until: Until
) -> None:
    branch.store.store([b for h in range(24) for b in hour(START + h * 3600, machines=30)])
    await branch.copy()
    branch.connect(broker.url)
    await until(lambda: branch.outbox.rows == 0 and len(hub.rows()) == 2880)
    starts = [row[1] for row in hub.rows()]
    assert starts == sorted(starts)
    assert [len(told["bins"]) for told in hub.said("/bins")] == [500] * 5 + [380]
    assert branch.waiting() == []


async def test_what_was_not_acknowledged_when_the_line_was_cut_is_sent_again(
    branch: Branch, hub: Listener, relay: Relay, until: Until
) -> None:
    branch.store.store(hour())
    branch.connect(relay.url)
    await until(lambda: branch.link.state().state == "up")
    relay.swallows_answers = True
    await branch.copy()
    await until(lambda: len(hub.rows()) == 12)
    assert branch.outbox.rows == 12
    await relay.cut()
    relay.swallows_answers = False
    await relay.mend()
    await until(lambda: branch.outbox.rows == 0)
    assert hub.rows() == [*hub.rows()[:12], *hub.rows()[:12]]  # twice the same: a duplicate


async def test_cuts_at_any_moment_lose_nothing(
    branch: Branch, hub: Listener, relay: Relay, until: Until
) -> None:
    written = [b for h in range(24) for b in hour(START + h * 3600, machines=90)]
    branch.store.store(written)
    await branch.copy()
    branch.connect(relay.url)
    branch.draining.rate = 50.0
    for _ in range(3):
        enough = relay.carried + 20_000
        await until(partial(lambda least: relay.carried > least, enough))
        await relay.cut()
        await relay.mend()
    await until(lambda: branch.outbox.rows == 0)
    await until(lambda: len({row[:4] for row in hub.rows()}) == len(written))


async def test_nothing_old_goes_before_the_live_summary(
    branch: Branch, broker: Broker, hub: Listener, until: Until
) -> None:
    branch.current.clear()
    branch.store.store(hour())
    await branch.copy()
    branch.connect(broker.url)
    await until(lambda: branch.link.state().state == "up")
    await asyncio.sleep(0.3)
    assert hub.rows() == []
    branch.current.set()
    await until(lambda: len(hub.rows()) == 12)


async def test_no_more_is_under_way_than_the_window_holds(
    branch: Branch, relay: Relay, until: Until
) -> None:
    branch.store.store([b for h in range(24) for b in hour(START + h * 3600, machines=60)])
    await branch.copy()
    branch.connect(relay.url)
    await until(lambda: branch.link.state().state == "up")
    relay.swallows_answers = True
    await until(lambda: branch.draining.in_flight >= draining.IN_FLIGHT - 1)
    await asyncio.sleep(0.3)
    assert branch.draining.in_flight <= draining.IN_FLIGHT


async def test_a_broker_that_refuses_our_bins_gets_them_later(
    branch: Branch, tmp_path: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining, "AFTER_REFUSAL", 0.1)
    acl = tmp_path / "acl"
    acl.write_text("topic read #\n")
    with chain_broker(tmp_path, f"allow_anonymous true\nacl_file {acl}") as strict:
        branch.store.store(hour())
        await branch.copy()
        branch.connect(strict.url)
        await until(lambda: "mend its ACL" in branch.link.state().problem)
        assert branch.outbox.rows == 12
        acl.write_text("topic readwrite #\n")
        strict.reload()
        await until(lambda: branch.outbox.rows == 0)
        assert branch.link.state().problem == ""


# --- the proof ----------------------------------------------------------------------------------


def digests(hub: Listener) -> list[Digest]:
    told = [payload for topic, payload in hub.heard if "/digest/" in topic and payload]
    return [decode(Digest, payload, "g") for payload in told]


async def test_both_ends_reckon_the_same_digest(
    branch: Branch, broker: Broker, hub: Listener, until: Until
) -> None:
    branch.store.store([*hour(), *hour(START + 3600)[:6]])
    await branch.copy()
    branch.connect(broker.url)
    await until(lambda: digests(hub))
    (told,) = digests(hub)
    rows = [row_of(one) for one in hour()]
    assert told.day == date_of(DAY_0) == "2025-11-08"
    assert told.hours[0] == hour_digest(rows)
    assert told.hours[1:] == (None,) * 23  # one is still open, the others have nothing
    assert told.lost == ()


async def test_a_digest_comes_after_what_it_proves(
    branch: Branch, broker: Broker, hub: Listener, until: Until
) -> None:
    branch.current.clear()
    branch.store.store(hour())
    await branch.copy()
    branch.connect(broker.url)
    await asyncio.sleep(0.5)
    assert digests(hub) == []
    branch.current.set()
    await until(lambda: digests(hub))
    words = [topic.split("/")[2] for topic, _ in hub.heard]
    assert words.index("bins") < words.index("digest")


async def test_what_the_hub_asks_for_is_sent_again_and_proven_anew(
    branch: Branch, broker: Broker, hub: Listener, until: Until
) -> None:
    branch.store.store([*hour(), *hour(START + 3600), *hour(START + 4 * DAY)])
    branch.store.do(lambda conn: bins.pack(conn, START + 4 * DAY))
    await branch.copy()
    branch.connect(broker.url)
    await until(lambda: len(digests(hub)) == 2)
    branch.clock.now += proving.TOLD_EVERY
    hub.publish("gyms/g/request", encode(Request(gym_id="g", id="1", day="2025-11-08", hours=(1,))))
    await until(lambda: len(digests(hub)) == 3)
    again = hub.rows()[36:]
    assert [(r[0], r[1]) for r in again] == [(b.machine, b.start) for b in hour(START + 3600)]
    assert digests(hub)[2].hours == digests(hub)[0].hours


async def test_a_day_is_answered_once_an_hour(
    branch: Branch, broker: Broker, hub: Listener, until: Until
) -> None:
    branch.store.store([*hour(), *hour(START + 3600)])
    await branch.copy()
    branch.connect(broker.url)
    await until(lambda: digests(hub))
    await branch.proving.ask(DAY_0, [0])
    await until(lambda: len(hub.rows()) == 36)
    await branch.proving.ask(DAY_0, [1])
    await asyncio.sleep(1.3)
    assert len(hub.rows()) == 36
    branch.clock.now += proving.ANSWERED_EVERY
    branch.proving.ring()
    await until(lambda: len(hub.rows()) == 48)


async def test_what_is_purged_is_declared_lost(
    branch: Branch, broker: Broker, hub: Listener, until: Until
) -> None:
    branch.store.store([*hour(), *hour(START + 3600)])
    await branch.copy()
    branch.connect(broker.url)
    await until(lambda: digests(hub))
    branch.store.conn.execute("DELETE FROM bins WHERE start < ?", [START + 1800])
    branch.clock.now += proving.TOLD_EVERY
    await branch.proving.ask(DAY_0, [0])
    await until(lambda: len(digests(hub)) == 2)
    (lost,) = digests(hub)[1].lost
    assert (lost.hour, lost.bins, lost.reason) == (0, 6, proving.PURGED)
    assert branch.outbox.noted["declared"] == 6


async def test_what_cannot_be_mended_is_settled_after_a_few_tries(branch: Branch) -> None:
    branch.store.store(hour())
    await branch.copy()
    branch.connect("mqtt://127.0.0.1:9")
    payload = proving._digest("g", DAY_0, proofs.Notes(), 0.0, branch.store.conn)
    await branch.write(lambda conn: proofs.told(conn, DAY_0, payload, 1))
    for tries in range(proving.MOST_TRIES + 1):
        assert "declared" not in branch.outbox.noted or not branch.outbox.noted["declared"], tries
        await branch.proving.ask(DAY_0, [0], at_once=True)
    assert branch.outbox.noted["declared"] == 12


async def test_days_that_are_too_old_are_cleared(
    branch: Branch, broker: Broker, hub: Listener, until: Until
) -> None:
    branch.store.store(hour())
    await branch.copy()
    branch.connect(broker.url)
    await until(lambda: digests(hub))
    branch.store.store(hour(START + 91 * DAY))
    branch.clock.now += 91 * DAY
    while await branch.copying._copy():
        pass
    await until(lambda: ("gyms/g/digest/2025-11-08", b"") in hub.heard)
    with listening(broker.port) as later:
        await until(lambda: digests(later))
        assert [told.day for told in digests(later)] == [date_of(DAY_0 + 91)]


async def test_a_request_that_makes_no_sense_is_counted(branch: Branch) -> None:
    branch.connect("mqtt://127.0.0.1:9")
    for payload in (
        b"",
        b"{}",
        b'{"v":2}',
        b'{"v":1,"gymId":"g","id":"1","day":"2025-13-45","hours":[1]}',
    ):
        await branch.proving.hear(payload)
    assert branch.proving.refused == 4
