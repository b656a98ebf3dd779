"""schemathesis finds nothing, in short; tests/acceptance/schemathesis.py is the long campaign."""

from pathlib import Path

import pytest

pytest.importorskip("schemathesis", reason="schemathesis is not installed: pip install '.[test]'")

from tests.acceptance.schemathesis import campaign
from tests.integration.simulated import UNCOUNTED, simulated
from tests.process import gateway

SEED = 1  # the same cases on every run: what is new is found by the long campaign


def test_the_gateway_does_what_its_own_document_says(short_path: Path) -> None:
    with gateway(short_path, simulated(UNCOUNTED)) as process:
        report = campaign(process, 10, SEED)
    assert report.good, report.text
    assert report.cases >= 150, report.text
