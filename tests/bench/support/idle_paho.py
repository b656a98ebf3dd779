"""The yardstick of ingest: a paho client that hears everything and does nothing."""

import sys
import threading

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


def main() -> None:
    port, expected, password = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    heard = 0
    done = threading.Event()

    def count(*_: object) -> None:
        nonlocal heard
        heard += 1
        if heard == expected:
            done.set()

    client = Client(
        CallbackAPIVersion.VERSION2, client_id="idle", protocol=MQTTProtocolVersion.MQTTv5
    )
    client.username_pw_set("gateway", password)
    client.on_message = count
    client.on_subscribe = lambda *_: print("ready", flush=True)
    properties = Properties(PacketTypes.CONNECT)
    properties.ReceiveMaximum = 1000
    client.connect("127.0.0.1", port, properties=properties)
    client.subscribe("gyms/test/machines/+/occupancy", qos=1)
    client.loop_start()
    done.wait(60)
    print(heard, flush=True)
    sys.stdin.read(1)


main()
