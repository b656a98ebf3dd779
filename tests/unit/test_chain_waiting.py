"""Messages that wait for a transaction."""

from collections.abc import AsyncIterator

from gateway.hub.sorting import Message
from gateway.hub.waiting import MOST_AT_ONCE, MOST_STANDING, Waiting


async def test_messages_are_taken_in_order_and_not_more_than_a_transaction_holds() -> None:
    waiting = Waiting()
    for number in range(MOST_AT_ONCE + 1):
        waiting.put(str(number), b"", lambda: None)
    first, second = await waiting.take(1), await waiting.take(1)
    assert [int(message.topic) for message in [*first, *second]] == [*range(MOST_AT_ONCE + 1)]
    assert len(first) == MOST_AT_ONCE
    assert await waiting.take(0.01) == []


def put(waiting: Waiting, *said: tuple[str, bytes]) -> list[str]:
    """Topics that are acknowledged at once."""
    done: list[str] = []
    for topic, payload in said:
        waiting.put(topic, payload, lambda topic=topic: done.append(topic))  # type: ignore[misc]
    return done


async def test_every_word_on_how_a_branch_stands_is_told_as_long_as_they_can_be_stored() -> None:
    waiting = Waiting()
    assert not put(waiting, *[("gyms/a/summary", b"%d" % n) for n in range(MOST_STANDING)])
    assert len(await waiting.take(1)) == MOST_STANDING


async def test_beyond_a_transaction_only_a_branch_s_newest_word_waits() -> None:
    waiting, many = Waiting(), 10 * MOST_STANDING
    done = put(waiting, *[(f"gyms/{n % 9}/summary", b"%d" % n) for n in range(many)])
    kept = [word async for word in all_of(waiting)]
    assert len(kept) <= MOST_STANDING + 9
    assert {int(word.payload) for word in kept} >= {*range(many - 9, many)}
    assert len(done) == waiting.superseded() == many - len(kept)


async def all_of(waiting: Waiting) -> AsyncIterator[Message]:
    while taken := await waiting.take(0.01):
        for word in taken:
            yield word


async def test_a_summary_does_not_wait_for_bins_nor_they_for_it() -> None:
    waiting = Waiting()
    put(waiting, *[("gyms/a/bins", b"x")] * 200, ("gyms/a/summary", b"now"))
    assert (await waiting.take(1))[0].topic == "gyms/a/summary"
    assert len(await waiting.take(1)) == MOST_AT_ONCE


async def test_who_speaks_often_keeps_its_place_in_the_line() -> None:
    waiting = Waiting()
    put(waiting, ("gyms/a/summary", b"1"), ("gyms/b/summary", b"1"), ("gyms/a/summary", b"2"))
    assert [word.topic[5] for word in await waiting.take(1)] == ["a", "a", "b"]


async def test_an_end_that_comes_after_a_summary_is_read_after_it() -> None:
    waiting = Waiting()
    put(waiting, *[("gyms/b/summary", b"x")] * MOST_STANDING)
    put(waiting, *[(f"gyms/a/{kind}", b"1") for kind in ("gateway", "summary", "gateway")])
    told = [word.topic async for word in all_of(waiting)]
    assert told[-2:] == ["gyms/a/summary", "gyms/a/gateway"]


async def test_a_description_that_is_taken_back_counts_behind_the_last_words() -> None:
    waiting = Waiting()
    put(waiting, ("gyms/a/branch", b"1"), ("gyms/a/bins", b"1"), ("gyms/a/branch", b""))
    assert [word.payload for word in await waiting.take(1)] == [b"1", b"1", b""]
    put(waiting, ("gyms/a/branch", b""), ("gyms/a/branch", b"2"))
    assert [word.payload for word in await waiting.take(1)] == [b"2"]
