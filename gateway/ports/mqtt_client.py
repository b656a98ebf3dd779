"""A paho client as we want one: MQTT 5, a session that lasts, acknowledged by hand."""

import hashlib
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from urllib.parse import SplitResult, urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.ports.eager_client import EagerClient

SESSION_DAYS = 7  # a gateway away for longer was replaced: words of last week tell nothing
IN_FLIGHT = 1000  # messages unacknowledged at once: back-pressure, and a batch of the writer
KEEPALIVE = 20  # seconds: a dead network is known within 40
PUBACK_TYPE, PUBACK = 0x40, Struct("!BBH")  # MQTT 5 allows leaving reason and properties out
SLOWEST_RETRY = 4  # seconds between attempts: a returning broker is heard within 5


def client_id(gym: str) -> str:
    """The same for this gateway at each start, another for each branch and each box."""
    try:
        box = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except OSError:
        box = platform.node()
    return f"gateway-{gym}-{hashlib.sha256(f'gateway {box}'.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files; None: the system's authorities, and no certificate of our own."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


SYSTEMS = TlsFiles()


def make_client(
    name: str,
    url: str,
    username: str | None,
    password: str | None,
    tls: TlsFiles = SYSTEMS,
    *,
    protocol: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5,
    manual_ack: bool = True,
    again: bool = True,
) -> Client:
    """A client for mqtt://, mqtts:// or unix:// that has not been told to connect yet.

    `again`: it connects again by itself. Raises OSError: a file of `tls` cannot be used.
    """
    parts = urlsplit(url)
    client = EagerClient(
        CallbackAPIVersion.VERSION2,
        name,
        protocol=protocol,
        transport="unix" if parts.scheme == "unix" else "tcp",
        reconnect_on_failure=again,
        manual_ack=manual_ack,
    )
    client.suppress_exceptions = True  # else one in a callback would end the thread, unseen
    client.reconnect_delay_set(1, SLOWEST_RETRY)
    if user := username or parts.username:
        client.username_pw_set(user, password)
    if parts.scheme == "mqtts":
        client.tls_set(tls.ca, tls.certificate, tls.key)
    return client


def acknowledge(client: Client, mids: Sequence[int]) -> None:
    """Send one PUBACK for each `mid`, all in one write; may be called from any thread.

    `Client.ack` wakes paho's thread and writes to the socket once per message: 20 of 57 µs.
    Here the ready packets are queued as one, as `ack` itself queues one.
    """
    packets = b"".join(PUBACK.pack(PUBACK_TYPE, 2, mid) for mid in mids)
    client._packet_queue(PUBACK_TYPE, packets, 0, 0)  # noqa: SLF001  there is no public way


def aim(client: Client, url: str) -> None:
    """Have it connect, once its thread runs, to the session that it left."""
    parts = urlsplit(url)
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = SESSION_DAYS * 86_400
    properties.ReceiveMaximum = IN_FLIGHT
    client.connect_async(
        _host(parts), _port(parts), KEEPALIVE, clean_start=False, properties=properties
    )


def place_of(url: str) -> tuple[str, int]:
    """(host or socket path, port) that an address stands for."""
    parts = urlsplit(url)
    return _host(parts), _port(parts)


def _host(parts: SplitResult) -> str:
    return parts.path if parts.scheme == "unix" else parts.hostname or "localhost"


def _port(parts: SplitResult) -> int:
    return parts.port or (8883 if parts.scheme == "mqtts" else 1883)
