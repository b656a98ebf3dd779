"""`gateway simulate --branches` at real brokers, and what a real hub makes of it."""

import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.core.digests import Row
from gateway.fleet.figures import QUARTER, gym_id, machine_ids, rows_at
from tests.chain import ChainBroker, HubProcess, until
from tests.chain_brokers import Chain, mosquitto_chain, nats_clients, nats_cluster, password

BRANCHES, MACHINES = 3, 4
STORED = """
SELECT gym, machines.machine, start, revision, occupied, observed, sessions
FROM bins JOIN machines ON machines.number = bins.machine
"""


def simulate(*more: object) -> "subprocess.Popen[str]":
    fixed = ("--branches", BRANCHES, "--machines", MACHINES, "--json", *more)
    return subprocess.Popen(
        [sys.executable, "-m", "gateway", "simulate", *map(str, fixed)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until_connected(process: "subprocess.Popen[str]") -> None:
    """Until all its branches are."""
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        if "3 of 3 connected" in line:
            return
    raise AssertionError("never all connected: " + "".join(said))


def figures(process: "subprocess.Popen[str]") -> Any:
    try:
        said, complaint = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, complaint
    return json.loads(said)


def what_must_be_stored(told: Any, seed: int) -> set[tuple[str, Row]]:
    gyms, starts = map(gym_id, range(BRANCHES)), range(told["from"], told["to"], QUARTER)
    return {
        (gym, row)
        for gym in gyms
        for start in starts
        for row in rows_at(seed, gym, machine_ids(MACHINES), start)
    }


def taken(hub: HubProcess) -> int:
    """Bins that the hub has judged."""
    counts = hub.counts()
    return sum(counts.get(word, 0) for word in ("bins", "corrections", "duplicates"))


@pytest.fixture
def upstream(short_path: Path) -> Iterator[ChainBroker]:
    broker = ChainBroker(short_path).start()
    yield broker
    broker.stop()


@pytest.fixture
def hub(short_path: Path, chain: str, upstream: ChainBroker) -> Iterator[HubProcess]:
    hub = HubProcess(short_path / "hub", chain, upstream.url).start()
    until(hub.consumes)
    yield hub
    hub.kill()


def test_a_hub_has_every_bin_that_the_fleet_says_it_sent(
    hub: HubProcess, chain: str, upstream: ChainBroker
) -> None:
    url = f"mqtt://127.0.0.1:{upstream.port}"
    told = figures(simulate("--broker", url, "--speed", 900, "--for", 4, "--backlog", 1))
    assert told["complete"]
    assert told["problem"] == ""
    wanted = what_must_be_stored(told, seed=1)
    until(lambda: taken(hub) == told["bins"])
    with psycopg.connect(chain) as conn:
        rows = conn.execute(STORED).fetchall()
    assert {(gym, Row(*numbers)) for gym, *numbers in rows} == wanted
    assert len(rows) == len(wanted)
    assert hub.doctor()["deadLetters"] == []
    names = {one["gymId"] for one in hub.get("/branches")["branches"]}
    assert names == {gym_id(number) for number in range(BRANCHES)}


def test_a_fleet_survives_its_broker(upstream: ChainBroker) -> None:
    url = f"mqtt://127.0.0.1:{upstream.port}"
    playing = simulate("--broker", url, "--speed", 900, "--for", 6)
    until_connected(playing)
    upstream.stop()
    upstream.start()
    told = figures(playing)
    assert told["complete"]
    assert told["connections"] >= 2 * BRANCHES


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    gyms = [gym_id(number) for number in range(BRANCHES)]
    with mosquitto_chain(tmp_path_factory.mktemp("chain"), gyms) as chain:
        yield chain


def test_each_branch_of_a_fleet_has_its_own_user_over_tls(mosquitto: Chain, tmp_path: Path) -> None:
    users = [gym_id(number) for number in range(BRANCHES)]
    passwords = tmp_path / "passwords"
    passwords.write_text("".join(f"{user}:{password(user)}\n" for user in users))
    url = f"mqtts://localhost:{mosquitto.ports[0]}"
    files = ("--passwords", passwords, "--ca", mosquitto.authority)
    told = figures(simulate("--broker", url, *files, "--speed", 900, "--for", 3))
    assert (told["complete"], told["connections"]) == (True, BRANCHES)


def test_a_fleet_with_a_wrong_password_says_what_the_broker_said(mosquitto: Chain) -> None:
    url = f"mqtts://x:wrong@localhost:{mosquitto.ports[0]}"
    process = simulate("--broker", url, "--ca", mosquitto.authority)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "refuses sim-000" in complaint
    assert "wrong" not in complaint


def test_an_interrupted_fleet_says_goodbye_and_tells_its_figures(upstream: ChainBroker) -> None:
    url = f"mqtt://127.0.0.1:{upstream.port}"
    playing = simulate("--broker", url)
    until_connected(playing)
    playing.terminate()
    told = figures(playing)
    assert (told["to"], told["complete"]) == (None, False)


@pytest.mark.skipif(
    not shutil.which("nats-server"), reason="no nats-server: apt-get install nats-server"
)
def test_a_fleet_goes_on_when_a_node_of_its_cluster_is_killed(tmp_path: Path) -> None:
    users = [gym_id(number) for number in range(BRANCHES)]
    passwords = tmp_path / "passwords"
    passwords.write_text("".join(f"{user}:{password(user)}\n" for user in users))
    with nats_cluster(tmp_path, users) as cluster:
        nodes = [("--broker", f"mqtts://localhost:{port}") for port in cluster.ports]
        files = ("--passwords", passwords, "--ca", cluster.authority)
        playing = simulate(*itertools.chain(*nodes), *files, "--speed", 300, "--for", 25)
        until_connected(playing)
        cluster.kill(next(node for node in range(3) if nats_clients(tmp_path, node)))
        told = figures(playing)
    assert told["complete"]
    assert told["connections"] > BRANCHES
