"""A real gateway at each of the chain's brokers, over TLS, in the MQTT that it speaks."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from gateway.chain import Request, encode
from gateway.core.bins import Bin
from gateway.store.history import HistoryFile
from tests.chain_brokers import Chain, password
from tests.integration.test_chain_brokers import BROKERS, Start, Station
from tests.process import GatewayProcess, gateway, native_config

GYM = "hk-central"


@pytest.fixture(params=BROKERS, scope="module")
def chain(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chain]:
    start: Start = request.param
    with start(tmp_path_factory.mktemp("chain")) as chain:
        yield chain


@pytest.fixture
def branch(chain: Chain) -> Iterator[GatewayProcess]:
    upstream = f'[upstream]\nurl = "mqtts://localhost:{chain.ports[0]}"\nca = "{chain.authority}"\n'
    text = native_config(2, occupancy="free_after = 0", extra=f"{upstream}drain = 100")
    with TemporaryDirectory() as folder:
        remember(Path(folder))
        with gateway(Path(folder), text.replace('"test"', f'"{GYM}"')) as process:
            yield process


def remember(folder: Path) -> None:
    file = HistoryFile(folder / "var/history.db", "another boot")
    hour = int(time.time()) // 3600 * 3600 - 3600
    bins = [Bin("m000", hour + n * 900, 10.0, 900.0, 1) for n in range(4)]
    file.conn.execute("BEGIN")
    file.store_bins(bins, None, file.conn)
    file.conn.execute("COMMIT")
    file.conn.close()
    secret = folder / "var/secrets/upstream-password"
    secret.parent.mkdir()
    secret.write_text(password(GYM))
    secret.chmod(0o600)


def test_a_branch_tells_all_and_answers(chain: Chain, branch: GatewayProcess) -> None:
    with closing(Station(chain, "hub", f"gyms/{GYM}/bins")) as hub:
        hub.until(lambda: branch.local("/admin/upstream")["acknowledged"] == 4)
        told = branch.local("/admin/upstream")
        assert (told["link"], told["problem"]) == ("up", "")
        day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 3600))
        hour = time.gmtime(time.time() - 3600).tm_hour
        asked = Request(gym_id=GYM, id="1", day=day, hours=(hour,))
        assert hub.say(f"gyms/{GYM}/request", encode(asked))
        hub.until(lambda: branch.local("/admin/upstream")["acknowledged"] == 8)
        again = json.loads(hub.heard[-1].payload)
        assert again["machines"] == ["m000"]
        assert len(again["bins"]) == 4
