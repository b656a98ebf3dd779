"""How many reads of `/branches` one core answers, everything switched on: wrk counts."""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from tests.bench.harness import Row
from tests.process import free_port, gateway, native_config

CONNECTIONS = 16
TARGET = "≥ 12,000 /s"
EXTRA = "[limits]\nrequests = 1000000"  # counted, and never used up
BARE = Path(__file__).parent / "support/bare_aiohttp.py"
NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/log;
events {{}}
http {{
  access_log off; types {{ application/json json; }}
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; location = /branches {{ alias {folder}/branches.json; }} }}
}}
"""


def bench(short: bool) -> Iterator[Row]:
    """Reads and 304s a second, beside bare aiohttp with the same bytes and nginx from a file."""
    seconds = 1 if short else 8
    config = native_config(40, occupancy="", extra=EXTRA)
    with tempfile.TemporaryDirectory(prefix="gw-") as name, gateway(Path(name), config) as process:
        process.wait_port_up()
        body, _ = _first(process.port)
        bare = _of_bare(body, seconds)
        ours = _wrk(process.port, seconds)
        etag = _first(process.port)[1] if short else _newest(process.port)
        unchanged = _wrk(process.port, seconds, {"If-None-Match": etag})
    yield Row("GET /branches", ours, "/s", "bare aiohttp, ready bytes", bare, TARGET)
    yield Row("GET /branches", ours, "/s", "nginx, static file", _of_nginx(body, seconds))
    yield Row("304 Not Modified", unchanged, "/s", "the whole reply", ours, "faster")


def _first(port: int) -> tuple[bytes, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/branches")
    reply = connection.getresponse()
    return reply.read(), reply.headers["ETag"]


def _newest(port: int) -> str:
    """A tag that has just been made: ready bytes, and so a tag, live for at most 15 s."""
    first = newest = _first(port)[1]
    while newest == first:
        time.sleep(0.1)
        newest = _first(port)[1]
    return newest


def _wrk(port: int, seconds: int, headers: Mapping[str, str] | None = None) -> float:
    """Requests a second of one client thread."""
    more = [part for pair in (headers or {}).items() for part in ("-H", ": ".join(pair))]
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", *more]
    url = f"http://127.0.0.1:{port}/branches"
    said = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in said or headers, said
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert found, said
    return float(found[1])


def _of_bare(body: bytes, seconds: int) -> float:
    port = free_port()
    with _running([sys.executable, str(BARE), str(port), body.decode()], port):
        return _wrk(port, seconds)


def _of_nginx(body: bytes, seconds: int) -> float:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="gw-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "branches.json").write_bytes(body)
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
        with _running(["nginx", "-c", str(folder / "nginx.conf"), "-p", name], port):
            return _wrk(port, seconds)


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        _wait(port)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _wait(port: int) -> None:
    end = time.monotonic() + 10
    while True:
        try:
            return _first_byte(port)
        except OSError:
            assert time.monotonic() < end, "the yardstick does not start"
            time.sleep(0.02)


def _first_byte(port: int) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/branches")
    connection.getresponse().read()
