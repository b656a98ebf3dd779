"""Everything that a broker carries, for a while: for who looks for sensors."""

import secrets
import time
from collections.abc import Iterator

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.reasoncodes import ReasonCode

from gateway.ports.mqtt_client import IN_FLIGHT, make_client, place_of

LARGEST = 64 * 1024  # bytes of a payload
LOOP = 0.1  # seconds


class CannotListenError(OSError):
    """The broker does not let us; the text says why."""


def overheard(
    url: str, user: str | None, password: str | None, seconds: float
) -> Iterator[tuple[str, bytes]]:
    """(topic, payload) as they come, retained ones first. Raises CannotListenError."""
    heard: list[tuple[str, bytes]] = []
    refused: list[str] = []
    client = make_client(f"discover-{secrets.token_hex(4)}", url, user, password)
    client.manual_ack_set(False)  # noqa: FBT003  paho's own signature

    def connected(
        client: Client, _data: object, _flags: object, reason: ReasonCode, *_: object
    ) -> None:
        if reason.is_failure:
            refused.append(str(reason))
        else:
            client.subscribe("#", qos=0)

    def message(_client: Client, _data: object, said: MQTTMessage) -> None:
        if len(said.payload) <= LARGEST and len(heard) < IN_FLIGHT * 10:
            heard.append((said.topic, bytes(said.payload)))

    client.on_connect, client.on_message = connected, message
    try:
        client.connect(*place_of(url), keepalive=20)
    except OSError as error:
        raise CannotListenError(f"no broker answers at {url}: {error}") from None
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        client.loop(LOOP)
        if refused:
            raise CannotListenError(f"{url} refuses us: {refused[0]}")
        yield from heard
        heard.clear()
    client.disconnect()
