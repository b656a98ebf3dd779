"""What docs/api.md tells people to paste works as it stands."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process import GatewayProcess, free_port, gateway

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/api.md").read_text(), re.DOTALL)
PRELUDE = f"""
set -euo pipefail
gateway() {{ {sys.executable} -m gateway "$@"; }}
curl() {{ command curl --fail-with-body "$@"; }}
"""


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("docs")
    (folder / "var/secrets").mkdir(parents=True)
    (folder / "var/secrets/master").write_bytes(b"m" * 32)
    (folder / "var/secrets/master").chmod(0o600)
    simulated = (ROOT / "gateway.toml").read_text(encoding="utf-8").replace("{", "{{")
    simulated = simulated.replace("}", "}}").replace("8080", "{http_port}")
    with gateway(
        folder, simulated.replace("127.0.0.1:1883", f"127.0.0.1:{free_port()}")
    ) as running:
        running.wait_port_up()
        yield running


def test_there_are_examples() -> None:
    assert len(BLOCKS) >= 5


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_an_example_works_as_it_stands(process: GatewayProcess, number: int) -> None:
    script = PRELUDE + BLOCKS[number].replace("localhost:8080", f"localhost:{process.port}")
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=process.folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
