"""What guests of an open Wi-Fi may try: clear answers, bounded memory, nobody else disturbed."""

import contextlib
import http.client
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process import GatewayProcess, gateway, native_config

CONFIG = native_config(3, occupancy="", extra="[limits]\nstreams = 200\nstreams_per_address = 50")
HOST = "127.0.0.1"
PATIENCE = 15.0  # seconds
FULL = 200  # connections of one address
GARBAGE = 300  # requests of the fuzz, by seed


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with gateway(tmp_path_factory.mktemp("abuse"), CONFIG) as running:
        running.wait_port_up()
        yield running


@contextlib.contextmanager
def connection(process: GatewayProcess, address: str) -> Iterator[socket.socket]:
    """A TCP connection from one of the loopback's addresses."""
    with socket.create_connection((HOST, process.port), PATIENCE, (address, 0)) as sock:
        yield sock


def says(
    process: GatewayProcess, request: bytes, address: str = "127.0.9.1", *, whole: bool = False
) -> bytes:
    """The first line of the answer to these bytes; b"" where the connection is cut."""
    with connection(process, address) as sock:
        with contextlib.suppress(OSError):
            sock.sendall(request)
            if not whole:  # else the gateway waits for the rest, which does not come
                sock.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            return sock.recv(65536).partition(b"\r\n")[0]
    return b""


def works(process: GatewayProcess) -> bool:
    """Whether a guest with a clean record is served."""
    good = http.client.HTTPConnection(HOST, process.port, timeout=PATIENCE)
    with contextlib.closing(good):
        good.request("GET", "/health/live")
        return good.getresponse().status == 200


def memory(process: GatewayProcess) -> int:
    """Resident bytes."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * 4096


def test_a_thousand_half_requests_stop_nobody(process: GatewayProcess) -> None:
    before = memory(process)
    with contextlib.ExitStack() as stack:
        for number in range(1000):
            sock = stack.enter_context(connection(process, f"127.0.1.{number // FULL + 1}"))
            with contextlib.suppress(OSError):
                sock.sendall(b"GET /branches HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        assert works(process)
        assert process.local_status("/health/live") == 200
    assert memory(process) - before < 40 * 2**20  # 40 KiB each: buffers of the library


def test_ten_thousand_connections_leave_nothing_behind(process: GatewayProcess) -> None:
    before = memory(process)
    for _ in range(10):
        with contextlib.ExitStack() as stack:
            for _ in range(1000):
                with contextlib.suppress(OSError):
                    stack.enter_context(connection(process, "127.0.2.1"))
            assert works(process)
    assert memory(process) - before < 10 * 2**20


BOMBS = {
    "many fields": b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: b\r\n" * 5000 + b"\r\n",
    "a long field": b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"a" * 100_000 + b"\r\n\r\n",
    "a long address": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00" * 50,
    "two lengths": b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
    b"Content-Length: 2\r\n\r\n",
    "two framings": b"POST /members HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a bad length": b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    "bad UTF-8": b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a null": b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    "a foreign host": b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "a foreign absolute address": b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n"
    b"\r\n",
    "a tunnel": b"CONNECT evil.example:80 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused(process: GatewayProcess, name: str) -> None:
    line = says(process, BOMBS[name])
    assert line == b"" or line.split()[1] in {b"400", b"404", b"405", b"421", b"431"}, line
    assert works(process)


PATHS = (
    "/../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/web/../../config/sections.py",
    "/web/%2e%2e%2fapi%2fserver.py",
    "/web//etc/passwd",
    "/web/phone/..%5c..%5c",
    "/machines/%00",
    "/machines/" + "m" * 5000,
    "/machines/m000%0d%0aX-Evil:1",
    "//evil.example/",
    "/;/admin/keys",
    "/admin/keys",
    "/admin//keys",
    "/%61dmin/keys",
    "/./admin/keys",
    "/admin/sensors?x=1",
    "*",
)


@pytest.mark.parametrize("path", PATHS)
def test_a_trick_in_the_path_finds_nothing(process: GatewayProcess, path: str) -> None:
    line = says(process, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), "127.0.9.2")
    assert line == b"" or line.split()[1] in {b"400", b"404"}, line


def test_garbage_by_seed_never_is_our_mistake(process: GatewayProcess) -> None:
    chance = random.Random(11)
    whole = (
        b"POST /machines/m000/wrong?x=%41 HTTP/1.1\r\nHost: localhost\r\n"
        b'Content-Type: application/json\r\nContent-Length: 14\r\n\r\n{"note": "abc"}'
    )
    for number in range(GARBAGE):
        spoilt = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        line = says(process, bytes(spoilt), f"127.0.{10 + number // 20}.1")
        assert line == b"" or line.split()[1][:1] in {b"2", b"4"}, (bytes(spoilt), line)
    assert "Traceback" not in process.log.read_text()
    assert works(process)


def test_members_cannot_be_made_in_bulk(process: GatewayProcess) -> None:
    request = b"POST /members HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
    found = [says(process, request, "127.0.5.1", whole=True).split()[1] for _ in range(8)]
    assert found == [b"201"] * 5 + [b"429"] * 3
    others = [says(process, request, f"127.0.5.{n}", whole=True).split()[1] for n in range(2, 6)]
    assert others == [b"201"] * 4


def test_guests_learn_nothing_about_brokers_ports_and_versions(process: GatewayProcess) -> None:
    for path in ("/health", "/nowhere", "/branches", "/metrics", "/openapi.json"):
        with connection(process, "127.0.6.1") as sock:
            sock.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            said = b"".join(iter(lambda: sock.recv(65536), b"")).lower()
        assert not {
            w for w in (b"aiohttp", b"python", b"mosquitto", b"1883", b"sqlite") if w in said
        }
