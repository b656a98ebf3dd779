"""`kill -9` loses nothing that was acknowledged and shows nothing that is not so."""

import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.process import gateway, native_config

MESSAGES = 6000
KILLS = 6
MACHINES = 20


@pytest.fixture
def publisher() -> Iterator[Client]:
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.max_queued_messages_set(0)
    yield client
    client.disconnect()
    client.loop_stop()


def join(client: Client, port: int) -> None:
    """Connect, then start the thread: one that starts first may find no host and die."""
    client.connect("127.0.0.1", port)
    client.loop_start()


def stored(folder: Path) -> list[tuple[str, int]]:
    """(machine, the sensor's own number) of every transition, in order."""
    with sqlite3.connect(folder / "var/history.db") as conn:
        return conn.execute(
            "SELECT m.machine, e.sensor_seq FROM events e JOIN machines m ON m.number = e.machine"
            " WHERE e.sensor_seq IS NOT NULL AND e.cause IN (0, 2) AND e.status IN (0, 1)"
            " ORDER BY e.seq"
        ).fetchall()


def say(client: Client, machine: str, *, occupied: bool, seq: int) -> None:
    payload = f'{{"occupied": {str(occupied).lower()}, "seq": {seq}}}'
    client.publish(f"gyms/test/machines/{machine}/occupancy", payload, qos=1)


def wait_stored(folder: Path, count: int, within: float = 30) -> None:
    end = time.monotonic() + within
    while len(stored(folder)) < count and time.monotonic() < end:
        time.sleep(0.05)


def test_six_kills_lose_no_transition_and_double_none(tmp_path: Path, publisher: Client) -> None:
    config = native_config(MACHINES, occupancy="busy_after = 0\nfree_after = 0")
    chance = random.Random(7)
    with gateway(tmp_path, config) as process:
        process.wait_port_up()
        join(publisher, process.broker_port())
        sent = []
        for number in range(MESSAGES):
            machine = f"m{number % MACHINES:03d}"
            turn = number // MACHINES
            say(publisher, machine, occupied=turn % 2 == 0, seq=turn + 1)
            sent.append((machine, turn + 1))
            if number % (MESSAGES // KILLS) == MESSAGES // KILLS // 2:
                time.sleep(chance.uniform(0.02, 0.2))
                process.kill()
                process.start()
        wait_stored(tmp_path, MESSAGES)
        found = stored(tmp_path)
        assert len(found) == len(set(found)) == MESSAGES
        assert sorted(found) == sorted(sent)
        last = "occupied" if ((MESSAGES - 1) // MACHINES) % 2 == 0 else "free"
        assert {process.status(f"m{n:03d}") for n in range(MACHINES)} == {last}


def test_what_waited_over_a_stop_is_late_and_the_status_right(
    tmp_path: Path, publisher: Client
) -> None:
    config = native_config(1, occupancy="busy_after = 0\nfree_after = 0")
    with gateway(tmp_path, config) as process:
        process.wait_port_up()
        join(publisher, process.broker_port())
        say(publisher, "m000", occupied=True, seq=1)
        process.wait_status("m000", "occupied")
        process.kill()
        say(publisher, "m000", occupied=False, seq=2)
        time.sleep(0.5)
        process.start()
        process.wait_status("m000", "free")
        assert process.local("/machines/m000")["cause"] == "late"


def test_a_leaning_goes_on_over_a_kill_and_frees_the_machine_at_the_right_time(
    tmp_path: Path, publisher: Client
) -> None:
    config = native_config(1, occupancy="busy_after = 0\nfree_after = 6")
    with gateway(tmp_path, config) as process:
        process.wait_port_up()
        join(publisher, process.broker_port())
        say(publisher, "m000", occupied=True, seq=1)
        process.wait_status("m000", "occupied")
        said_at = time.time()
        say(publisher, "m000", occupied=False, seq=2)
        time.sleep(1.5)
        process.kill()
        process.start()
        assert process.status("m000") == "occupied"
        process.wait_status("m000", "free")
        machine = process.local("/machines/m000")
        assert 5.9 < time.time() - said_at < 8
        assert abs(machine["lastChange"] - said_at) < 0.5
        assert machine["cause"] == "observed"
