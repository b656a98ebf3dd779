"""The Postman collection runs green under newman against the simulated branch."""

import json
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.schemathesis import key
from tests.integration.simulated import simulated
from tests.process import GatewayProcess, gateway

NEWMAN = Path(__file__).parents[2] / ".venv/node/node_modules/newman/bin/newman.js"

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="no node: apt-get install nodejs npm"),
    pytest.mark.skipif(not NEWMAN.exists(), reason=f"no newman at {NEWMAN}: sh tests/install.sh"),
]


def run(process: GatewayProcess, **variables: str) -> Any:
    """newman's report of the collection that the gateway serves."""
    url, report = f"http://127.0.0.1:{process.port}", process.folder / "report.json"
    collection = process.folder / "collection.json"
    with urllib.request.urlopen(f"{url}/postman.json", timeout=10) as reply:
        collection.write_bytes(reply.read())
    command = ["node", str(NEWMAN), "run", str(collection), "--timeout-request", "10000"]
    command += ["--reporters", "json", "--reporter-json-export", str(report)]
    for name, value in {"baseUrl": url, **variables}.items():
        command += ["--env-var", f"{name}={value}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    found = json.loads(report.read_text())["run"]
    assert done.returncode == (1 if found["failures"] else 0), done.stderr
    return found


def told(found: Any) -> list[str]:
    return [f"{one['source']['name']}: {one['error']['message']}" for one in found["failures"]]


def test_the_collection_is_green_without_and_with_a_key(short_path: Path) -> None:
    with gateway(short_path, simulated()) as process:
        for variables in ({}, {"token": key(process, "admin")}):
            found = run(process, **variables)
            assert told(found) == []
            assert found["stats"]["assertions"]["total"] > 60


def test_the_collection_notices_a_wrong_reply(short_path: Path) -> None:
    with gateway(short_path, simulated()) as process:
        found = run(process, token="gwk_wrong")
    assert "GET /branches: expected [ 200 ] to include 401" in told(found)
