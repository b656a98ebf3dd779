"""A chain under fire, in short; the long form is `python -m tests.acceptance.chain`."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.acceptance.chain.chaos import campaign

needs_nats = pytest.mark.skipif(
    not shutil.which("nats-server"), reason="no nats-server: apt-get install nats-server"
)


@needs_nats
async def test_nothing_is_lost_between_a_branch_and_its_hub() -> None:
    with TemporaryDirectory(prefix="gw-", dir="/tmp") as folder:  # room for a socket's name
        found = await campaign(Path(folder), branches=2, machines=4, seconds=20, seed=2)
    assert found["bins"] > 300
    assert sum(found["faults"].values()) >= 3
    assert found["wrong"] == []
    assert found["declaredLost"] == 0
