"""Messages that wait for a transaction."""

from gateway.hub.consumer import MOST_AT_ONCE, Waiting


async def test_messages_are_taken_in_order_and_not_more_than_a_transaction_holds() -> None:
    waiting = Waiting()
    for number in range(MOST_AT_ONCE + 1):
        waiting.put(str(number), b"", lambda: None)
    first, second = await waiting.take(1), await waiting.take(1)
    assert [int(message.topic) for message in [*first, *second]] == [*range(MOST_AT_ONCE + 1)]
    assert len(first) == MOST_AT_ONCE
    assert await waiting.take(0.01) == []
