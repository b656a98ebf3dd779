"""A real gateway and its chain's real broker: kills, the command line, siblings, health."""

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner, Result

from gateway.chain import Digest, Request, decode, encode
from gateway.cli import main
from gateway.core.bins import Bin
from gateway.core.digests import Row, hour_digest
from gateway.store.history import HistoryFile
from tests.chained import Broker, Listener, chain_broker, listening
from tests.process import GatewayProcess, gateway, native_config

QUICK = "busy_after = 0\nfree_after = 0"
MACHINES = 20
DEAD = "mqtt://127.0.0.1:9"


def config(url: str, more: str = "drain = 1000", gym: str = "test", name: str = "Test") -> str:
    text = native_config(MACHINES, occupancy=QUICK, extra=f'[upstream]\nurl = "{url}"\n{more}')
    return text.replace('id = "test"\nname = "Test"', f'id = "{gym}"\nname = "{name}"')


def remember(folder: Path, quarters: int) -> list[tuple[str, int]]:
    """Write what a branch has measured until now; (machine, start) of each bin."""
    newest = int(time.time()) // 900 * 900
    bins = [
        Bin(f"m{m:03d}", newest - n * 900, 10.0 * m, 900.0, 1)
        for n in range(quarters, 0, -1)
        for m in range(MACHINES)
    ]
    file = HistoryFile(folder / "var/history.db", "another boot")
    file.conn.execute("BEGIN")
    file.store_bins(bins, None, file.conn)
    file.conn.execute("COMMIT")
    file.conn.close()
    return [(one.machine, one.start) for one in bins]


def until(condition: Callable[[], object], within: float = 15.0) -> None:
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def told(hub: Listener) -> dict[tuple[str, int], Row]:
    """The newest of each bin."""
    rows = (Row(name, start, *numbers) for name, start, _, *numbers in hub.rows())
    return {(row.machine, row.start): row for row in rows}


def cli(process: GatewayProcess, *words: str) -> Result:
    path = str(process.folder / "gateway.toml")
    return CliRunner().invoke(main, ["upstream", *words, "--config", path])


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with chain_broker(tmp_path) as broker:
        yield broker


@pytest.fixture
def hub(broker: Broker) -> Iterator[Listener]:
    with listening(broker.port) as hub:
        yield hub


@pytest.fixture
def folder(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(short_path)
    return short_path


def test_kills_with_a_backlog_lose_nothing_and_both_ends_agree(
    folder: Path, broker: Broker, hub: Listener
) -> None:
    written = remember(folder, 150)
    with gateway(folder, config(broker.url, "drain = 20")) as process:
        for _ in range(2):
            enough = min(len(hub.rows()) + 1, len(written))
            until(partial(lambda least: len(hub.rows()) >= least, enough))
            process.kill()
            process.start()
        until(lambda: process.local("/admin/upstream")["backlogRows"] == 0)
        until(lambda: set(told(hub)) >= set(written))
        until(lambda: hub.said("/digest/"))
        time.sleep(2)
    for topic, payload in hub.heard:
        if "/digest/" in topic and payload:
            last = decode(Digest, payload, "test")
            check(last, list(told(hub).values()))


def check(digest: Digest, rows: list[Row]) -> None:
    day = int(time.mktime(time.strptime(f"{digest.day} UTC", "%Y-%m-%d %Z")) - time.timezone)
    for hour, proof in enumerate(digest.hours):
        begin = day + hour * 3600
        inside = [row for row in rows if begin <= row.start < begin + 3600]
        assert proof is None or proof == hour_digest(inside)


def test_the_summary_is_current_before_the_backlog_and_follows_each_change(
    folder: Path, broker: Broker, hub: Listener
) -> None:
    remember(folder, 10)
    with gateway(folder, config(broker.url)) as process:
        until(hub.rows)
        words = [topic.split("/")[2] for topic, _ in hub.heard]
        assert words.index("summary") < words.index("bins")
        process.wait_port_up()
        process.publish("m003", occupied=True)
        until(lambda: hub.said("/summary")[-1]["machines"]["m003"][0] == "occupied")
        (counted,) = hub.said("/summary")[-1]["categories"]
        assert (counted["total"], counted["occupied"]) == (MACHINES, 1)
    assert hub.said("/branch")[0]["machines"][3]["machineId"] == "m003"
    until(lambda: ("gyms/test/gateway", b"offline") in hub.heard)


def test_a_dead_line_degrades_and_is_told_everywhere(folder: Path) -> None:
    remember(folder, 10)
    with gateway(folder, config(DEAD)) as process:
        until(lambda: process.local("/admin/upstream")["backlogRows"] == 10 * MACHINES)
        until(lambda: "no broker answers" in process.local("/health")["parts"]["upstream"])
        assert process.local("/health")["details"]["upstream"]["waiting"] == 200
        assert process.local_status("/health/ready") == 200
        _, page = process.local_page("/metrics")
        assert "gateway_upstream_up 0.0\n" in page
        assert "gateway_upstream_backlog_rows 200.0\n" in page
        said = json.loads(cli(process, "status", "--json").output)
        assert (said["link"], said["backlogBytes"]) == ("down", 200 * 32)
        assert "waiting            200 bins" in cli(process, "status").output


def test_a_day_is_sent_again_by_hand(folder: Path, broker: Broker, hub: Listener) -> None:
    written = remember(folder, 2)
    with gateway(folder, config(broker.url)) as process:
        until(lambda: len(hub.rows()) == len(written))
        day = time.strftime("%Y-%m-%d", time.gmtime(written[-1][1]))
        hour = str(time.gmtime(written[-1][1]).tm_hour)
        result = cli(process, "resend", day, "--hours", hour, "--json")
        assert json.loads(result.output) == {"days": 1}, result.output
        assert "queued: nothing" in cli(process, "resend", "2020-01-01").output
        until(lambda: len(hub.rows()) > len(written))
        assert len(told(hub)) == len(written)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["2026-11-24", "2026-11-01"], "/last"),
        (["2026-11-24", "--hours", "24"], "hours from 0 to 23"),
        (["2026-11-24", "--hours", "x"], "is no hour"),
        (["2026-11-24", "--hours", "5-99999999"], "hours from 0 to 23"),
        (["2026-11-24", "--hours", "11-8"], "hours from 0 to 23"),
        (["2026-11-24", "--hours", "²"], "is no hour"),
        (["yesterday"], "does not match the format"),
    ],
)
def test_what_cannot_be_sent_again_is_named(
    running: GatewayProcess, words: list[str], why: str
) -> None:
    result = cli(running, "resend", *words)
    assert result.exit_code != 0
    assert why in result.output


@pytest.fixture(scope="module")
def beside() -> Iterator[GatewayProcess]:
    with TemporaryDirectory() as folder, gateway(Path(folder), config(DEAD)) as process:
        yield process


@pytest.fixture
def running(beside: GatewayProcess, monkeypatch: pytest.MonkeyPatch) -> GatewayProcess:
    monkeypatch.chdir(beside.folder)
    return beside


def test_without_a_chain_the_command_says_so(folder: Path) -> None:
    with gateway(folder, native_config(1, occupancy=QUICK)) as process:
        result = cli(process, "status")
        assert result.exit_code == 1
        assert "There is no [upstream] in the configuration" in result.output


def test_siblings_show_each_other(folder: Path, broker: Broker, hub: Listener) -> None:
    one, other = folder / "one", folder / "other"
    one.mkdir()
    other.mkdir()
    with (
        gateway(one, config(broker.url)) as here,
        gateway(other, config(broker.url, gym="north", name="North")) as there,
    ):
        until(lambda: len(here.local("/branches")["branches"]) == 2)
        until(lambda: len(there.local("/branches")["branches"]) == 2)
        row = here.local("/branches")["branches"][1]
        assert (row["gymId"], row["name"], row["source"]) == ("north", "North", "remote")
        assert row["categories"][0]["total"] == MACHINES
        assert here.local("/branches/north/machines/m001")["name"] == "Machine 1"
        machines = here.local("/branches/north/categories/all/machines")["machines"]
        assert len(machines) == MACHINES
        status, refused = here.local_call("GET", "/branches/north/machines/m001/history", None)
        assert (status, refused["code"]) == (409, "at_the_branch")
        assert "http://localhost:8080/m/m001" in refused["detail"]
        assert there.local("/branches")["branches"][1]["gymId"] == "test"
        there.stop()
        until(lambda: unknown(here) == MACHINES)
        assert here.local_status("/health/ready") == 200
    assert hub.said("/summary")


def unknown(process: GatewayProcess) -> int:
    row = process.local("/branches/north")
    found: int = row["categories"][0]["unknown"]
    return found


def test_the_hub_gets_what_it_asks_for(folder: Path, broker: Broker, hub: Listener) -> None:
    written = remember(folder, 8)
    with gateway(folder, config(broker.url)):
        until(lambda: len(hub.rows()) == len(written))
        day = time.strftime("%Y-%m-%d", time.gmtime(written[0][1]))
        hour = time.gmtime(written[0][1]).tm_hour
        asked = Request(gym_id="test", id="1", day=day, hours=(hour,))
        hub.publish("gyms/test/request", encode(asked))
        until(lambda: len(hub.rows()) > len(written))
        assert set(told(hub)) == set(written)


def test_a_reload_describes_the_branch_anew(folder: Path, broker: Broker, hub: Listener) -> None:
    with gateway(folder, config(broker.url)) as process:
        until(lambda: hub.said("/branch"))
        path = folder / "gateway.toml"
        path.write_text(path.read_text().replace('name = "Test"', 'name = "Renamed"'))
        process.local_call("POST", "/admin/reload", None)
        until(lambda: hub.said("/branch")[-1]["name"] == "Renamed")
