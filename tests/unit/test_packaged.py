"""What a wheel carries."""

from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_all_that_is_ready_to_copy_is_in_the_wheel() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    config = ROOT / "config"
    patterns = setup["options.package_data"]["config"].split(",")
    carried = {path for pattern in patterns for path in config.glob(pattern.strip())}
    there = {path for path in config.rglob("*") if path.is_file()}
    left = {path for path in there - carried if "__pycache__" not in path.parts}
    assert {path.suffix for path in left} == {".py"}
