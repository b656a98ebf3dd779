"""MQTT messages through a real broker: live, late, lost, poison."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from gateway.inbox import Delivery, Inbox, Item, PortBack, PortLost
from gateway.ports.broker import Broker
from gateway.ports.mqtt_client import client_id
from gateway.ports.mqtt_port import Feed, MqttPort
from sensors.decoder import Decoder
from sensors.sample import Availability, Sample, Saying
from tests.integration.conftest import Speaker, Until, Watch

TOPIC = "gyms/g/machines/m/occupancy"
AVAILABILITY = "gyms/g/machines/m/availability"


class Words(Decoder):
    """ON and OFF on two channels, online and offline."""

    def feed(self, data: bytes, topic: str = "") -> list[Saying]:
        if topic == AVAILABILITY:
            return [Availability(online=data == b"online")]
        if data in {b"ON", b"OFF"}:
            return [Sample(data == b"ON"), Sample(None, channel=1)]
        self.dropped["not_a_word"] += 1
        return []


class Gateway:
    """A port and all that came out of it; `commits` says whether it gives receipts."""

    def __init__(self, broker: Broker, **more: float) -> None:
        words = Words()
        feeds = {topic: [Feed("s", words)] for topic in (TOPIC, AVAILABILITY, "vendor/a/b/#")}
        self.inbox = Inbox()
        self.items: list[Item] = []
        self.commits = True
        self.port = MqttPort(
            "g", broker.url, feeds, self.inbox, username=broker.user, password=broker.password,
            **more,  # type: ignore[arg-type]
        )  # fmt: skip

    def take(self) -> Sequence[Item]:
        fresh = self.inbox._items[:]
        self.inbox._items.clear()
        self.items += fresh
        for item in fresh:
            if isinstance(item, Delivery) and item.receipt and self.commits:
                item.receipt()
        return self.items

    def words(self) -> list[Delivery]:
        return [item for item in self.take() if isinstance(item, Delivery) and item.sayings]

    def count(self, kind: type[Item]) -> int:
        return sum(isinstance(item, kind) for item in self.take())

    def says(self, state: str) -> Callable[[], bool]:
        return lambda: self.take() is not None and self.port.state().state == state


@asynccontextmanager
async def running(gateway: Gateway) -> AsyncIterator[Gateway]:
    task = asyncio.create_task(gateway.port.run())
    try:
        yield gateway
    finally:
        gateway.take()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def gateway(broker: Broker, until: Until) -> AsyncIterator[Gateway]:
    """A gateway that is connected, its marker back."""
    async with running(Gateway(broker)) as gateway:
        await until(gateway.says("up"))
        await until(lambda: gateway.port._live)
        yield gateway


async def test_a_word_after_the_marker_is_live(
    gateway: Gateway, speaker: Speaker, until: Until
) -> None:
    speaker.say(TOPIC, b"ON")
    await until(gateway.words)
    (word,) = gateway.words()
    assert word.sayings == (("s", Sample(active=True)),), "the sensor's channel alone"
    assert (word.late, word.dup) == (False, False)


async def test_availability_is_heard_on_its_own_topic(
    gateway: Gateway, speaker: Speaker, until: Until
) -> None:
    speaker.say(AVAILABILITY, b"offline")
    await until(gateway.words)
    assert gateway.words()[0].sayings == (("s", Availability(online=False)),)


async def test_all_below_a_tree_is_heard_and_what_lies_beside_it_is_not(
    gateway: Gateway, speaker: Speaker, until: Until
) -> None:
    speaker.say("vendor/a/c/relay/0", b"OFF")
    speaker.say("vendor/a/b/relay/0", b"ON")
    await until(gateway.words)
    assert [word.sayings for word in gateway.words()] == [(("s", Sample(active=True)),)]


async def test_what_waited_while_the_gateway_was_away_is_late_and_ahead_of_the_return(
    broker: Broker, speaker: Speaker, until: Until
) -> None:
    async with running(Gateway(broker)) as first:
        await until(first.says("up"))
    speaker.say(TOPIC, b"ON")
    async with running(Gateway(broker)) as second:
        await until(second.words)
        await until(second.says("up"))
        await until(lambda: second.port._live)
        speaker.say(TOPIC, b"OFF")
        await until(lambda: len(second.words()) == 2)
    assert [word.late for word in second.words()] == [True, False]
    kinds = [type(item) for item in second.take()]
    assert kinds[0] is PortLost
    assert kinds.index(PortBack) > second.take().index(second.words()[0])


async def test_a_retained_word_is_late(broker: Broker, speaker: Speaker, until: Until) -> None:
    speaker.say(TOPIC, b"ON", retain=True)
    async with running(Gateway(broker)) as gateway:
        await until(gateway.words)
    assert gateway.words()[0].late


async def test_a_word_that_was_never_committed_comes_again_as_a_late_duplicate(
    broker: Broker, speaker: Speaker, until: Until
) -> None:
    async with running(Gateway(broker)) as first:
        await until(first.says("up"))
        first.commits = False
        speaker.say(TOPIC, b"ON")
        await until(first.words)
    async with running(Gateway(broker)) as second:
        await until(second.words)
    (word,) = second.words()
    assert (word.late, word.dup) == (True, True)


async def test_a_committed_word_does_not_come_again(
    broker: Broker, speaker: Speaker, until: Until
) -> None:
    async with running(Gateway(broker)) as first:
        await until(first.says("up"))
        speaker.say(TOPIC, b"ON")
        await until(first.words)
    async with running(Gateway(broker)) as second:
        await until(second.says("up"))
    assert second.words() == []


async def test_poison_is_acknowledged_and_counted_and_what_follows_is_heard(
    gateway: Gateway, speaker: Speaker, until: Until
) -> None:
    for poison in (b"", b"\xff\xfe", b"{" * 1000, b"x" * 10_000_000):
        speaker.say(TOPIC, poison)
    speaker.say(TOPIC, b"ON")
    await until(gateway.words)
    assert gateway.port.state().dropped == {"not_a_word": 3, "too_large": 1}
    deliveries = [item for item in gateway.take() if isinstance(item, Delivery)]
    assert all(item.receipt for item in deliveries)


async def test_a_topic_that_lost_its_sensor_is_counted(
    broker: Broker, speaker: Speaker, until: Until
) -> None:
    async with running(Gateway(broker)) as first:
        await until(first.says("up"))
        first.port._client.subscribe("vendor/a", 1)
        await asyncio.sleep(0.05)
    speaker.say("vendor/a", b"ON")
    async with running(Gateway(broker)) as second:
        await until(lambda: second.take() and second.port.state().dropped == {"no_sensor": 1})


async def test_a_word_at_qos_0_needs_no_receipt(
    gateway: Gateway, speaker: Speaker, until: Until
) -> None:
    speaker.say(TOPIC, b"ON", qos=0)
    await until(gateway.words)
    assert gateway.words()[0].receipt is None


async def test_a_broker_may_come_later_and_go_and_come_again(
    broker: Broker, speaker: Speaker, until: Until
) -> None:
    await broker.stop()
    async with running(Gateway(broker)) as gateway:
        await until(lambda: "start it" in gateway.port.state().problem)
        assert [type(item) for item in gateway.take()] == [PortLost]
        await broker.start()
        await until(gateway.says("up"))
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGKILL)
        await until(lambda: gateway.count(PortLost) == 2)
        await broker.start()
        await until(lambda: gateway.count(PortBack) == 2)
        await until(lambda: gateway.port._live)
        speaker.say(TOPIC, b"ON")
        await until(gateway.words)
    assert not gateway.words()[0].late


async def test_a_receipt_of_an_earlier_connection_acknowledges_nothing(
    broker: Broker, speaker: Speaker, until: Until
) -> None:
    async with running(Gateway(broker)) as gateway:
        await until(lambda: gateway.says("up")() and gateway.port._live)
        gateway.commits = False
        speaker.say(TOPIC, b"ON")
        await until(gateway.words)
        old = gateway.words()[0].receipt
        cut(gateway)
        await until(lambda: gateway.count(PortBack) == 2)
        assert old is not None
        old()
    async with running(Gateway(broker)) as after:
        await until(after.words)
    assert after.words()[0].dup


async def test_a_marker_that_never_comes_back_is_told_with_the_line_to_add(
    broker: Broker, until: Until
) -> None:
    gateway = Gateway(broker, marker_within=0.2)
    gateway.port._marker_bytes = b"an ACL keeps it away"
    async with running(gateway):
        await until(gateway.says("degraded"))
    line = f"topic readwrite gyms/g/gateway/marker/{client_id('g')}"
    assert line in gateway.port.state().problem
    assert gateway.count(PortBack) == 0


async def test_a_wrong_password_is_told(broker: Broker, until: Until) -> None:
    broker.password = "wrong"
    async with running(Gateway(broker)) as gateway:
        await until(lambda: "correct its user and password" in gateway.port.state().problem)


async def test_the_gateways_status_is_online_then_offline(
    broker: Broker, watch: Watch, until: Until
) -> None:
    heard = watch("gyms/g/gateway/status")
    async with running(Gateway(broker)):
        await until(lambda: b"online" in heard)
    await until(lambda: heard[-1] == b"offline")


async def test_a_killed_gateways_last_will_is_offline(
    broker: Broker, watch: Watch, until: Until
) -> None:
    heard = watch("gyms/g/gateway/status")
    async with running(Gateway(broker)) as gateway:
        await until(lambda: b"online" in heard)
        cut(gateway)
        await until(lambda: b"offline" in heard)


async def test_what_is_published_while_away_is_dropped_and_published_again_at_each_connect(
    broker: Broker, watch: Watch, until: Until
) -> None:
    heard = watch("gyms/g/machines/m/status")
    gateway = Gateway(broker)
    gateway.port.on_connected(lambda: gateway.port.publish("gyms/g/machines/m/status", b"all"))
    assert not gateway.port.publish("gyms/g/machines/m/status", b"lost")
    async with running(gateway):
        await until(lambda: heard == [b"all"])
        cut(gateway)
        await until(lambda: heard == [b"all", b"all"])


async def test_the_thread_is_started_again_should_it_have_died(
    gateway: Gateway, speaker: Speaker, until: Until
) -> None:
    gateway.port._client.loop_stop()
    speaker.say(TOPIC, b"ON")
    await until(gateway.words)


def cut(gateway: Gateway) -> None:
    """The network fails."""
    connection = gateway.port._client.socket()
    assert isinstance(connection, socket.socket)
    connection.shutdown(socket.SHUT_RDWR)
