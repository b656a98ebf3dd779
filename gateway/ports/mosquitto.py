"""The mosquitto on this machine: installed, or unpacked by config/mosquitto/install.sh."""

import os
import shutil
from pathlib import Path

LIBRARIES = "**/lib/*-linux-*"  # where Debian packages have them, below what was unpacked


class BrokerError(Exception):
    """The broker cannot run; the text says what to do."""


def find(unpacked: Path | None) -> tuple[str, dict[str, str]]:
    """The mosquitto to run, and its environment. Raises BrokerError."""
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    if installed := shutil.which("mosquitto", path=places):
        return installed, dict(os.environ)
    if unpacked and (own := unpacked.resolve() / "usr/sbin/mosquitto").exists():
        libraries = os.pathsep.join(str(path) for path in unpacked.resolve().glob(LIBRARIES))
        return str(own), {**os.environ, "LD_LIBRARY_PATH": libraries}
    raise BrokerError(
        "mosquitto is not installed: `sudo apt-get install mosquitto`, or without root "
        f"`sh config/mosquitto/install.sh {unpacked or 'var/mosquitto'}`"
    )
