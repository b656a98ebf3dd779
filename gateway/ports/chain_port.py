"""The chain's broker, or one node of its cluster after the other: a session that outlives us."""

import asyncio
import logging
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Literal, NamedTuple, Protocol
from urllib.parse import urlsplit

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.bridge import HandOver, in_thread
from gateway.ports.backoff import Backoff
from gateway.ports.eager_client import EagerClient
from gateway.ports.mqtt_client import acknowledge, place_of

KEEPALIVE = 20  # seconds: a dead network is known within 40
SESSION_DAYS = 30  # as long as a branch's outage that loses nothing
IN_FLIGHT = 64  # messages unacknowledged at once: 32,000 bins, a second of PostgreSQL's work
LARGEST = 2 * 2**20  # bytes of a packet; beyond what a dead letter tells of, the broker drops it
MOST_WAITING = 2000  # messages at QoS 0, which nothing holds back; the rest of them is dropped
CONNECT_WITHIN = 10.0  # seconds until a broker that does not answer is given up
CLOSE_WITHIN = 1.0  # seconds
AGAIN = ("branch", "summary", "gateway")  # at each connect: how things stand now
PASSING = frozenset(("summary",))  # QoS 0: a session need not keep what is retained and renewed
REFUSED_AGAIN = 10.0  # seconds: a cluster that elects a leader refuses for some
ONCE = ("bins", "digest/+")  # the session keeps what comes; digests of 90 days come once
REFUSED = 0x80  # reason codes from here on are refusals
SEND_IF_NEW, SEND = 1, 0  # MQTT 5: retained messages for a subscription that is new, or always

Protocols = Literal["auto", "5", "3.1.1"]
VERSIONS: dict[Protocols, tuple[MQTTProtocolVersion, ...]] = {
    "auto": (MQTTv5, MQTTv311),
    "5": (MQTTv5,),
    "3.1.1": (MQTTv311,),
}

log = logging.getLogger(__name__)


class Login(NamedTuple):
    """Who we are at the broker."""

    client_id: str
    username: str | None = None
    password: str | None = None
    ca: str | None = None
    """A PEM file; None: the system's."""


class Hear(Protocol):
    """Takes a message; `receipt` acknowledges it, from the loop; `retained`: it may be old."""

    def __call__(
        self,
        topic: str,
        payload: bytes,
        receipt: Callable[[], None],
        retained: bool,  # noqa: FBT001  a part of the message
        /,
    ) -> object:
        """Never blocks."""


class ChainPort:
    """Hears what all branches say. `publish` sends at QoS 1 while connected."""

    def __init__(self, urls: Sequence[str], login: Login, protocol: Protocols = "auto") -> None:
        """`urls`: mqtt://, mqtts:// or unix://, tried in turn."""
        self._urls = tuple(urls)
        self._versions = VERSIONS[protocol]
        self._attempts = self._failures = 0
        self._login = login
        self._hear: Hear = lambda _topic, _payload, _receipt, _retained: None
        self._over: HandOver[Callable[[], object]] | None = None
        self._client: Client | None = None
        self._connection = 0
        self._owed: list[tuple[int, int]] = []  # (connection, mid)
        self.dropped = 0
        """Messages at QoS 0 that came faster than they could be stored."""
        self.problem = "not connected yet"
        """Why we hear nothing; empty while we are connected."""

    async def run(self, hear: Hear) -> None:
        """Stay connected until cancelled; then leave in good order, the session stays."""
        self._hear, loop = hear, asyncio.get_running_loop()
        self._over = HandOver(loop, _call)
        backoff = Backoff()
        while True:
            began = loop.time()
            connected = await self._stay_connected(*self._way())
            backoff.succeeded(loop.time() - began if connected else 0.0)
            await asyncio.sleep(backoff.next())

    def _way(self) -> tuple[str, MQTTProtocolVersion]:
        """Every node by the version that worked last, then every node by the other one."""
        url = self._urls[self._attempts % len(self._urls)]
        version = self._versions[self._failures // len(self._urls) % len(self._versions)]
        self._attempts += 1
        self._failures += 1
        return url, version

    def _works(self, version: MQTTProtocolVersion) -> None:
        self._versions = tuple(sorted(self._versions, key=lambda known: known != version))
        self._failures = 0

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send it; False (and dropped) while not connected."""
        client = self._client
        if client is None or not client.is_connected():
            return False
        return client.publish(topic, payload, qos=1).rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def renew(self, kind: str) -> None:
        """Subscribe anew to `gyms/+/{kind}`, as if for the first time; while connected."""
        if (client := self._client) is not None and client.is_connected():
            log.info("gyms/+/%s is subscribed to anew", kind)
            client.unsubscribe(f"gyms/+/{kind}")
            client.subscribe(f"gyms/+/{kind}", 1)

    def reread(self, kind: str) -> None:
        """What is retained of `gyms/+/{kind}` once more; the subscription stays."""
        if (client := self._client) is not None and client.is_connected():
            client.subscribe(f"gyms/+/{kind}", 1)

    def _again(self, client: Client) -> None:
        """All topics, for a broker that had no time for some; while that connection lasts."""
        if client is self._client and self.problem:
            subscribe(client, session=False)

    async def _stay_connected(self, url: str, version: MQTTProtocolVersion) -> bool:
        """Until the connection ends; whether there was one."""
        self._connection += 1
        up, over = asyncio.Event(), asyncio.Event()
        client = self._client = make(self._login, url, version)
        self._wire(client, url, up, over)
        aim(client, *place_of(url), version)
        client.loop_start()
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                await up.wait()
            connected = not over.is_set()
            if connected:
                self._works(version)
            await over.wait()
        except TimeoutError:
            self._note(f"{url} does not answer")
            return False
        else:
            return connected
        finally:
            await self._close(client)

    async def _close(self, client: Client) -> None:
        self._client = None
        client.on_disconnect = None
        client.disconnect()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN):
                await in_thread(client.loop_stop)

    # --- in paho's thread -------------------------------------------------------------------

    def _wire(self, client: Client, url: str, up: asyncio.Event, over: asyncio.Event) -> None:
        """`up` is set when it is connected or cannot be, `over` when it is not, or no more."""
        connection = self._connection

        def fail(problem: str) -> None:
            self._note(problem)
            up.set()
            over.set()

        def succeed(refused: int) -> None:
            told = f"{url} refuses {refused} topics: let its ACL allow the hub to read gyms/#"
            self._note(told if refused else "")
            if refused:
                asyncio.get_running_loop().call_later(REFUSED_AGAIN, self._again, client)
            up.set()

        def on_connect(
            client: Client, _data: object, flags: ConnectFlags, reason: ReasonCode, *_: object
        ) -> None:
            if reason.is_failure:
                self._hand(partial(fail, f"{url} refuses us ({reason})"))
                return
            subscribe(client, session=flags.session_present)

        def on_subscribe(
            _client: Client, _data: object, _mid: int, reasons: list[ReasonCode], *_: object
        ) -> None:
            self._hand(partial(succeed, sum(reason.value >= REFUSED for reason in reasons)))

        def on_disconnect(
            _client: Client, _data: object, _flags: object, reason: ReasonCode, *_: object
        ) -> None:
            self._hand(partial(fail, f"the connection to {url} ended ({reason})"))

        client.on_connect = on_connect
        client.on_subscribe = on_subscribe
        client.on_message = lambda _client, _data, message: self._take(connection, message)
        client.on_disconnect = on_disconnect
        hint = ", or [broker] ca does not vouch for it" if url.startswith("mqtts:") else ""
        client.on_connect_fail = lambda _client, _data: self._hand(
            partial(fail, f"no broker answers at {url}{hint}")
        )

    def _take(self, connection: int, message: MQTTMessage) -> None:
        """Not `message.topic`: bytes that are no UTF-8 would raise in there."""
        topic = message._topic.decode(errors="replace")  # noqa: SLF001  as above
        if message.qos == 0:
            if self._over is None or len(self._over) >= MOST_WAITING:
                self.dropped += 1
                return
            receipt: Callable[[], None] = _nothing
        else:
            receipt = partial(self._acknowledge, connection, message.mid)
        payload, retained = bytes(message.payload), bool(message.retain)
        self._hand(partial(self._hear, topic, payload, receipt, retained))

    def _hand(self, call: Callable[[], object]) -> None:
        if self._over is not None:
            self._over.put(call)

    # --- on the loop ------------------------------------------------------------------------

    def _acknowledge(self, connection: int, mid: int) -> None:
        """Owe the broker a PUBACK; all that a commit owes go out together."""
        if not self._owed:
            asyncio.get_running_loop().call_soon(self._pay)
        self._owed.append((connection, mid))

    def _pay(self) -> None:
        """Only on the connection they came by: on another, a mid may mean another message."""
        owed, self._owed = self._owed, []
        mids = [mid for connection, mid in owed if connection == self._connection]
        if mids and self._client is not None:
            acknowledge(self._client, mids)

    def _note(self, problem: str) -> None:
        if problem and problem != self.problem:
            log.warning("%s; it is tried again", problem)
        elif self.problem and not problem:
            log.info("connected to the chain's broker")
        self.problem = problem


def make(login: Login, url: str, version: MQTTProtocolVersion) -> Client:
    """A client that connects once: the next attempt may be elsewhere, or another version."""
    parts = urlsplit(url)
    client = EagerClient(
        CallbackAPIVersion.VERSION2,
        login.client_id,
        protocol=version,
        clean_session=None if version == MQTTv5 else False,
        transport="unix" if parts.scheme == "unix" else "tcp",
        manual_ack=True,
        reconnect_on_failure=False,
    )
    client.suppress_exceptions = True  # else one in a callback would end the thread, unseen
    if user := login.username or parts.username:
        client.username_pw_set(user, login.password)
    if parts.scheme == "mqtts":
        client.tls_set_context(ssl.create_default_context(cafile=login.ca))
    return client


def aim(client: Client, host: str, port: int, version: MQTTProtocolVersion) -> None:
    """To the session that we, or another hub, left."""
    if version != MQTTv5:
        client.connect_async(host, port, KEEPALIVE)
        return
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = SESSION_DAYS * 86_400
    properties.ReceiveMaximum = IN_FLIGHT
    properties.MaximumPacketSize = LARGEST
    client.connect_async(host, port, KEEPALIVE, clean_start=False, properties=properties)


def subscribe(client: Client, *, session: bool) -> None:
    """How things stand comes at each connect, what happens only once."""
    filters = [(kind, int(kind not in PASSING)) for kind in (*AGAIN, *ONCE)]
    if client.protocol == MQTTv5:
        retain = {kind: SEND if kind in AGAIN else SEND_IF_NEW for kind, _ in filters}
        client.subscribe(
            [
                (f"gyms/+/{kind}", SubscribeOptions(qos=qos, retainHandling=retain[kind]))
                for kind, qos in filters
            ]
        )
        return
    client.subscribe(
        [(f"gyms/+/{kind}", qos) for kind, qos in filters if kind in AGAIN or not session]
    )


def _call(call: Callable[[], object]) -> None:
    call()


def _nothing() -> None: ...
