"""A load that costs next to nothing to make: MQTT 3.1.1 packets, encoded before the clock runs."""

import socket
import struct
import threading
from collections.abc import Iterable

WINDOW = 2000  # messages sent and not yet acknowledged by the broker


def publish_packet(topic: str, payload: bytes, mid: int) -> bytes:
    """A QoS 1 PUBLISH."""
    name = topic.encode()
    body = struct.pack("!H", len(name)) + name + struct.pack("!H", mid) + payload
    return b"\x32" + _length(len(body)) + body


class RawPublisher:
    """Sends ready packets at QoS 1 and counts the broker's acknowledgements."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04load")
        assert self._socket.recv(4)[:2] == b"\x20\x02"

    def send(self, packets: list[bytes]) -> None:
        """Send all; returns once the broker has acknowledged every one."""
        room = threading.Semaphore(WINDOW)
        reader = threading.Thread(target=self._count, args=(len(packets), room))
        reader.start()
        for number in range(0, len(packets), WINDOW // 10):
            part = packets[number : number + WINDOW // 10]
            for _ in part:
                room.acquire()
            self._socket.sendall(b"".join(part))
        reader.join()

    def close(self) -> None:
        self._socket.sendall(b"\xe0\x00")
        self._socket.close()

    def _count(self, expected: int, room: threading.Semaphore) -> None:
        pending = expected * 4  # a PUBACK of 3.1.1 has four bytes
        whole = 0
        while pending:
            data = self._socket.recv(65536)
            assert data, "the broker hung up"
            pending -= len(data)
            whole += len(data)
            room.release(max(1, whole // 4)) if whole >= 4 else None
            whole %= 4


def turns(machines: Iterable[str], count: int) -> list[bytes]:
    """`count` messages, round the machines, each one a change of its machine's status."""
    names = list(machines)
    packets = []
    for number in range(count):
        turn = number // len(names)
        payload = b'{"occupied": %s, "seq": %d}' % (b"false" if turn % 2 else b"true", turn + 1)
        topic = f"gyms/test/machines/{names[number % len(names)]}/occupancy"
        packets.append(publish_packet(topic, payload, number % 65535 + 1))
    return packets


def _length(number: int) -> bytes:
    out = bytearray()
    while True:
        number, digit = divmod(number, 128)
        out.append(digit | (0x80 if number else 0))
        if not number:
            return bytes(out)
