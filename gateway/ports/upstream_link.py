"""The line to the chain's broker: one connection after the other, for ever.

What was not acknowledged when a connection ends is not kept here: who sent it has it in a table.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import uniform

from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTProtocolVersion

from gateway.ports.backoff import FullJitter
from gateway.ports.mqtt_client import SYSTEMS, TlsFiles, make_client
from gateway.ports.state import Condition, PortState
from gateway.ports.upstream_connection import (
    LARGEST,
    REFUSED,
    TAKEN,
    WRONG_VERSION,
    EndedError,
    SilentError,
    UpstreamConnection,
)

V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
CONNECTS_WITHIN = 5.0  # seconds: a lost SYN is sent again after 1 and 3
LOOK_EVERY = 1.0  # seconds between two looks at what is owed
DEAD_FIRST, DEAD_LONGEST = 0.2, 1.5  # seconds: knocking at a dead line costs the centre nothing,
# and what returns must be used within two seconds
REFUSED_FIRST, REFUSED_LONGEST = 1.0, 30.0  # seconds: a refusal costs the centre a handshake
OPENS_AFTER, RESTS = 5, (30.0, 60.0)  # refusals in a row; then seconds until one attempt decides
STEADY = 10.0  # seconds up that count as success: two boxes of one name evict each other faster
UNSAID = {0, REFUSED}  # reasons that name none: an end that the broker does not explain
MOST_BRIEF, BRIEF_PAUSE = 5, 5.0  # so many in a row that were not steady: then up to 5 s between

FORBIDDEN = " Or does its ACL forbid a topic? MQTT 3.1.1 has no word for that"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Login:
    """How we come in."""

    url: str
    """mqtt://, mqtts:// or unix://."""
    user: str | None = None
    password: str | None = None
    tls: TlsFiles = SYSTEMS


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
        self._works = False
        self._dead = FullJitter(DEAD_FIRST, DEAD_LONGEST)
        self._refused = FullJitter(REFUSED_FIRST, REFUSED_LONGEST)
        self._refusals = self._brief = 0
        self._refusing: dict[str, str] = {}  # kind of topic → what to do
        self._connection: UpstreamConnection | None = None
        self.connections = 0
        self._state: Condition = "up"
        self._problem = ""
        self._note("down", f"not connected to {login.url} yet")

    # --- for who sends and listens ----------------------------------------------------------------

    @property
    def protocol(self) -> str:
        """The MQTT version that is spoken, or tried next."""
        return "5" if self._protocol is V5 else "3.1.1"

    @property
    def largest(self) -> int:
        """Bytes of a payload that the broker takes."""
        return LARGEST if self._connection is None else self._connection.largest

    def state(self) -> PortState:
        """How the connection is."""
        return PortState("upstream", "mqtt", self._state, self._since, self._problem, {})

    async def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish with QoS 1; returns once the broker has acknowledged it.

        Raises ConnectionError: the connection ended first. PermissionError: it was refused.
        """
        if self._connection is None:
            raise ConnectionResetError("not connected")
        try:
            await self._connection.send(topic, payload, retain=retain)
        except PermissionError as error:
            self._refusing[_kind(topic)] = f"{self._login.url} refuses {topic} {error}"
            self._note_refusals()
            raise
        if self._refusing.pop(_kind(topic), None) is not None:
            self._note_refusals()

    def subscribe(self, topics: Sequence[tuple[str, int]]) -> None:
        """Hear (topic, QoS) from now on, while this connection lasts."""
        if self._connection is not None:
            self._connection.subscribe(topics)

    def unsubscribe(self, topics: Sequence[str]) -> None:
        """Hear them no more."""
        if self._connection is not None:
            self._connection.unsubscribe(topics)

    # --- one connection after the other -----------------------------------------------------------

    async def run(self, serve: Callable[[], Awaitable[None]]) -> None:
        """Connect for ever. `serve` runs while connected and is cancelled at the end of it."""
        while True:
            try:
                await self._connect_and_serve(serve)
            except EndedError as ended:
                pause = self._pause_after(ended)
            await asyncio.sleep(pause)

    async def _connect_and_serve(self, serve: Callable[[], Awaitable[None]]) -> None:
        url = self._login.url
        try:
            client = self._make_client()
        except OSError as error:
            raise EndedError(f"a file of [upstream] cannot be used for {url} ({error})") from None
        connection = UpstreamConnection(client, url, self._heard)
        try:
            await connection.open()
            self._connection = connection
            await self._serve(connection, serve)
        finally:
            self._connection = None
            await connection.close(self._will)

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
        client.connect_timeout = CONNECTS_WITHIN
        client.will_set(*self._will, qos=1, retain=True)
        return client

    async def _serve(
        self, connection: UpstreamConnection, serve: Callable[[], Awaitable[None]]
    ) -> None:
        """Until the connection ends, which is an EndedError, or `serve` fails, which is a fault."""
        began = time.monotonic()
        self.connections += 1
        self._works = True
        self._refusing.clear()
        self._note("up", "")
        log.info("connected to %s", self._login.url)
        served = asyncio.ensure_future(serve())
        try:
            while not (served.done() or connection.end.done()):
                await asyncio.wait(
                    (served, connection.end),
                    timeout=LOOK_EVERY,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                connection.look()
        finally:
            served.cancel()
            await asyncio.gather(served, return_exceptions=True)
            self._lasted(time.monotonic() - began)
        if not served.cancelled():
            served.result()
        with suppress(TimeoutError):  # `serve` may meet the end before we are told
            async with asyncio.timeout(LOOK_EVERY):
                await connection.end
        raise EndedError(f"the connection to {self._login.url} ended")

    def _lasted(self, seconds: float) -> None:
        self._brief += 1
        if seconds >= STEADY:
            self._dead.reset()
            self._refused.reset()
            self._refusals = self._brief = 0

    def _pause_after(self, ended: EndedError) -> float:
        """The breaker: a centre that keeps answering and refusing is left alone for a while."""
        silent = isinstance(ended, SilentError) and not self._works  # else the line was cut
        if silent or ended.code == WRONG_VERSION:
            self._protocol = V311 if self._protocol is V5 else V5
        if not ended.answered and self._brief < MOST_BRIEF:
            self._note("down", f"{ended}; it is tried again all the time")
            return self._dead.next()
        if not ended.answered:
            why = f"; {TAKEN}{'' if self._protocol is V5 else FORBIDDEN}"
            told = f"{ended}, and so did {self._brief} before it"
            self._note("down", told + why if ended.code in UNSAID else told)
            return uniform(0, BRIEF_PAUSE)  # noqa: S311  it keeps no secret
        self._refusals += 1
        if ended.code == WRONG_VERSION and self._refusals == 1:
            return 0.0  # the other version is tried at once
        pause = self._refused.next()
        if self._refusals >= OPENS_AFTER:
            pause = uniform(*RESTS)  # noqa: S311  it spreads attempts, and keeps no secret
        self._note("down", f"{ended}; next attempt in {pause:.0f} s")
        return pause

    def _note_refusals(self) -> None:
        """What one topic is refused for stays true while others are taken."""
        problem = next(iter(self._refusing.values()), "")
        self._note("degraded" if problem else "up", problem)

    def _note(self, state: Condition, problem: str) -> None:
        """`state` is since its first note, however often it is tried meanwhile."""
        if problem and problem.partition(";")[0] != self._problem.partition(";")[0]:
            log.info("upstream: %s", problem)
        if state != self._state:
            self._since = time.monotonic()
        self._state = state
        self._problem = problem


def _kind(topic: str) -> str:
    """`gyms/{gymId}/digest` of each day's digest."""
    return "/".join(topic.split("/")[:3])
