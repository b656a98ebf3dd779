"""One connection to the chain's broker, from its CONNECT to its end; then it is of no more use."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from ssl import SSLError

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv5
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.bridge import HandOver, in_thread
from gateway.ports.mqtt_client import KEEPALIVE, place_of

ANSWERS_WITHIN = 10.0  # seconds for CONNACK
ACKNOWLEDGES_WITHIN = 30.0  # seconds for PUBACK; then the connection is as good as gone
CLOSE_WITHIN = 1.0  # seconds: Ctrl-C is to end everything within 2 s
MOST_HEARD = 4_000  # messages from paho's thread to the loop: all words of 1,000 siblings and more
LARGEST = 524_288  # bytes of a payload
HEAD = 256  # bytes of a packet around it: our topics have at most 100
IN_FLIGHT = 20  # messages unacknowledged; a broker may want fewer
WRONG_VERSION = 0x84  # "unsupported protocol version"
TAKEN_OVER = 0x8E  # "session taken over"
NOT_AUTHORISED = 0x87
REFUSED = 0x80  # reason codes from here on are refusals
TAKEN = "another box may connect under the same id: is [branch] id used twice?"


class EndedError(Exception):
    """A connection, or the attempt at one, is over; `code` is the broker's reason, 0 without."""

    def __init__(self, text: str, code: int = 0, *, answered: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.answered = answered
        """The broker was there: it cost it work."""


class SilentError(EndedError):
    """Somebody is there, and does not answer as a broker of that MQTT version would."""


class UpstreamConnection:
    """`client` has not been told to connect yet, and does so once."""

    def __init__(self, client: Client, url: str, heard: Callable[[str, bytes], None]) -> None:
        """`heard` gets (topic, payload) on the loop."""
        loop = asyncio.get_running_loop()
        self._client = client
        self._url = url
        self._heard = heard
        self._over: HandOver[Callable[[], None]] = HandOver(loop, lambda call: call())
        self._up: asyncio.Future[ReasonCode] = loop.create_future()
        self.end: asyncio.Future[None] = loop.create_future()
        """Fails with an EndedError once the connection is over."""
        self.end.add_done_callback(lambda end: end.cancelled() or end.exception())  # it is known
        self._owed: dict[int, tuple[asyncio.Future[None], float]] = {}  # mid → since when
        self.largest = LARGEST
        """Bytes of a payload, as the broker takes it."""
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message

    async def open(self) -> None:
        """Return once the broker has taken us. Raises EndedError."""
        try:
            await in_thread(self._connect)
        except SSLError as error:
            hint = "correct [upstream] ca, certificate and key, or the broker's own"
            raise EndedError(f"no TLS with {self._url} ({error}): {hint}", answered=True) from None
        except (OSError, ValueError) as error:
            raise EndedError(f"no broker answers at {self._url} ({error})") from None
        self._client.loop_start()
        waited = (self._up, self.end)
        await asyncio.wait(waited, timeout=ANSWERS_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        if not self._up.done():
            text = f"{self._url} does not answer as an MQTT broker"
            raise SilentError(text, answered=not self.end.done())  # it may be cut, too
        reason = self._up.result()
        if reason.is_failure:
            raise EndedError(_refusal(self._url, reason), reason.value, answered=True)

    def _connect(self) -> None:
        """In a thread: it blocks. What is too large to be used is not even sent to us."""
        properties = None
        if self._client.protocol == MQTTv5:
            properties = Properties(PacketTypes.CONNECT)
            properties.MaximumPacketSize = LARGEST + HEAD
        self._client.connect(*place_of(self._url), KEEPALIVE, properties=properties)

    async def send(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """Publish with QoS 1; returns once the broker has acknowledged it.

        Raises ConnectionError: the connection ended first. PermissionError: it was refused.
        """
        if len(payload) > self.largest:
            raise PermissionError(f"(it takes {self.largest} bytes, these are {len(payload)})")
        if not self._client.is_connected():
            raise ConnectionResetError("not connected")
        mid = self._client.publish(topic, payload, 1, retain).mid
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._owed[mid] = done, time.monotonic()
        try:
            await done
        finally:
            self._owed.pop(mid, None)

    def subscribe(self, topics: Sequence[tuple[str, int]]) -> None:
        """Hear (topic, QoS) from now on."""
        self._client.subscribe([*topics])

    def unsubscribe(self, topics: Sequence[str]) -> None:
        """Hear them no more."""
        self._client.unsubscribe([*topics])

    def look(self) -> None:
        """At the oldest of what is owed, instead of a timer for each message."""
        now = time.monotonic()
        _, since = next(iter(self._owed.values()), (None, now))
        if now - since > ACKNOWLEDGES_WITHIN and not self.end.done():
            text = f"{self._url} has acknowledged nothing for {ACKNOWLEDGES_WITHIN:.0f} s"
            self.end.set_exception(EndedError(text, answered=True))

    async def close(self, farewell: tuple[str, bytes]) -> None:
        """In good order where there is somebody; nobody may wait for an answer any more."""
        for done, _ in self._owed.values():
            if not done.done():
                done.set_exception(ConnectionResetError("the connection ended"))
        self._owed.clear()
        self._client.on_disconnect = None
        if self._client.is_connected():
            self._client.publish(*farewell, retain=True)
            self._client.disconnect()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN):
                await in_thread(self._client.loop_stop)

    # --- in paho's thread -------------------------------------------------------------------------

    def _on_connect(
        self, client: Client, _data: object, _f: ConnectFlags, reason: ReasonCode, told: object
    ) -> None:
        """A broker of MQTT 5 says what it takes; nothing is under way yet."""
        many = getattr(told, "ReceiveMaximum", IN_FLIGHT)
        client._max_inflight_messages = min(IN_FLIGHT, many)  # noqa: SLF001  the setter forbids it
        self.largest = min(LARGEST, getattr(told, "MaximumPacketSize", LARGEST + HEAD) - HEAD)
        self._over.put(partial(self._connected, reason))

    def _on_disconnect(
        self, _client: Client, _data: object, _f: DisconnectFlags, reason: ReasonCode, _p: object
    ) -> None:
        self._over.put(partial(self._disconnected, reason))

    def _on_publish(
        self, _client: Client, _data: object, mid: int, reason: ReasonCode, _p: object
    ) -> None:
        self._over.put(partial(self._acknowledged, mid, reason))

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        if len(self._over) < MOST_HEARD and len(message.payload) <= LARGEST:
            self._over.put(partial(self._heard, message.topic, bytes(message.payload)))

    # --- on the loop ------------------------------------------------------------------------------

    def _connected(self, reason: ReasonCode) -> None:
        if not self._up.done():
            self._up.set_result(reason)

    def _disconnected(self, reason: ReasonCode) -> None:
        if not self.end.done():
            taken = reason.value == TAKEN_OVER
            said = f"the connection to {self._url} ended ({TAKEN if taken else reason})"
            self.end.set_exception(EndedError(said, int(reason.value), answered=taken))

    def _acknowledged(self, mid: int, reason: ReasonCode) -> None:
        done, _ = self._owed.get(mid, (None, 0.0))
        if done is None or done.done():
            return
        if reason.value >= REFUSED:
            hint = ": mend its ACL" if reason.value in {REFUSED, NOT_AUTHORISED} else ""
            done.set_exception(PermissionError(f"({reason}){hint}"))
        else:
            done.set_result(None)


def _refusal(url: str, reason: ReasonCode) -> str:
    hint = "" if reason.value == WRONG_VERSION else ": correct its user and password"
    return f"{url} refuses us ({reason}){hint}"
