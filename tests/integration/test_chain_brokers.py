"""The chain's brokers as we ship them: who may say what, and what outlives a fault."""

import shutil
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests import chain_brokers
from tests.chain_brokers import Chain, mosquitto_chain, nats_cluster, password, rabbitmq, start_nats

Start = Callable[[Path], AbstractContextManager[Chain]]
PATIENCE = 20.0  # seconds: a cluster elects a leader
QUIET = 0.7  # seconds in which what is refused would have come
NATS = pytest.mark.skipif(
    not shutil.which("nats-server"), reason="no nats-server: apt-get install nats-server"
)
RABBITMQ = pytest.mark.skipif(
    not chain_brokers.RABBITMQ.exists(), reason="no RabbitMQ: apt-get install rabbitmq-server"
)
BROKERS = [
    pytest.param(mosquitto_chain, id="mosquitto"),
    pytest.param(nats_cluster, id="nats", marks=NATS),
    pytest.param(rabbitmq, id="rabbitmq", marks=RABBITMQ),
]


class Station:
    """A branch or the hub at a node of the broker; MQTT 3.1.1, which all of them speak."""

    def __init__(
        self, chain: Chain, user: str, *topics: str, node: int = 0, keep: bool = False
    ) -> None:
        self.heard: list[MQTTMessage] = []
        self.user = user
        self._granted = 0
        name = "hub" if user == "hub" else f"gym-{user}"
        self._client = Client(CallbackAPIVersion.VERSION2, name, clean_session=not keep)
        self._client.username_pw_set(user, password(user))
        self._client.tls_set(str(chain.authority), tls_version=ssl.PROTOCOL_TLS_CLIENT)
        if user != "hub":
            self._client.will_set(f"gyms/{user}/gateway", b"offline", 1, retain=True)
        self._client.on_message = lambda _client, _data, message: self.heard.append(message)
        self._client.on_subscribe = self._subscribed
        self._client.connect("localhost", chain.ports[node])
        self._client.loop_start()
        self.until(self._client.is_connected)
        for topic in topics:
            self._client.subscribe(topic, 1)
        self.until(lambda: self._granted >= len(topics))

    def say(self, topic: str, payload: bytes = b"{}", *, retain: bool = False) -> bool:
        """Whether the broker has acknowledged it."""
        sent = self._client.publish(topic, payload, 1, retain)
        try:
            sent.wait_for_publish(3)
        except RuntimeError:
            return False
        return sent.is_published()

    def topics(self) -> list[str]:
        return [message.topic for message in self.heard]

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"{self.user} has heard {self.topics()}"
            time.sleep(0.02)

    def vanish(self) -> None:
        """Without a goodbye."""
        self._client.loop_stop()
        found = self._client.socket()
        assert found is not None
        found.close()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _subscribed(self, *told: object) -> None:
        self._granted += all(not code.is_failure for code in told[3])  # type: ignore[attr-defined]


@pytest.fixture(params=BROKERS, scope="module")
def chain(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chain]:
    start: Start = request.param
    with start(tmp_path_factory.mktemp("chain")) as chain:
        yield chain


def test_a_branch_is_heard_under_its_own_name(chain: Chain) -> None:
    kinds = ("branch", "summary", "bins", "digest/2026-11-24", "gateway")
    with closing(Station(chain, "hub", "gyms/#")) as hub:
        with closing(Station(chain, "hk-central")) as branch:
            assert all(branch.say(f"gyms/hk-central/{kind}") for kind in kinds)
        hub.until(lambda: {f"gyms/hk-central/{kind}" for kind in kinds} <= {*hub.topics()})


@pytest.mark.parametrize("topic", ["gyms/hk-north/bins", "gyms/hk-central/request", "elsewhere"])
def test_nobody_hears_what_a_branch_says_in_anothers_name(chain: Chain, topic: str) -> None:
    with closing(Station(chain, "hub", "gyms/#")) as hub:
        with closing(Station(chain, "hk-central")) as liar:
            liar.say(topic, b"a lie")
        with closing(Station(chain, "hk-north")) as honest:
            assert honest.say("gyms/hk-north/bins", b"the truth")
        hub.until(lambda: any(message.payload == b"the truth" for message in hub.heard))
        time.sleep(QUIET)
        assert b"a lie" not in [message.payload for message in hub.heard]


def test_a_branch_hears_its_requests_and_its_siblings_and_no_more(chain: Chain) -> None:
    topics = ("gyms/hk-central/request", "gyms/+/branch", "gyms/+/summary", "gyms/+/gateway")
    with (
        closing(Station(chain, "hk-central", *topics)) as branch,
        closing(Station(chain, "hk-north")) as sibling,
        closing(Station(chain, "hub")) as hub,
    ):
        assert hub.say("gyms/hk-north/request")
        assert sibling.say("gyms/hk-north/bins")
        assert sibling.say("gyms/hk-north/summary")
        assert hub.say("gyms/hk-central/request")
        wanted = {"gyms/hk-north/summary", "gyms/hk-central/request"}
        branch.until(lambda: wanted <= {*branch.topics()})
        assert not {"gyms/hk-north/request", "gyms/hk-north/bins"} & {*branch.topics()}


def test_a_wrong_password_is_no_way_in(chain: Chain) -> None:
    client = Client(CallbackAPIVersion.VERSION2, "gym-hk-central")
    client.username_pw_set("hk-central", "wrong")
    client.tls_set(str(chain.authority))
    client.connect("localhost", chain.ports[0])
    assert all(client.loop(0.2) == 0 for _ in range(3)) is False
    assert not client.is_connected()


def test_a_branch_that_vanishes_is_told(chain: Chain) -> None:
    with closing(Station(chain, "hub", "gyms/+/gateway")) as hub:
        hub.heard.clear()
        Station(chain, "hk-north").vanish()
        hub.until(lambda: [m.payload for m in hub.heard if "north" in m.topic] == [b"offline"])


def test_what_is_said_while_the_hub_is_away_waits_for_it(chain: Chain) -> None:
    with closing(Station(chain, "hub", "gyms/+/bins", keep=True)):
        pass
    with closing(Station(chain, "hk-central")) as branch:
        assert all(branch.say("gyms/hk-central/bins", b"%d" % n) for n in range(20))
    with closing(Station(chain, "hub", keep=True)) as hub:
        hub.until(lambda: {b"%d" % n for n in range(20)} <= {m.payload for m in hub.heard})
    with closing(Station(chain, "hub")):
        pass  # forgets the session


@pytest.mark.parametrize("start", BROKERS[:2])
def test_who_comes_late_is_told_how_each_branch_stands(start: Start, tmp_path: Path) -> None:
    """RabbitMQ keeps what is retained for exact topics only: docs/chain.md."""
    with start(tmp_path) as chain:
        with closing(Station(chain, "hk-central")) as branch:
            assert branch.say("gyms/hk-central/summary", b"1", retain=True)
            assert branch.say("gyms/hk-central/summary", b"2", retain=True)
        with closing(Station(chain, "hub", "gyms/+/summary")) as hub:
            hub.until(lambda: [(m.payload, m.retain) for m in hub.heard] == [(b"2", True)])


@NATS
def test_a_node_that_dies_takes_nothing_along_that_was_acknowledged(tmp_path: Path) -> None:
    with nats_cluster(tmp_path) as chain:
        with closing(Station(chain, "hub", "gyms/+/bins", node=1, keep=True)):
            pass
        told: list[bytes] = []
        for node in (0, 2):
            with closing(Station(chain, "hk-central", node=node)) as branch:
                numbers = [b"%d from %d" % (number, node) for number in range(50)]
                told += [one for one in numbers if branch.say("gyms/hk-central/bins", one)]
            chain.kill(node)
            time.sleep(1)
            start_nats(chain, tmp_path, node)
            time.sleep(4)  # until it follows again: two of three must be there
        with closing(Station(chain, "hub", node=2, keep=True)) as hub:
            hub.until(lambda: {*told} <= {message.payload for message in hub.heard})
        assert len(told) > 50
