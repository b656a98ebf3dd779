"""`systemd/gateway-kiosk`: a screen whose page is dead is started anew, any other is left alone."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "systemd/gateway-kiosk"
PATIENCE = 30  # seconds
ALIVE = """
import socket, sys, time
held = socket.create_connection(("127.0.0.1", int(sys.argv[-1].split(":")[2].split("/")[0])))
time.sleep(2)
sys.exit(7)
"""
DEAD = "import time; time.sleep(60)"


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Be silent."""


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/kiosk"
    server.shutdown()
    server.server_close()


def run(folder: Path, browser: str, url: str) -> subprocess.CompletedProcess[str]:
    program = folder / "browser.py"
    program.write_text(browser)
    asked = {"KIOSK_URL": url, "KIOSK_BROWSER": f"{sys.executable} {program}", "KIOSK_LOOK": "0.05"}
    return subprocess.run(
        ["/bin/sh", SCRIPT],
        env=os.environ | asked,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_a_browser_whose_page_is_dead_is_ended(tmp_path: Path, url: str) -> None:
    done = run(tmp_path, DEAD, url)
    assert (done.returncode, "holds no connection" in done.stderr) == (1, True)


def test_a_page_that_lives_is_left_alone_until_its_browser_ends(tmp_path: Path, url: str) -> None:
    assert run(tmp_path, ALIVE, url).returncode == 7


def test_while_the_gateway_is_away_the_page_may_say_so(tmp_path: Path) -> None:
    silent = DEAD.replace("60", "2")
    assert run(tmp_path, silent, "http://127.0.0.1:9/kiosk").returncode == 0
