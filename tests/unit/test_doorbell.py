"""The inbox, the bus, the ring of samples: bounded, in order, and one's fault is no other's."""

import asyncio
import logging
from collections.abc import Sequence

import pytest

from gateway.bus import Bus
from gateway.core.events import Cause, Event, Status
from gateway.inbox import Delivery, Inbox, PortLost
from gateway.samples import KEPT, Samples
from sensors.sample import Sample

EVENT = Event(1, "e", "m", Status.FREE, Cause.OBSERVED, 0.0, 0.0, live=True, sensor_seq=None)


async def test_what_is_put_comes_out_in_order() -> None:
    inbox = Inbox()
    items = [Delivery((), float(number)) for number in range(3)]
    for item in items:
        inbox.put(item)
    assert await inbox.take_all(1) == items
    assert await inbox.take_all(0.01) == []


async def test_a_full_inbox_refuses_what_nobody_waits_for_and_counts_it() -> None:
    inbox = Inbox(capacity=1)
    assert inbox.put(Delivery((), 0.0))
    assert not inbox.put(Delivery((), 1.0))
    assert inbox.put(Delivery((), 2.0, receipt=lambda: None))
    assert inbox.put(PortLost("p", frozenset(), 3.0))
    assert (len(inbox), inbox.refused) == (3, 1)


async def test_who_waits_is_woken_by_the_first_item() -> None:
    inbox = Inbox()
    waiting = asyncio.create_task(inbox.take_all(5))
    await asyncio.sleep(0)
    inbox.put(Delivery((), 1.0))
    async with asyncio.timeout(1):
        assert len(await waiting) == 1


def test_one_listeners_fault_is_no_others(caplog: pytest.LogCaptureFixture) -> None:
    bus = Bus()
    heard: list[Sequence[Event]] = []

    def fail(_events: Sequence[Event]) -> None:
        raise RuntimeError

    bus.listen(fail)
    bus.listen(heard.append)
    with caplog.at_level(logging.CRITICAL):
        bus.publish([EVENT])
    assert heard == [[EVENT]]


def test_the_undo_of_listen_ends_it() -> None:
    bus = Bus()
    heard: list[Sequence[Event]] = []
    undo = bus.listen(heard.append)
    undo()
    bus.publish([EVENT])
    assert heard == []


def test_only_the_newest_samples_are_kept() -> None:
    samples = Samples()
    for number in range(KEPT + 5):
        samples.add("a" if number % 2 else "b", Sample(active=True), float(number))
    kept = samples.after(0)
    assert (len(kept), kept[-1].number, samples.newest) == (KEPT, KEPT + 5, KEPT + 5)
    assert {seen.sensor for seen in samples.after(KEPT, "a")} == {"a"}
