"""`python crowd.py PORT PATH CLIENTS`: many readers of a stream that cost next to nothing.

One epoll loop; only a few of them look at what they read. Each line on standard input is answered
with what was heard since the last one, as JSON.
"""

import json
import re
import resource
import select
import socket
import sys
import time

LOOKING = 20  # of all clients: they find the times in what they read
SAID = re.compile(rb'"lastChange":([0-9.]+),"cause"')  # not those of a snapshot
HEADERS = b"Host: localhost\r\nAccept: text/event-stream\r\n"
BUFFER = bytearray(2**18)


class Client:
    """A connection that has asked for the stream."""

    def __init__(self, port: int, path: str, *, looks: bool) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.sendall(b"GET %b HTTP/1.1\r\n%b\r\n" % (path.encode(), HEADERS))
        self.socket.setblocking(False)
        self.looks = looks
        self._rest = b""

    def read(self) -> int:
        try:
            return self.socket.recv_into(BUFFER)
        except OSError:
            return 0

    def latencies(self, size: int) -> list[float]:
        """Seconds from what the sensor said to now, for each event that is whole."""
        now = time.time()
        whole, _, self._rest = (self._rest + BUFFER[:size]).rpartition(b"\n\n")
        return [now - float(at) for at in SAID.findall(whole)]


class Crowd:
    """All of them, and what they heard."""

    def __init__(self, port: int, path: str, count: int) -> None:
        self._epoll = select.epoll()
        self._clients: dict[int, Client] = {}
        self._times: list[float] = []
        for number in range(count):
            client = Client(port, path, looks=number % max(1, count // LOOKING) == 0)
            self._clients[client.socket.fileno()] = client
            self._epoll.register(client.socket, select.EPOLLIN)
            self._take(0)
        self._epoll.register(sys.stdin, select.EPOLLIN)
        print("ready", flush=True)

    def run(self) -> None:
        """Until standard input ends."""
        while self._take(-1):
            pass

    def _take(self, patience: float) -> bool:
        for number, _ in self._epoll.poll(patience):
            client = self._clients.get(number)
            if client is None:
                if not sys.stdin.readline():
                    return False
                self._tell()
            else:
                self._read(number, client)
        return True

    def _read(self, number: int, client: Client) -> None:
        size = client.read()
        if not size:
            self._epoll.unregister(number)
            del self._clients[number]
        elif client.looks:
            self._times += client.latencies(size)

    def _tell(self) -> None:
        looking = sum(client.looks for client in self._clients.values())
        told = {"open": len(self._clients), "looking": looking, "times": self._times}
        print(json.dumps(told), flush=True)
        self._times = []


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    Crowd(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])).run()
