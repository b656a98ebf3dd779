"""A crowd of readers in a process of its own, and what the kernel says of a process."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CROWD = Path(__file__).with_name("crowd.py")
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Heard:
    """What the crowd heard since it was last asked."""

    open: int
    looking: int
    times: list[float]
    """Seconds from the sensor's word to a client that looks, one for each event."""

    @property
    def events(self) -> float:
        """How many reached a client."""
        return len(self.times) / max(1, self.looking)


class Crowd:
    """Its process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def heard(self) -> Heard:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return Heard(**json.loads(self.line()))

    def line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def crowd(port: int, path: str, count: int) -> Iterator[Crowd]:
    """So many clients, all of them connected."""
    command = [sys.executable, str(CROWD), str(port), path, str(count)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        readers = Crowd(process)
        assert readers.line() == "ready\n"
        try:
            yield readers
        finally:
            process.kill()


@contextmanager
def never_reading(port: int, path: str, count: int) -> Iterator[None]:
    """Clients that ask for the stream and then sleep."""
    asleep = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    for sock in asleep:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
    try:
        yield
    finally:
        for sock in asleep:
            sock.close()


def cpu(pid: int) -> float:
    """Seconds of processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident(pid: int) -> float:
    """KiB of memory of a process."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return float(found[1])


def queued(port: int) -> float:
    """KiB that the kernel holds for the connection from `port` whose client reads least."""
    listed = subprocess.run(
        ["ss", "-tmnH", f"sport = :{port}"], capture_output=True, text=True, check=True
    ).stdout
    return max((int(size) for size in re.findall(r"skmem:\(.*?,w(\d+)", listed)), default=0) / 1024
