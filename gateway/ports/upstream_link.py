"""The line to the chain's broker: one connection after the other, each with a client of its own.

What was not acknowledged when a connection ends is not kept here: who sent it has it in a table.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from random import uniform
from ssl import SSLError

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from gateway.bridge import HandOver, in_thread
from gateway.ports.backoff import FullJitter
from gateway.ports.mqtt_client import KEEPALIVE, SYSTEMS, TlsFiles, make_client, place_of
from gateway.ports.state import Condition, PortState

V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
ANSWERS_WITHIN = 10.0  # seconds for CONNACK
ACKNOWLEDGES_WITHIN = 30.0  # seconds for PUBACK; then the connection is as good as gone
LOOK_EVERY = 1.0  # seconds between two looks at what is owed
DEAD_FIRST, DEAD_LONGEST = 0.2, 1.5  # seconds: knocking at a dead line costs the centre nothing,
# and what returns must be used within two seconds
REFUSED_FIRST, REFUSED_LONGEST = 1.0, 30.0  # seconds: a refusal costs the centre a handshake
OPENS_AFTER, RESTS = 5, (60.0, 120.0)  # refusals in a row; then seconds until one attempt decides
STEADY = 10.0  # seconds up that count as success: two boxes of one name evict each other faster
MOST_BRIEF = 5  # connections in a row that were not steady; then it is not the line's fault alone
TAKEN = "another box may connect under the same id: is [branch] id used twice?"
MOST_HEARD = 4_000  # messages from paho's thread to the loop: all words of 1,000 siblings and more
LARGEST = 524_288  # bytes of a payload
CLOSE_WITHIN = 1.0  # seconds: Ctrl-C is to end everything within 2 s
WRONG_VERSION = 0x84  # "unsupported protocol version"
TAKEN_OVER = 0x8E  # "session taken over"
REFUSED = 0x80  # reason codes from here on are refusals

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Login:
    """How we come in."""

    url: str
    """mqtt://, mqtts:// or unix://."""
    user: str | None = None
    password: str | None = None
    tls: TlsFiles = SYSTEMS


class _EndedError(Exception):
    """A connection, or the attempt at one, is over; `code` is the broker's reason, 0 without."""

    def __init__(self, text: str, code: int = 0, *, answered: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.answered = answered
        """The broker was there: it cost it work."""


class UpstreamLink:
    """`run` connects for ever; while it is connected, what it was given to serve runs."""

    def __init__(
        self,
        name: str,
        login: Login,
        will: tuple[str, bytes],
        heard: Callable[[str, bytes], None],
    ) -> None:
        """`name` is the client id; `heard` gets (topic, payload) on the loop."""
        self._name = name
        self._login = login
        self._will = will
        self._heard = heard
        self._protocol = V5
        self._dead = FullJitter(DEAD_FIRST, DEAD_LONGEST)
        self._refused = FullJitter(REFUSED_FIRST, REFUSED_LONGEST)
        self._refusals = self._brief = 0
        self._client: Client | None = None
        self._owed: dict[int, tuple[asyncio.Future[None], float]] = {}  # mid → since when
        self._over: HandOver[Callable[[], None]] | None = None
        self._up: asyncio.Future[ReasonCode] | None = None
        self._end: asyncio.Future[None] | None = None
        self.connections = 0
        self._problem = ""
        self._note("down", f"not connected to {login.url} yet")

    # --- for who sends and listens ----------------------------------------------------------------

    @property
    def protocol(self) -> str:
        """The MQTT version that is spoken, or tried next."""
        return "5" if self._protocol is V5 else "3.1.1"

    def state(self) -> PortState:
        """How the connection is."""
        return PortState("upstream", "mqtt", self._state, self._since, self._problem, {})

    async def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish with QoS 1; returns once the broker has acknowledged it.

        Raises ConnectionError: the connection ended first. PermissionError: it was refused.
        """
        if self._client is None or not self._client.is_connected():
            raise ConnectionResetError("not connected")
        mid = self._client.publish(topic, payload, 1, retain).mid
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._owed[mid] = done, time.monotonic()
        try:
            await done
        except PermissionError as error:
            self._note("degraded", f"{self._login.url} refuses {topic} ({error}): mend its ACL")
            raise
        finally:
            self._owed.pop(mid, None)

    def subscribe(self, topics: Sequence[tuple[str, int]]) -> None:
        """Hear (topic, QoS) from now on, while this connection lasts."""
        if self._client is not None:
            self._client.subscribe([*topics])

    def unsubscribe(self, topics: Sequence[str]) -> None:
        """Hear them no more."""
        if self._client is not None:
            self._client.unsubscribe([*topics])

    # --- one connection after the other -----------------------------------------------------------

    async def run(self, serve: Callable[[], Awaitable[None]]) -> None:
        """Connect for ever. `serve` runs while connected and is cancelled at the end of it."""
        self._over = HandOver(asyncio.get_running_loop(), lambda call: call())
        while True:
            try:
                await self._connect_and_serve(serve)
            except _EndedError as ended:
                pause = self._pause_after(ended)
            await asyncio.sleep(pause)

    async def _connect_and_serve(self, serve: Callable[[], Awaitable[None]]) -> None:
        loop = asyncio.get_running_loop()
        self._up, self._end = loop.create_future(), loop.create_future()
        self._end.add_done_callback(lambda end: end.cancelled() or end.exception())  # it is known
        try:
            await self._connect()
            await self._serve(serve)
        finally:
            await self._close()

    async def _connect(self) -> None:
        assert self._up is not None
        assert self._end is not None
        url = self._login.url
        try:
            client = self._client = self._make_client()
            await in_thread(partial(client.connect, *place_of(url), KEEPALIVE))
        except SSLError as error:
            hint = "correct [upstream] ca, certificate and key, or the broker's own"
            raise _EndedError(f"no TLS with {url} ({error}): {hint}", answered=True) from None
        except (OSError, ValueError) as error:
            raise _EndedError(f"no broker answers at {url} ({error})") from None
        client.loop_start()
        await asyncio.wait(
            (self._up, self._end),
            timeout=ANSWERS_WITHIN,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if not self._up.done():
            self._speak_the_other()
            raise _EndedError(f"{url} does not answer as an MQTT broker", answered=True)
        reason = self._up.result()
        if reason.is_failure:
            if reason.value == WRONG_VERSION:
                self._speak_the_other()
            raise _EndedError(_refusal(url, reason), reason.value, answered=True)

    def _make_client(self) -> Client:
        login = self._login
        client = make_client(
            self._name,
            login.url,
            login.user,
            login.password,
            login.tls,
            protocol=self._protocol,
            manual_ack=False,
            again=False,
        )
        client.connect_timeout = 5.0  # seconds: a lost SYN is sent again after 1 and 3
        client.will_set(*self._will, qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def _speak_the_other(self) -> None:
        """A broker that knows MQTT 3.1.1 alone says so, or hangs up; one may be renewed, too."""
        self._protocol = V311 if self._protocol is V5 else V5

    async def _serve(self, serve: Callable[[], Awaitable[None]]) -> None:
        """Until the connection ends, which is an _EndedError, or `serve` fails, which is a fault.

        `serve` may meet the end before we are told.
        """
        assert self._end is not None
        began = time.monotonic()
        self.connections += 1
        self._note("up", "")
        log.info("connected to %s", self._login.url)
        served = asyncio.ensure_future(serve())
        watched = asyncio.create_task(self._watch())
        try:
            await asyncio.wait((served, watched, self._end), return_when=asyncio.FIRST_COMPLETED)
            if served.done() and not isinstance(served.exception(), ConnectionError):
                served.result()
        finally:
            for task in (served, watched):
                task.cancel()
            await asyncio.gather(served, watched, return_exceptions=True)
            self._brief += 1
            if time.monotonic() - began >= STEADY:
                self._works()
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY):
                await self._end
        raise _EndedError(f"the connection to {self._login.url} ended")

    def _works(self) -> None:
        self._dead.reset()
        self._refused.reset()
        self._refusals = self._brief = 0

    async def _watch(self) -> None:
        """One look at the oldest of what is owed, instead of a timer for each message."""
        assert self._end is not None
        while True:
            await asyncio.sleep(LOOK_EVERY)
            _, since = next(iter(self._owed.values()), (None, time.monotonic()))
            if time.monotonic() - since > ACKNOWLEDGES_WITHIN and not self._end.done():
                seconds = f"{ACKNOWLEDGES_WITHIN:.0f} s"
                text = f"{self._login.url} has acknowledged nothing for {seconds}"
                self._end.set_exception(_EndedError(text, answered=True))

    def _pause_after(self, ended: _EndedError) -> float:
        """The breaker: a centre that keeps answering and refusing is left alone for a while."""
        if not ended.answered and self._brief < MOST_BRIEF:
            self._note("down", f"{ended}; it is tried again all the time")
            return self._dead.next()
        if not ended.answered:
            self._note("down", f"{ended}, and so did {self._brief} before it; {TAKEN}")
            return self._refused.next()
        self._refusals += 1
        if ended.code == WRONG_VERSION and self._refusals == 1:
            return 0.0
        pause = self._refused.next()
        if self._refusals >= OPENS_AFTER:
            pause = uniform(*RESTS)  # noqa: S311  it spreads attempts, and keeps no secret
        self._note("down", f"{ended}; next attempt in {pause:.0f} s")
        return pause

    async def _close(self) -> None:
        """In good order where there is somebody; nobody may wait for an answer any more."""
        client, self._client = self._client, None
        for done, _ in self._owed.values():
            if not done.done():
                done.set_exception(ConnectionResetError("the connection ended"))
        self._owed.clear()
        if client is None:
            return
        client.on_disconnect = None
        if client.is_connected():
            client.publish(*self._will, retain=True)
            client.disconnect()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN):
                await in_thread(client.loop_stop)

    # --- in paho's thread -------------------------------------------------------------------------

    def _hand(self, call: Callable[[], None]) -> None:
        if self._over is not None:
            self._over.put(call)

    def _on_connect(
        self, client: Client, _data: object, _flags: ConnectFlags, reason: ReasonCode, _p: object
    ) -> None:
        self._hand(partial(self._connected, client, reason))

    def _on_disconnect(
        self, client: Client, _data: object, _f: DisconnectFlags, reason: ReasonCode, _p: object
    ) -> None:
        self._hand(partial(self._disconnected, client, reason))

    def _on_publish(
        self, client: Client, _data: object, mid: int, reason: ReasonCode, _p: object
    ) -> None:
        self._hand(partial(self._acknowledged, client, mid, reason))

    def _on_message(self, client: Client, _data: object, message: MQTTMessage) -> None:
        over = self._over
        if over is None or len(over) >= MOST_HEARD or len(message.payload) > LARGEST:
            return
        over.put(partial(self._hear, client, message.topic, bytes(message.payload)))

    # --- on the loop ------------------------------------------------------------------------------

    def _connected(self, client: Client, reason: ReasonCode) -> None:
        if client is self._client and self._up is not None and not self._up.done():
            self._up.set_result(reason)

    def _disconnected(self, client: Client, reason: ReasonCode) -> None:
        if client is self._client and self._end is not None and not self._end.done():
            code = int(reason.value)
            text = TAKEN if code == TAKEN_OVER else str(reason)
            said = f"the connection to {self._login.url} ended ({text})"
            self._end.set_exception(_EndedError(said, code, answered=code == TAKEN_OVER))

    def _acknowledged(self, client: Client, mid: int, reason: ReasonCode) -> None:
        done, _ = self._owed.get(mid, (None, 0.0))
        if client is not self._client or done is None or done.done():
            return
        if reason.value >= REFUSED:
            done.set_exception(PermissionError(str(reason)))
        else:
            done.set_result(None)
            if self._state == "degraded":
                self._note("up", "")

    def _hear(self, client: Client, topic: str, payload: bytes) -> None:
        if client is self._client:
            self._heard(topic, payload)

    def _note(self, state: Condition, problem: str) -> None:
        if problem and problem.partition(";")[0] != self._problem.partition(";")[0]:
            log.info("upstream: %s", problem)
        self._state: Condition = state
        self._problem = problem
        self._since = time.monotonic()


def _refusal(url: str, reason: ReasonCode) -> str:
    hint = "" if reason.value == WRONG_VERSION else ": correct its user and password"
    return f"{url} refuses us ({reason}){hint}"
