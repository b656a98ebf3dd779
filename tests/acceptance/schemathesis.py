"""schemathesis on a running gateway's own /openapi.json: all checks, all phases.

    python -m tests.acceptance.schemathesis [--examples 250] [--seed N]

Prints its report and a last line with the figures; ends with 1 if anything failed.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tests.integration.simulated import UNCOUNTED, simulated
from tests.process import GatewayProcess, gateway

CONFIG = Path(__file__).with_suffix(".toml")
# these never end: a generator of requests would wait for ever
ENDLESS = ("/stream", "/ws", "/sensors/{sensorId}/samples")


@dataclass(frozen=True)
class Report:
    """What a run came to."""

    good: bool
    cases: int
    text: str


def campaign(process: GatewayProcess, examples: int, seed: int | None = None) -> Report:
    """At most so many examples of each call in each phase, as an administrator."""
    url = f"http://127.0.0.1:{process.port}"
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG)]
    command += ["run", f"{url}/openapi.json", "--url", url, "--checks", "all"]
    command += ["--max-examples", str(examples), "--continue-on-failure"]
    command += ["--header", f"Authorization: Bearer {key(process, 'admin')}"]
    command += [part for path in ENDLESS for part in ("--exclude-path", path)]
    command += [] if seed is None else ["--seed", str(seed)]
    tokens = {"MEMBER": member(url), "METRICS": key(process, "metrics"), "NO_COLOR": "1"}
    done = subprocess.run(
        command,
        check=False,  # what it found is in what it printed
        capture_output=True,
        text=True,
        env=os.environ | tokens,
        cwd=process.folder,
    )
    found = re.search(r"(\d+) generated", done.stdout)
    return Report(done.returncode == 0, int(found[1]) if found else 0, done.stdout + done.stderr)


def key(process: GatewayProcess, role: str) -> str:
    """The secret of a new key."""
    _, made = process.local_call("POST", "/admin/keys", {"role": role, "name": "schemathesis"})
    secret: str = made["secret"]
    return secret


def member(url: str) -> str:
    """A new member's token."""
    request = urllib.request.Request(f"{url}/members", method="POST")
    with urllib.request.urlopen(request, timeout=10) as reply:
        found = re.search(rb'"token":"([^"]+)"', reply.read())
    assert found is not None
    return found[1].decode()


def main() -> int:
    """The long campaign."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--examples", type=int, default=250, help="of each call in each phase")
    parser.add_argument("--seed", type=int)
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="gw-", dir="/tmp") as folder,  # a socket's path is short
        gateway(Path(folder), simulated(UNCOUNTED)) as process,
    ):
        report = campaign(process, asked.examples, asked.seed)
    print(report.text)
    print(f"{report.cases} cases, {'no failure' if report.good else 'FAILURES'}")
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
