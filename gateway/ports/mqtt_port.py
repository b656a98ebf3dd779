"""The branch's MQTT messages: live or late, each acknowledged once it is committed."""

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage, topic_matches_sub
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.bridge import HandOver, in_thread
from gateway.inbox import Delivery, Inbox, PortBack, PortLost
from gateway.ports.mqtt_client import acknowledge, aim, client_id, make_client
from gateway.ports.state import Condition, PortState
from sensors.decoder import Decoder
from sensors.sample import Channel, Saying

MOST_WAITING = 10_000  # messages from paho's thread to the loop; QoS 1 is bounded by IN_FLIGHT, so
# only a flood at QoS 0 comes here (0.3 s of what mosquitto can send): the rest of it is dropped
TREE = "/#"
LARGEST = 64 * 1024  # bytes of a payload; the largest of real sensors are announcements of 20 KiB
MARKER_WITHIN = 60.0  # seconds until a marker that is not back is a finding
LOOK_EVERY = 1.0  # seconds between two looks at paho's thread
FROZEN = 5.0  # seconds without such a look: we stood still, and what comes now had to wait
CLOSE_WITHIN = 1.0  # seconds: Ctrl-C is to end everything within 2 s
REFUSED = 0x80  # reason codes from here on are refusals

Raw = tuple[bytes, bytes | None, bool, bool, int, int, float, int]
"""topic, payload (None: too large), late, dup, mid, qos, monotonic arrival, connection"""

log = logging.getLogger(__name__)


class Feed(NamedTuple):
    """Who listens to a topic: a sensor, its decoder, its channel of the device."""

    sensor: str
    decoder: Decoder
    channel: Channel = 0


class MqttPort:
    """One broker: `feeds` names who listens to each topic; paho reads in a thread of its own.

    `url` is mqtt://, mqtts:// or unix://; what is published is dropped while not connected, so
    publishers register with `on_connected` and then publish all again. `strangers` are filters
    under which unknown topics are heard too, so that they can be counted as `no_sensor`.
    """

    def __init__(
        self,
        gym: str,
        url: str,
        feeds: Mapping[str, Sequence[Feed]],
        inbox: Inbox,
        *,
        strangers: Sequence[str] = (),
        username: str | None = None,
        password: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        marker_within: float = MARKER_WITHIN,
        listeners: Mapping[str, Callable[[bytes], None]] = MappingProxyType({}),
    ) -> None:
        """`listeners` hear payloads of topics that are no sensor's, on the loop."""
        name = client_id(gym)
        self._url = url
        self._status_topic = f"gyms/{gym}/gateway/status"
        self._marker_topic = f"gyms/{gym}/gateway/marker/{name}"
        self._marker_bytes = self._marker_topic.encode()
        self._strangers = tuple(strangers)
        self._listeners = {topic.encode(): hear for topic, hear in listeners.items()}
        self._hand_to(feeds)
        self._inbox = inbox
        self._clock = clock
        self._marker_within = marker_within
        self._dropped: Counter[str] = Counter()
        self._republish: list[Callable[[], object]] = []
        self._unheard = 0  # topics that the broker refused to subscribe us to
        self._owed: list[tuple[int, int]] = []  # (connection, mid); at most IN_FLIGHT
        self._heard = False  # the newest marker of this connection came back; the loop's view
        self._overdue: asyncio.TimerHandle | None = None
        # what follows belongs to paho's thread
        self._connection = 0
        self._live = False
        self._looked_at = clock()
        self._word = b""
        self._connected = False
        self._subscribed = False
        self._over: HandOver[Raw | Callable[[], None]] | None = None
        self._client = make_client(name, url, username, password)
        self._problem = f"not connected to {url} yet"
        self._note("down", self._problem)

    def _hand_to(self, feeds: Mapping[str, Sequence[Feed]]) -> None:
        self._feeds = {
            topic.encode(): tuple(who) for topic, who in feeds.items() if not topic.endswith(TREE)
        }
        self._trees = {
            topic.removesuffix(TREE).encode(): tuple(who)
            for topic, who in feeds.items()
            if topic.endswith(TREE)
        }
        self._sensors = frozenset(feed.sensor for who in feeds.values() for feed in who)
        self._decoders = {id(feed.decoder): feed.decoder for who in feeds.values() for feed in who}
        alone = [topic for topic in feeds if not self._is_strangers(topic)]
        listeners = [topic.decode() for topic in self._listeners]
        self._topics = [*self._strangers, *alone, *listeners, self._marker_topic]

    def _is_strangers(self, topic: str) -> bool:
        return any(topic_matches_sub(filter_, topic) for filter_ in self._strangers)

    def listen_to(self, feeds: Mapping[str, Sequence[Feed]]) -> None:
        """From now on these; retained words come for who is new, and for nobody else."""
        known, heard = self._sensors, set(self._topics)
        self._hand_to(feeds)
        fresh = [t for t, who in feeds.items() if any(one.sensor not in known for one in who)]
        if not self._heard:
            self._inbox.put(PortLost("mqtt", self._sensors - known, self._clock()))
        passing = [topic for topic in fresh if self._is_strangers(topic)]
        gone = [*heard.difference(self._topics), *passing]
        if fresh and self._client.is_connected():
            self._client.subscribe([(topic, SubscribeOptions(qos=1)) for topic in fresh])
        if gone and self._client.is_connected():
            self._client.unsubscribe(gone)

    def state(self) -> PortState:
        """How the connection is."""
        decoders = self._decoders.values()
        dropped = sum((decoder.dropped for decoder in decoders), self._dropped.copy())
        return PortState("mqtt", "mqtt", self._state, self._since, self._problem, dropped)

    def on_connected(self, callback: Callable[[], object]) -> None:
        """Have `callback` called on the loop at each connect."""
        self._republish.append(callback)

    def publish(self, topic: str, payload: bytes, *, retain: bool = True, qos: int = 0) -> bool:
        """Send it now; False (and dropped) while not connected.

        What a dead network does not take is bounded by the keepalive, which ends the connection.
        """
        if not self._client.is_connected():
            return False
        self._client.publish(topic, payload, qos, retain)
        return True

    async def run(self) -> None:
        """Connect and stay connected, for ever; disconnects in good order when cancelled."""
        self._over = HandOver(asyncio.get_running_loop(), self._take)
        self._wire(self._client)
        self._inbox.put(PortLost("mqtt", self._sensors, self._clock()))
        try:
            while True:
                now = self._clock()
                if self._live and now - self._looked_at > FROZEN:
                    self._send_marker()
                self._looked_at = now
                self._client.loop_start()  # does nothing while its thread lives
                await asyncio.sleep(LOOK_EVERY)
        finally:
            await self._close()

    async def _close(self) -> None:
        self._client.on_disconnect = None  # this one is meant
        self.publish(self._status_topic, b"offline")
        self._client.disconnect()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN):
                await in_thread(self._client.loop_stop)
        self._cancel_overdue()

    # --- in paho's thread -------------------------------------------------------------------

    def _wire(self, client: Client) -> None:
        client.on_connect = self._on_connect
        client.on_connect_fail = lambda _client, _data: self._hand(self._unreachable)
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.will_set(self._status_topic, b"offline", qos=1, retain=True)
        aim(client, self._url)

    def _hand(self, item: Raw | Callable[[], None]) -> None:
        if self._over is not None:
            self._over.put(item)

    def _on_connect(
        self, client: Client, _data: object, flags: ConnectFlags, reason: ReasonCode, *_: object
    ) -> None:
        if reason.is_failure:
            self._hand(partial(self._refused, str(reason)))
            return
        self._connected = True
        self._connection += 1
        client.drop_out_messages()  # markers of connections that are gone
        client.publish(self._status_topic, b"online", retain=True)
        if not (flags.session_present and self._subscribed):
            quality = SubscribeOptions(qos=1)
            client.subscribe([(topic, quality) for topic in self._topics])
        self._send_marker()
        self._hand(self._publish_all)

    def _on_subscribe(
        self, _client: Client, _data: object, _mid: int, reasons: list[ReasonCode], *_: object
    ) -> None:
        refused = sum(reason.value >= REFUSED for reason in reasons)
        self._subscribed = not refused
        self._send_marker()
        self._hand(partial(self._subscribed_to_all_but, refused))

    def _send_marker(self) -> None:
        """A fresh word: an old one, left unacknowledged, comes back ahead of what is late."""
        self._live = False
        self._word = secrets.token_hex(8).encode()
        self._client.publish(self._marker_topic, self._word, qos=1)
        self._hand(self._expect_marker)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        topic = message._topic  # noqa: SLF001  the bytes: decoding them would cost, and may raise
        payload = bytes(message.payload) if len(message.payload) <= LARGEST else None
        over = self._over
        if over is None or (message.qos == 0 and len(over) >= MOST_WAITING):
            self._dropped["flood"] += 1
            return
        at = self._clock()
        frozen = at - self._looked_at > FROZEN
        late = not self._live or frozen or message.retain or message.dup
        over.put(
            (topic, payload, late, message.dup, message.mid, message.qos, at, self._connection)
        )
        if topic == self._marker_bytes and payload == self._word:
            self._live = True
            over.put(partial(self._back, at))

    def _on_disconnect(
        self, _client: Client, _data: object, _flags: object, reason: ReasonCode, *_: object
    ) -> None:
        self._live = False
        if self._connected:  # else it was refused, which has been told
            self._connected = False
            self._hand(partial(self._lost, self._clock(), str(reason)))

    # --- on the loop ------------------------------------------------------------------------

    def _take(self, item: Raw | Callable[[], None]) -> None:
        if not isinstance(item, tuple):
            item()
            return
        topic, payload, late, dup, mid, qos, at, connection = item
        receipt = partial(self._acknowledge, connection, mid) if qos else None
        sayings = self._decode(topic, payload)
        if sayings or receipt:
            self._inbox.put(Delivery(sayings, at, late, dup, receipt))

    def _decode(self, topic: bytes, payload: bytes | None) -> tuple[tuple[str, Saying], ...]:
        if payload is None:
            self._dropped["too_large"] += 1
            return ()
        if (listener := self._listeners.get(topic)) is not None:
            listener(payload)
            return ()
        feeds = self._feeds.get(topic) or self._tree(topic)
        if not feeds:
            self._dropped["no_sensor"] += topic != self._marker_bytes
            return ()
        text = topic.decode(errors="replace")
        return tuple(
            (sensor, saying)
            for sensor, decoder, channel in feeds
            for saying in decoder.feed(payload, text)
            if saying.channel == channel or saying.channel is None
        )

    def _tree(self, topic: bytes) -> tuple[Feed, ...]:
        """Who listens to a tree that the topic is in: the nearest."""
        while self._trees and topic:
            topic = topic.rpartition(b"/")[0]
            if topic in self._trees:
                return self._trees[topic]
        return ()

    def _acknowledge(self, connection: int, mid: int) -> None:
        """Owe the broker a PUBACK; all that a commit owes go out together."""
        if not self._owed:
            asyncio.get_running_loop().call_soon(self._pay)
        self._owed.append((connection, mid))

    def _pay(self) -> None:
        """Only on the connection they came by: on another, a mid may mean another message."""
        owed, self._owed = self._owed, []
        mids = [mid for connection, mid in owed if connection == self._connection]
        if mids:
            acknowledge(self._client, mids)

    def _publish_all(self) -> None:
        for republish in self._republish:
            republish()

    def _expect_marker(self) -> None:
        self._cancel_overdue()
        loop = asyncio.get_running_loop()
        self._overdue = loop.call_later(self._marker_within, self._marker_missing)

    def _back(self, at: float) -> None:
        self._cancel_overdue()
        if not self._heard:
            self._heard = True
            self._inbox.put(PortBack("mqtt", self._sensors, at))
            if self._unheard:
                told = f"{self._url} refuses {self._unheard} topics: let its ACL allow to read them"
                self._note("degraded", told)
            else:
                self._note("up", "")

    def _lost(self, at: float, reason: str) -> None:
        self._cancel_overdue()
        self._heard = False
        self._inbox.put(PortLost("mqtt", self._sensors, at))
        self._note("down", f"the connection to {self._url} ended ({reason}); it is being renewed")

    def _unreachable(self) -> None:
        self._note("down", f"no broker answers at {self._url}: start it, or correct [mqtt] url")

    def _refused(self, reason: str) -> None:
        self._note("down", f"{self._url} refuses us ({reason}): correct its user and password")

    def _subscribed_to_all_but(self, refused: int) -> None:
        self._unheard = refused

    def _marker_missing(self) -> None:
        line = f"topic readwrite {self._marker_topic}"
        self._note(
            "degraded",
            f"our marker is not back, so all counts as late: add `{line}` to "
            f"the ACL of the broker at {self._url}",
        )

    def _cancel_overdue(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()

    def _note(self, state: Condition, problem: str) -> None:
        if problem and problem != self._problem:
            log.info("mqtt: %s", problem)
        self._state: Condition = state
        self._problem = problem
        self._since = self._clock()
