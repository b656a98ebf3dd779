"""A guest who misbehaves until told to stop, then tells what it tried: `attacker.py PORT short`."""

import contextlib
import json
import random
import select
import socket
import sys
from collections import Counter
from collections.abc import Iterator

HOST, PORT = "127.0.0.1", int(sys.argv[1])
SHORT = sys.argv[2] == "short"
HALF = 100 if SHORT else 1000  # half requests, of five addresses
ATTEMPTS = 1_000 if SHORT else 10_000  # connections
AT_ONCE = 150  # of one address
REQUESTS = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: b\r\n" * 2000 + b"\r\n",
    b"GET /branches HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"GET /branches HTTP/1.1\r\nHost: localhost\r\nX-API-Key: wrong\r\n\r\n",
    b"POST /members HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
    b"POST /machines/m000/wrong HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 50000\r\n\r\n" + b"[" * 50_000,
    b"GET /%2e%2e/etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
)


def half_requests() -> Iterator[socket.socket]:
    """Begun, and left there."""
    for number in range(HALF):
        source = (f"127.0.1.{number * 5 // HALF + 1}", 0)
        with contextlib.suppress(OSError):
            sock = socket.create_connection((HOST, PORT), 5, source)
            sock.sendall(b"GET /branches HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            yield sock


def bulk(chance: random.Random, open_ones: list[socket.socket]) -> None:
    """One more connection, with something bad on it; the oldest goes."""
    with contextlib.suppress(OSError):
        sock = socket.create_connection((HOST, PORT), 5, (f"127.0.2.{chance.randrange(1, 4)}", 0))
        sock.setblocking(False)
        sock.send(chance.choice(REQUESTS))
        open_ones.append(sock)
    if len(open_ones) > AT_ONCE:
        open_ones.pop(0).close()


def main() -> None:
    """Misbehave in all ways until there is a line on standard input."""
    chance, tried = random.Random(5), Counter[str]()
    halves = list(half_requests())
    tried["half requests"] = len(halves)
    open_ones: list[socket.socket] = []
    while not select.select([sys.stdin], [], [], 0.0005)[0]:
        if tried["connections"] < ATTEMPTS:
            tried["connections"] += 1
            bulk(chance, open_ones)
    print(json.dumps(tried))


main()
