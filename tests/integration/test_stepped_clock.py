"""A real gateway whose clock is set while it runs: what is shown follows, what waits waits on."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.process import GatewayProcess, native_config

HOURS = 8 * 3600.0
WITHIN = 20.0  # seconds; the clock is looked at once a second
NOW = "busy_after = 0\nfree_after = 0"


class SetClock(GatewayProcess):
    """Whose wall clock somebody sets."""

    module = "tests.lapse"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, native_config(1, occupancy=NOW))
        self.env = {
            "LAPSE": f"1 {time.monotonic()} {time.time()}",
            "LAPSE_STEP": str(folder / "steps"),
        }

    def set(self, ahead: float) -> None:
        """So many seconds ahead of ours."""
        (self.folder / "steps").write_text(f"{ahead} 1e18")

    def wait_for(self, ahead: float) -> None:
        """Until the gateway has seen it."""
        self.set(ahead)
        end = time.monotonic() + WITHIN
        while abs(self.branch()["asOf"] - time.time() - ahead) > 60:
            assert time.monotonic() < end
            time.sleep(0.05)

    def branch(self) -> Any:
        return self.local("/branches")["branches"][0]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[SetClock]:
    made = SetClock(tmp_path)
    yield made
    made.end()


def since(process: SetClock) -> float:
    """Seconds since its machine is as it is; by our clock."""
    return time.time() - float(process.local("/machines/m000")["lastChange"])


def call(process: SetClock, path: str, body: object, token: str = "") -> Any:
    """A phone's; GET without a body."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    headers = headers if token else {"Content-Type": "application/json"}
    url = f"http://127.0.0.1:{process.port}{path}"
    with urlopen(Request(url, data, headers), timeout=10) as reply:
        return json.loads(reply.read())


def test_nothing_is_shown_to_be_so_since_a_moment_to_come_once_the_clock_is_put_back(
    process: SetClock,
) -> None:
    process.set(HOURS)
    process.start()
    process.wait_port_up()
    process.publish("m000", occupied=True)
    process.wait_status("m000", "occupied")
    process.wait_for(0)
    assert 0 <= since(process) < 60
    process.kill()
    process.start()
    assert 0 <= since(process) < 60


def test_an_alert_waits_through_a_clock_that_leaps_by_hours(process: SetClock) -> None:
    process.start()
    process.wait_port_up()
    process.publish("m000", occupied=True)
    process.wait_status("m000", "occupied")
    token = call(process, "/members", {})["token"]
    alert = call(process, "/alerts", {"machineId": "m000", "next": True, "expiresIn": 7200}, token)
    process.wait_for(HOURS)
    process.wait_for(0)
    told = call(process, f"/alerts/{alert['alertId']}", None, token)
    assert told["status"] == "armed"
    assert 7100 < told["expiresAt"] - time.time() <= 7200
