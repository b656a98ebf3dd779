"""The two lanes: the newest summary only, at most so often; the backlog at its budget."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from gateway.chain import Branch, Summary
from gateway.core.digests import Row
from gateway.ports.upstream_connection import EndedError
from gateway.ports.upstream_link import (
    DEAD_LONGEST,
    MOST_BRIEF,
    OPENS_AFTER,
    REFUSED_LONGEST,
    RESTS,
    V311,
    Login,
    UpstreamLink,
)
from gateway.store.outbox import Key, Waiting
from gateway.upstream import live
from gateway.upstream.draining import SPREAD, Draining
from gateway.upstream.live import Live


class Line:
    """Acknowledges as soon as it is let."""

    largest = 65_536

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.refuses = False
        self.answers = asyncio.Event()
        self.answers.set()

    async def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        assert retain == (not topic.endswith("bins"))
        if self.refuses:
            raise PermissionError("not authorised")
        self.sent.append((topic.rpartition("/")[2], payload))
        await self.answers.wait()

    def subscribe(self, topics: Sequence[tuple[str, int]]) -> None: ...

    def unsubscribe(self, topics: Sequence[str]) -> None: ...

    def words(self) -> list[str]:
        return [word for word, _ in self.sent]


class Rig:
    def __init__(self) -> None:
        self.line = Line()
        self.seq = 0
        self.live = Live("g", self.line, self._branch, self._summary)

    def _branch(self) -> Branch:
        return Branch(gym_id="g", name="G", timezone="UTC", categories=(), machines=())

    def _summary(self) -> Summary:
        return Summary(
            gym_id="g", epoch="e", seq=self.seq, as_of=0.0, open=True, machines={}, categories=()
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.live.run())
        await turns()
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def turns(count: int = 20) -> None:
    """Let everybody go on until nothing but time is waited for."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr(live, "AT_MOST_EVERY", 0.02)
    return Rig()


async def test_a_connection_begins_with_who_we_are_and_how_we_stand(rig: Rig) -> None:
    async with rig.running():
        assert sorted(rig.line.words()) == ["branch", "gateway", "summary"]
        assert rig.live.current.is_set()


async def test_what_changes_within_a_moment_is_one_summary_of_the_newest(rig: Rig) -> None:
    async with rig.running():
        for number in range(100):
            rig.seq = number
            rig.live.ring([])
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        assert rig.line.words()[3:] == ["summary"]
        assert b'"seq":99' in rig.line.sent[-1][1]


async def test_while_one_is_not_acknowledged_no_other_is_sent(rig: Rig) -> None:
    rig.line.answers.clear()
    async with rig.running():
        assert not rig.live.current.is_set()
        rig.live.ring([])
        await asyncio.sleep(0.05)
        assert rig.line.words().count("summary") == 1


async def test_nothing_changes_and_a_summary_comes_all_the_same(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "AT_LEAST_EVERY", 0.02)
    async with rig.running():
        await asyncio.sleep(0.2)
        assert rig.line.words().count("summary") > 1


async def test_a_branch_that_is_configured_otherwise_says_so(rig: Rig) -> None:
    async with rig.running():
        rig.live.renew()
        await asyncio.sleep(0.05)
        assert rig.line.words().count("branch") == 2


async def test_what_was_refused_is_said_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "AFTER_REFUSAL", 0.01)
    rig.line.refuses = True
    async with rig.running():
        assert not rig.live.current.is_set()
        rig.line.refuses = False
        await asyncio.sleep(0.05)
        assert sorted(rig.line.words()) == ["branch", "gateway", "summary"]


# --- the backlog ----------------------------------------------------------------------------------


class Rows:
    """An outbox of so many rows."""

    def __init__(self, count: int) -> None:
        self.left = [
            Waiting(Key(2, 900 * n, 1), Row("m", 900 * n, 0, 1, 2, 3)) for n in range(count)
        ]
        self.wake = lambda: None

    async def take(self, after: Key | None, limit: int) -> list[Waiting]:
        return [one for one in self.left if after is None or one.key > after][:limit]

    async def settle(self, sent: Sequence[Waiting]) -> int:
        before = len(self.left)
        self.left = [one for one in self.left if one not in sent]
        return before - len(self.left)


async def test_the_backlog_keeps_to_its_budget_and_nobody_marches_in_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", noted)
    rows, line, current = Rows(3000), Line(), asyncio.Event()
    current.set()
    drain = Draining("g", line, rows, rate=2.0)  # type: ignore[arg-type]
    task = asyncio.create_task(drain.run(current))
    while rows.left:
        await sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert 0 <= pauses[0] <= SPREAD / 2.0
    waited = [pause for pause in pauses[1:] if pause > 0]
    assert len(line.sent) == 6
    assert 4 * 0.25 <= waited[-1] <= 6 * 0.75  # the clock stood still: they add up
    assert len(set(waited)) == len(waited)


async def test_what_is_corrected_while_it_is_under_way_follows_at_once() -> None:
    rows, line, current = Rows(1), Line(), asyncio.Event()
    current.set()
    line.answers.clear()
    drain = Draining("g", line, rows, rate=1e9)  # type: ignore[arg-type]
    task = asyncio.create_task(drain.run(current))
    await turns()
    rows.left = [Waiting(Key(2, 0, 1), Row("m", 0, 1, 9, 9, 9))]
    drain.ring()
    await turns()
    assert len(line.sent) == 1
    line.answers.set()
    await turns()
    assert (len(line.sent), rows.left) == (2, [])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


# --- how often is knocked -------------------------------------------------------------------------


@pytest.fixture
def link() -> UpstreamLink:
    return UpstreamLink("gym-g", Login("mqtt://x"), ("t", b"offline"), lambda _t, _p: None)


def test_a_dead_line_is_tried_all_the_time(link: UpstreamLink) -> None:
    pauses = [link._pause_after(EndedError("nobody")) for _ in range(100)]
    assert all(0 <= pause <= DEAD_LONGEST for pause in pauses)
    assert max(pauses) > 0.2


def test_a_line_is_down_since_its_first_failure(
    link: UpstreamLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    since = link.state().since
    monkeypatch.setattr(time, "monotonic", lambda: since + 3600.0)
    link._pause_after(EndedError("nobody"))
    assert (link.state().state, link.state().since) == ("down", since)


def test_an_end_that_the_broker_explains_is_of_no_other_box(link: UpstreamLink) -> None:
    link._brief = MOST_BRIEF
    link._pause_after(EndedError("the connection ended (Packet too large)", 0x95))
    assert "another box" not in link.state().problem
    link._pause_after(EndedError("the connection ended (Unspecified error)", 0x80))
    assert "another box" in link.state().problem
    assert "ACL" not in link.state().problem
    link._protocol = V311  # RabbitMQ closes the connection
    link._pause_after(EndedError("the connection ended (Unspecified error)", 0x80))
    assert "its ACL" in link.state().problem


def test_a_centre_that_refuses_is_left_alone(link: UpstreamLink) -> None:
    pauses = [link._pause_after(EndedError("no", 0x87, answered=True)) for _ in range(20)]
    assert all(pause <= REFUSED_LONGEST for pause in pauses[: OPENS_AFTER - 1])
    assert all(RESTS[0] <= pause <= RESTS[1] for pause in pauses[OPENS_AFTER - 1 :])


def test_a_connection_that_lasted_begins_afresh(link: UpstreamLink) -> None:
    for _ in range(20):
        link._pause_after(EndedError("no", 0x87, answered=True))
    link._lasted(60.0)
    assert link._pause_after(EndedError("no", 0x87, answered=True)) <= 1.0
