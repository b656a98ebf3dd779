"""The branch's lanes, on real files, a real broker, and a line that is cut."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest

from gateway.chain import Digest, Request, decode, encode
from gateway.core.digests import DAY, hour_digest, row_of
from gateway.store import bins, proofs
from gateway.upstream import draining, proving
from gateway.upstream.proving import date_of
from tests.chained import Broker, Listener, Relay, chain_broker, listening, relay_to
from tests.integration.conftest import Until
from tests.stored import Written, opened
from tests.upstream_branch import DAY_0, START, Branch, hour


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


@pytest.mark.parametrize(
    ("limit", "at_once"), [("max_packet_size 3000", 8), ("max_inflight_messages 2", 2)]
)
async def test_a_broker_gets_no_more_than_it_takes(
    branch: Branch, tmp_path: Path, until: Until, limit: str, at_once: int
) -> None:
    branch.store.store([b for h in range(24) for b in hour(START + h * 3600, machines=30)])
    await branch.copy()
    with chain_broker(tmp_path, f"allow_anonymous true\n{limit}") as small:
        async with relay_to(small.port) as relay:
            with listening(small.port) as hub:
                branch.current.clear()
                branch.connect(relay.url)
                await until(lambda: branch.link.state().state == "up")
                relay.swallows_answers = True
                branch.current.set()
                await until(lambda: branch.draining.in_flight >= 5)
                await asyncio.sleep(0.3)
                assert len(hub.said("/bins")) <= at_once
                await relay.cut()
                relay.swallows_answers = False
                await relay.mend()
                await until(lambda: branch.outbox.rows == 0)
                assert branch.link.connections == 2
    await branch.end()


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


@pytest.fixture
async def told(branch: Branch, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The topics of what is told; six days wait to be proven."""
    branch.store.store([b for day in range(-5, 1) for b in hour(START + day * DAY)])
    await branch.copy()
    branch.connect("mqtt://127.0.0.1:9")
    topics: list[str] = []

    async def send(topic: str, _payload: bytes, **_how: bool) -> None:
        topics.append(topic)

    monkeypatch.setattr(branch.link, "send", send)
    await branch.write(lambda conn: conn.execute("DELETE FROM outbox"))
    return topics


async def test_digests_that_are_unchanged_are_told_again_two_at_a_time(
    branch: Branch, told: list[str]
) -> None:
    for many in (6, 8, 10, 12, 12):
        await branch.proving._tell_all()
        assert len(told) == many
        branch.clock.now += proving.TOLD_EVERY
        if many == 6:
            branch.proving._said.clear()  # as after a start


async def test_each_connection_proves_the_last_two_days_again(
    branch: Branch, told: list[str], until: Until
) -> None:
    await branch.proving._tell_all()
    branch.clock.now += proving.TOLD_EVERY
    connection = asyncio.create_task(branch.proving.run())
    await until(lambda: len(told) > 6)
    connection.cancel()
    assert set(told[6:]) == {branch.proving._topic(START // DAY + ago) for ago in (-1, 0)}


async def test_a_digest_waits_until_its_date_is_known(
    branch: Branch, broker: Broker, hub: Listener, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proving, "TOLD_EVERY", 0.1)
    branch.clock.synchronised = False
    branch.store.store(hour())
    await branch.copy()
    branch.connect(broker.url)
    await until(lambda: len(hub.rows()) == 12)
    await asyncio.sleep(1.3)
    assert digests(hub) == []
    branch.clock.synchronised = True
    await until(lambda: digests(hub))


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


async def test_what_is_asked_for_again_and_again_is_written_down_once(branch: Branch) -> None:
    branch.store.store(hour())
    await branch.copy()
    branch.connect("mqtt://127.0.0.1:9")
    await branch.proving.ask(DAY_0, [0, 1, 1])
    before = branch.ledger.total_changes
    for _ in range(100):
        await branch.proving.ask(DAY_0, [1, 0])
    assert branch.ledger.total_changes == before
    assert branch.outbox.noted["asked"] == 2


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


async def test_hours_that_are_not_over_are_not_lost(branch: Branch) -> None:
    branch.store.store([*hour(), *hour(START + 3600)[:3]])
    await branch.copying.load()
    await branch.copy()
    branch.connect("mqtt://127.0.0.1:9")
    await branch.proving.ask(DAY_0, range(24), at_once=True)
    assert (await branch.write(lambda conn: proofs.read(conn, DAY_0))).notes.lost == ()
    assert branch.outbox.noted["declared"] == 0


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


async def test_what_was_settled_is_proven_anew_when_somebody_sends_it_again(branch: Branch) -> None:
    branch.store.store(hour())
    await branch.copy()
    branch.connect("mqtt://127.0.0.1:9")
    payload = proving._digest("g", DAY_0, proofs.Notes(), 0.0, branch.store.conn)
    await branch.write(lambda conn: proofs.told(conn, DAY_0, payload, 1))
    for _ in range(proving.MOST_TRIES + 1):
        await branch.proving.ask(DAY_0, [0], at_once=True)
    assert (await branch.write(lambda conn: proofs.read(conn, DAY_0))).notes.lost
    await branch.proving.resend(DAY_0, [0])  # an ACL was mended
    assert not (await branch.write(lambda conn: proofs.read(conn, DAY_0))).notes.lost


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


async def test_a_branch_that_changed_its_id_proves_its_days_anew(
    branch: Branch, broker: Broker, hub: Listener, until: Until
) -> None:
    branch.store.store(hour())
    await branch.copy()
    payload = proving._digest("old", DAY_0, proofs.Notes(), 0.0, branch.store.conn)
    await branch.write(lambda conn: proofs.told(conn, DAY_0, payload, 1))
    branch.connect(broker.url)
    await until(lambda: digests(hub))  # of "g": else it could not be read
    hub.publish("gyms/g/request", encode(Request(gym_id="g", id="1", day="2025-11-08", hours=(0,))))
    await until(lambda: len(hub.rows()) == 24)


async def test_days_of_a_future_are_not_proven(
    branch: Branch, broker: Broker, hub: Listener, until: Until
) -> None:
    branch.store.store([*hour(), *hour(START + 3650 * DAY)])
    await branch.copy()
    branch.connect(broker.url)
    await until(lambda: branch.outbox.rows == 0 and digests(hub))
    branch.proving.ring()
    await asyncio.sleep(1.3)
    assert [told.day for told in digests(hub)] == [date_of(DAY_0)]


async def test_what_a_clock_that_ran_ahead_proved_is_taken_back_once_it_is_put_back(
    branch: Branch,
    broker: Broker,
    hub: Listener,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ahead = START + 365 * DAY
    monkeypatch.setattr(branch.clock, "wall", lambda: branch.clock.now + 365 * DAY)
    branch.store.store(hour(ahead))
    await branch.copy()
    branch.connect(broker.url)
    await until(lambda: digests(hub))
    monkeypatch.undo()
    branch.proving.ring()
    topic = f"gyms/g/digest/{date_of(ahead // DAY)}"
    await until(lambda: (topic, b"") in hub.heard)


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
