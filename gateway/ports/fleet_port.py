"""A made-up branch's own connection to the chain's broker, on the loop: 500 of them, no thread."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from paho.mqtt.client import (
    Client,
    ConnectFlags,
    DisconnectFlags,
    MQTTMessage,
    MQTTv311,
)
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from gateway.bridge import in_thread
from gateway.ports.backoff import Backoff
from gateway.ports.eager_client import EagerClient, EagerSocket
from gateway.ports.mqtt_client import KEEPALIVE, place_of

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike

AT_ONCE = 16  # connections that are opened at the same time: each is a thread, and a handshake
OPEN_WITHIN = 30.0  # seconds for TCP, TLS and CONNACK of a broker that 500 knock at
ACKNOWLEDGED_WITHIN = 30.0  # seconds for PUBACK; then the connection is as good as gone
LOOK_EVERY = 5.0  # seconds between two looks at keepalive and at what is owed
OFFLINE = b"offline"

Lanes = Sequence[Callable[[], Awaitable[None]]]


class Login(NamedTuple):
    """How a branch comes in; its user's name is its gymId unless one is given."""

    urls: Sequence[str]
    """The nodes of a cluster, tried in turn."""
    password: str | None = None
    user: str | None = None
    trust: ssl.SSLContext | None = None
    """For mqtts://; one for all branches: each would take a megabyte."""


def trust(ca: str | None) -> ssl.SSLContext:
    """`ca`: a PEM file; None: the system's. Raises OSError."""
    return ssl.create_default_context(cafile=ca)


class FleetLink:
    """`run` connects for ever; MQTT 3.1.1, which every broker of a chain speaks."""

    def __init__(self, gym: str, login: Login, gate: asyncio.Semaphore, at: int = 0) -> None:
        """`gate` holds back who opens; `at`: the first of the urls that is tried."""
        self._gym = gym
        self._login = login
        self._gate = gate
        urls = [*login.urls]
        self._urls: Iterator[str] = cycle(urls[at % len(urls) :] + urls[: at % len(urls)])
        self._client: Client | None = None
        self._owed: dict[int, tuple[asyncio.Future[None], float]] = {}  # mid → since when
        self.hear: Callable[[bytes], None] = lambda _payload: None
        """Takes requests of the hub."""
        self.connections = 0
        self.problem = ""
        """Why the last connection, or attempt at one, ended."""

    @property
    def is_up(self) -> bool:
        """Whether it is connected now."""
        return self._client is not None and self._client.is_connected()

    async def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish with QoS 1; returns once it is acknowledged. Raises ConnectionError."""
        if self._client is None:
            raise ConnectionResetError("not connected")
        sent = self._client.publish(topic, payload, 1, retain)
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise ConnectionResetError(str(sent.rc))
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._owed[sent.mid] = done, loop.time()
        try:
            await done
        finally:
            self._owed.pop(sent.mid, None)

    async def run(self, lanes: Lanes) -> None:
        """`lanes` run while connected, and are cancelled when the connection ends."""
        backoff, loop = Backoff(), asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self._connect_and_run(next(self._urls), lanes)
            except OSError as error:
                self.problem = str(error) or type(error).__name__
            backoff.succeeded(loop.time() - began)
            await asyncio.sleep(backoff.next())

    async def _connect_and_run(self, url: str, lanes: Lanes) -> None:
        """Raises OSError: the connection ended, or there was none."""
        loop = asyncio.get_running_loop()
        self._up, self._end = loop.create_future(), loop.create_future()
        try:
            async with self._gate, asyncio.timeout(OPEN_WITHIN):
                await self._open(url)
            self.connections += 1
            await self._all((*lanes, self._watch))
        finally:
            self._close()

    async def _all(self, lanes: Lanes) -> None:
        """Until the first of them fails."""
        tasks = [asyncio.ensure_future(lane()) for lane in lanes]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _open(self, url: str) -> None:
        client = self._make(url)
        await in_thread(partial(client.connect, *place_of(url), KEEPALIVE))
        self._client = client
        self._attach(client)
        reason = await self._up
        if reason.is_failure:
            raise PermissionError(f"{_without_password(url)} refuses {self._gym} ({reason})")
        client.subscribe(f"gyms/{self._gym}/request", 1)

    def _make(self, url: str) -> Client:
        parts = urlsplit(url)
        client = EagerClient(
            CallbackAPIVersion.VERSION2,
            f"gym-{self._gym}",
            protocol=MQTTv311,
            clean_session=True,
            transport="unix" if parts.scheme == "unix" else "tcp",
            reconnect_on_failure=False,
        )
        client.username_pw_set(self._login.user or self._gym, self._login.password)
        if parts.scheme == "mqtts":
            client.tls_set_context(self._login.trust or trust(None))
        client.will_set(f"gyms/{self._gym}/gateway", OFFLINE, 1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    async def _watch(self) -> None:
        """Raises ConnectionError when the connection has ended, or is as good as gone."""
        loop = asyncio.get_running_loop()
        while not self._end.done():
            if self._client is not None:
                self._client.loop_misc()
            _, since = next(iter(self._owed.values()), (None, loop.time()))
            if loop.time() - since > ACKNOWLEDGED_WITHIN:
                raise ConnectionResetError(f"no PUBACK within {ACKNOWLEDGED_WITHIN:.0f} s")
            await asyncio.wait((self._end,), timeout=LOOK_EVERY)
        raise ConnectionResetError(self._end.result())

    def _close(self) -> None:
        """With a goodbye where somebody listens; what it owes is not acknowledged any more."""
        client, self._client = self._client, None
        for done, _ in self._owed.values():
            if not done.done():
                done.set_exception(ConnectionResetError("the connection ended"))
        if client is None:
            return
        if client.is_connected():
            client.publish(f"gyms/{self._gym}/gateway", OFFLINE, 1, retain=True)
            client.disconnect()
            client.loop_write()
        _detach(client)

    # --- paho on our loop -------------------------------------------------------------------------

    def _attach(self, client: Client) -> None:
        """From now on the loop reads and writes for it; until now its thread did."""
        loop, line = asyncio.get_running_loop(), client.socket()
        if line is None:
            raise ConnectionResetError("the broker hung up")

        def forget(_client: Client, _data: object, line: "SocketLike") -> None:
            loop.remove_reader(line)

        def be_silent(_client: Client, _data: object, line: "SocketLike") -> None:
            loop.remove_writer(line)

        client.on_socket_register_write = lambda _c, _d, line: loop.add_writer(
            line, client.loop_write
        )
        client.on_socket_unregister_write = be_silent
        client.on_socket_close = forget
        loop.add_reader(line, _read, client)
        if client.want_write():
            loop.add_writer(line, client.loop_write)

    def _on_connect(
        self, _client: Client, _data: object, _flags: ConnectFlags, reason: ReasonCode, _p: object
    ) -> None:
        if not self._up.done():
            self._up.set_result(reason)

    def _on_disconnect(
        self, _c: Client, _data: object, _flags: DisconnectFlags, reason: ReasonCode, _p: object
    ) -> None:
        if not self._up.done():
            self._up.set_exception(ConnectionResetError(f"the broker hung up ({reason})"))
        if not self._end.done():
            self._end.set_result(f"the connection ended ({reason})")

    def _on_publish(
        self, _client: Client, _data: object, mid: int, _reason: ReasonCode, _p: object
    ) -> None:
        done, _ = self._owed.get(mid, (None, 0.0))
        if done is not None and not done.done():
            done.set_result(None)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.hear(bytes(message.payload))


def _read(client: Client) -> None:
    """All that came; of what was read ahead the loop would not tell us again."""
    client.loop_read()
    while isinstance(line := client.socket(), EagerSocket | ssl.SSLSocket) and line.pending():
        client.loop_read()


def _detach(client: Client) -> None:
    """Close what a goodbye has left open; the will is told where there was none."""
    line = client.socket()
    if not isinstance(line, socket.socket):
        return
    loop = asyncio.get_running_loop()
    loop.remove_reader(line)
    loop.remove_writer(line)
    with suppress(OSError):
        line.close()


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
