"""The courier: many under way, none in the way of the next, nothing sent twice."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from gateway.core.notices import Delivery, Notice, Outcome, Target
from gateway.notify import courier as couriers
from gateway.notify.courier import ATTEMPTS, MOST, Courier

NOTICE = Notice("f1", "a1", "leg-press-01", "Leg press 1", "legs", 0.0, 300.0, 1, "http://gym")
DONE, AGAIN = Outcome("delivered"), Outcome("retry", "503")


def delivery(name: str, host: str = "a", member: str = "", attempts: int = 0) -> Delivery:
    target = Target(f"t{name}", "web_push", f"https://{host}/{name}")
    return Delivery(name, member or f"m{name}", NOTICE, target, attempts)


@dataclass
class Ledger:
    """The rows that are due, as the table has them."""

    rows: list[Delivery]
    noted: list[tuple[str, str, float | None]] = field(default_factory=list)
    untrue: set[str] = field(default_factory=set)
    broken: int = 0
    """How many more notes fail."""

    async def due(self) -> Sequence[Delivery]:
        found = [row for row in self.rows if row.id not in self.untrue][:256]
        await asyncio.sleep(0.01)  # a thread's round trip: what is told here may be old by now
        return found

    def still_due(self, one: Delivery) -> bool:
        return one.id not in self.untrue

    async def note(
        self, one: Delivery, outcome: Outcome, _latency: float, again_in: float | None
    ) -> None:
        if self.broken:
            self.broken -= 1
            raise OSError("the disk is full")
        self.rows = [row for row in self.rows if row.id != one.id]
        self.noted.append((one.id, outcome.kind, again_in))


@dataclass
class Phones:
    """A channel: `answer` by host; None hangs."""

    answers: dict[str, Outcome | None] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    at_once: int = 0
    most: int = 0
    takes: float = 0.0

    async def send(self, _notice: Notice, target: Target, name: str) -> Outcome:
        self.sent.append(name)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        answer = self.answers.get(target.address.split("/")[2], DONE)
        await asyncio.sleep(3600 if answer is None else self.takes)
        self.at_once -= 1
        assert answer is not None
        return answer


@asynccontextmanager
async def running(ledger: Ledger, phones: Phones) -> AsyncIterator[Courier]:
    courier = Courier({"web_push": phones}, ledger, jitter=lambda longest: longest)
    task = asyncio.create_task(courier.run())
    try:
        yield courier
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.005)


async def test_a_hanging_host_holds_two_and_delays_no_other() -> None:
    ledger = Ledger([delivery(str(n), "hangs") for n in range(200)] + [delivery("x", "quick")])
    phones = Phones({"hangs": None})
    async with running(ledger, phones):
        await until(lambda: ledger.noted)
    assert ledger.noted == [("x", "delivered", None)]
    assert len(phones.sent) == 3


async def test_a_member_whose_phone_hangs_has_one_under_way() -> None:
    mine = [delivery(str(n), f"host{n}", "me") for n in range(3)]
    phones = Phones({"host0": None})
    async with running(Ledger([*mine, delivery("x", "quick")]), phones):
        await until(lambda: "x" in phones.sent)
        await asyncio.sleep(0.05)
    assert sorted(phones.sent) == ["0", "x"]


async def test_no_more_than_32_are_under_way() -> None:
    ledger = Ledger([delivery(str(n), f"host{n}") for n in range(100)])
    phones = Phones(takes=0.01)
    async with running(ledger, phones):
        await until(lambda: len(ledger.noted) == 100)
    assert phones.most == MOST
    assert len(phones.sent) == 100


async def test_what_ends_while_the_ledger_answers_is_not_sent_once_more() -> None:
    ledger, phones = Ledger([delivery("1"), delivery("2", "b")]), Phones(takes=0.012)
    async with running(ledger, phones) as courier:
        for _ in range(20):
            courier.wake()  # a look while both are under way, answered after they have ended
            await asyncio.sleep(0.005)
    assert sorted(phones.sent) == ["1", "2"]


async def test_what_the_ledger_could_not_note_is_noted_later_and_not_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(couriers, "NOTE_AGAIN", 0.02)
    ledger, phones = Ledger([delivery("1")], broken=3), Phones()
    async with running(ledger, phones):
        await until(lambda: ledger.noted)
    assert phones.sent == ["1"]
    assert ledger.noted == [("1", "delivered", None)]


async def test_what_is_true_no_longer_is_neither_sent_nor_noted() -> None:
    ledger = Ledger([delivery("1"), delivery("2"), delivery("3")])
    phones = Phones(takes=0.03)  # 1 and 2 go out; 3 waits for room
    async with running(ledger, phones):
        await until(lambda: len(phones.sent) == 2)
        ledger.untrue.add("3")
        await until(lambda: len(ledger.noted) == 2)
        await asyncio.sleep(0.05)
    assert sorted(phones.sent) == ["1", "2"]


@pytest.mark.parametrize(("attempts", "pause"), [(0, 2.0), (1, 4.0), (4, 32.0), (6, 128.0)])
async def test_pauses_double(attempts: int, pause: float) -> None:
    ledger = Ledger([delivery("1", attempts=attempts)])
    async with running(ledger, Phones({"a": AGAIN})):
        await until(lambda: ledger.noted)
    assert ledger.noted == [("1", "retry", pause)]


async def test_retry_after_is_longer_than_our_own_pause() -> None:
    ledger = Ledger([delivery("1")])
    async with running(ledger, Phones({"a": Outcome("retry", "429", 77.0)})):
        await until(lambda: ledger.noted)
    assert ledger.noted == [("1", "retry", 77.0)]


async def test_the_eighth_attempt_is_the_last() -> None:
    ledger = Ledger([delivery("1", attempts=ATTEMPTS - 1)])
    async with running(ledger, Phones({"a": AGAIN})):
        await until(lambda: ledger.noted)
    assert ledger.noted == [("1", "permanent", None)]


async def test_a_host_that_failed_five_times_is_left_alone() -> None:
    ledger, phones = Ledger([delivery(str(n)) for n in range(20)]), Phones({"a": AGAIN})
    async with running(ledger, phones):
        await until(lambda: len(ledger.noted) == 20)
    assert 5 <= len(phones.sent) <= 6  # two are under way at a time
    assert all(again_in is not None for *_, again_in in ledger.noted)


async def test_a_phone_that_has_had_enough_says_nothing_against_its_push_service() -> None:
    busy = Outcome("retry", "429", 60.0, host_works=True)
    ledger, phones = Ledger([delivery(str(n)) for n in range(20)]), Phones({"a": busy})
    async with running(ledger, phones):
        await until(lambda: len(ledger.noted) == 20)
    assert len(phones.sent) == 20


async def test_a_bug_in_a_channel_ends_that_delivery_alone() -> None:
    class Buggy:
        async def send(self, _notice: Notice, target: Target, _name: str) -> Outcome:
            if target.id == "t1":
                raise KeyError("p256dh")
            return DONE

    ledger = Ledger([delivery("1"), delivery("2")])
    task = asyncio.create_task(Courier({"web_push": Buggy()}, ledger).run())
    await until(lambda: len(ledger.noted) == 2)
    task.cancel()
    assert sorted(ledger.noted) == [("1", "permanent", None), ("2", "delivered", None)]


async def test_a_ledger_that_fails_for_a_while_stops_nothing_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(couriers, "NOTE_AGAIN", 0.02)

    class Failing(Ledger):
        async def due(self) -> Sequence[Delivery]:
            if not self.untrue:
                self.untrue.add("asked")
                raise OSError("the disk is full")
            return await super().due()

    ledger = Failing([delivery("1")])
    async with running(ledger, Phones()):
        await until(lambda: ledger.noted)


async def test_what_is_due_soon_after_a_ring_needs_no_other_ring(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(couriers, "LOOK_EACH", 0.02)
    ledger, phones = Ledger([]), Phones()
    async with running(ledger, phones) as courier:
        courier.wake()
        await asyncio.sleep(0.1)
        ledger.rows.append(delivery("1"))  # as the table has it 8 s after the page was told
        await until(lambda: phones.sent)


async def test_at_the_end_nothing_is_left_under_way() -> None:
    phones = Phones({"a": None})
    async with running(Ledger([delivery("1")]), phones) as courier:
        await until(lambda: phones.sent)
    assert courier._under_way == {}
