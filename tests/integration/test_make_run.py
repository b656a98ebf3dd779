"""The simulated branch of `make run`, as a newcomer meets it."""

import re
import signal
import time
from pathlib import Path

import pytest

from tests.process import GatewayProcess, broker_pids, free_port, gateway

SHIPPED = Path(__file__).parents[2] / "gateway.toml"


@pytest.fixture
def simulated() -> str:
    """gateway.toml as shipped, but for its ports."""
    text = SHIPPED.read_text().replace("{", "{{").replace("}", "}}")
    text = re.sub(r"(?m)^port = \d+", "port = {http_port}", text)
    assert "{http_port}" in text
    return text.replace("127.0.0.1:1883", f"127.0.0.1:{free_port()}")


def settled(process: GatewayProcess) -> int:
    counts = [
        category
        for branch in process.local("/branches")["branches"]
        for category in branch["categories"]
    ]
    return sum(category["free"] + category["occupied"] for category in counts)


def test_machines_turn_free_and_occupied_within_a_minute(short_path: Path, simulated: str) -> None:
    with gateway(short_path, simulated) as process:
        end = time.monotonic() + 60
        while settled(process) < 30:
            assert time.monotonic() < end, process.log.read_text()
            time.sleep(0.2)
        sensors = process.local("/admin/sensors")["sensors"]
        drivers = {row["driver"] for row in sensors if row["lastHeard"] is not None}
        assert drivers == {"native", "lines", "ld2410"}


def test_ctrl_c_ends_it_and_leaves_no_child(short_path: Path, simulated: str) -> None:
    with gateway(short_path, simulated) as process:
        process.wait_port_up()
        assert broker_pids(short_path)
        assert process.stop(signal.SIGINT, within=10) == 0
        assert broker_pids(short_path) == []


def test_after_kill_9_the_next_start_finds_its_broker_again(
    short_path: Path, simulated: str
) -> None:
    with gateway(short_path, simulated) as process:
        process.wait_port_up()
        before, port = broker_pids(short_path), process.broker_port()
        process.kill()
        process.start()
        process.wait_port_up()
        assert (broker_pids(short_path), process.broker_port()) == (before, port)
        assert process.stop(signal.SIGINT) == 0
        assert broker_pids(short_path) == []
