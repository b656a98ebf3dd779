"""`gateway sensors identify` beside a running gateway: who waves is found."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process import GatewayProcess, gateway, native_config


@pytest.fixture
def process(short_path: Path) -> Iterator[GatewayProcess]:
    with gateway(short_path, native_config(3, occupancy="busy_after = 0")) as running:
        running.wait_port_up()
        yield running


def identify(process: GatewayProcess) -> "subprocess.Popen[str]":
    words = ["sensors", "identify", "--rest", "1", "--seconds", "4", "--json"]
    env = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"}
    return subprocess.Popen(
        [sys.executable, "-m", "gateway", *words],
        cwd=process.folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_sensor_that_answers_is_named_with_its_machine(process: GatewayProcess) -> None:
    process.publish("m000", occupied=True)  # in use all the time: no answer
    process.wait_status("m000", "occupied")
    with identify(process) as asked:
        assert asked.stderr is not None
        while "wave" not in asked.stderr.readline():
            time.sleep(0.01)
        process.publish("m000", occupied=True)
        process.publish("m001", occupied=True)
        told, ended = asked.communicate(timeout=20)
    assert [json.loads(line)["machineId"] for line in told.splitlines()] == ["m001"]
    assert "m001 answered (in use)" in ended
    assert asked.returncode == 0


def test_no_answer_is_told_with_what_to_look_at(process: GatewayProcess) -> None:
    with identify(process) as asked:
        told, ended = asked.communicate(timeout=20)
    assert (asked.returncode, told) == (1, "")
    assert "gateway sensors discover" in ended
