"""gateway.toml as shipped, on free ports: the branch that `make run` runs."""

import re
from pathlib import Path

from tests.process import free_port

SHIPPED = Path(__file__).parents[2] / "gateway.toml"
UNCOUNTED = '[limits]\nexempt = ["127.0.0.1"]\n'


def simulated(more: str = "") -> str:
    """For `tests.process.gateway`; `more` is put at its end."""
    text = (SHIPPED.read_text() + more).replace("{", "{{").replace("}", "}}")
    text = re.sub(r"(?m)^port = \d+", "port = {http_port}", text)
    assert "{http_port}" in text
    return text.replace("127.0.0.1:1883", f"127.0.0.1:{free_port()}")
