"""Serial ports of this machine, and what is heard on one: for who looks for sensors."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from serial.tools import list_ports

from config.sections import Serial
from gateway.bridge import in_thread
from gateway.ports import holders
from gateway.ports.serial_port import FAULTS, explain, open_line

BY_ID = Path("/dev/serial/by-id")  # names that stay when plugs change places
HANGS_AFTER = 5.0  # seconds beyond those that we listen
MOST_BYTES = 64 * 1024  # of one port and speed: five seconds at the fastest


@dataclass(frozen=True, slots=True)
class Found:
    """A serial port."""

    port: str
    """By the name that stays, where there is one."""
    what: str
    """As its plug describes itself."""


class CannotHearError(OSError):
    """The port cannot be opened or is lost; the text says why, and what to do."""


def ports() -> list[Found]:
    """Those of plugs, and of the board where there is something behind them."""
    names = {str(link.resolve()): str(link) for link in _links()}
    return [
        Found(names.get(one.device, one.device), one.description or "")
        for one in sorted(list_ports.comports())
        if one.vid is not None or one.device.startswith(("/dev/ttyAMA", "/dev/serial"))
    ]


def _links() -> Iterator[Path]:
    return BY_ID.iterdir() if BY_ID.is_dir() else iter(())


async def heard_on(port: str, speed: int, seconds: float) -> bytes:
    """What it says within that time; nothing is written to it. Raises CannotHearError.

    A driver that hangs in opening or closing it holds up nobody.
    """
    try:
        async with asyncio.timeout(seconds + HANGS_AFTER):
            return await in_thread(lambda: _heard(port, speed, seconds))
    except TimeoutError:
        raise CannotHearError(f"{port} hangs: pull its plug, and push it in again") from None


def _heard(port: str, speed: int, seconds: float) -> bytes:
    section = Serial(id="discover", port=port, driver="lines", baud=speed)
    end, data = time.monotonic() + seconds, bytearray()
    try:
        with open_line(section) as line:
            while time.monotonic() < end and len(data) < MOST_BYTES:
                data += line.read(max(1, min(int(line.in_waiting), MOST_BYTES - len(data))))
    except FAULTS as error:
        raise CannotHearError(explain(section, error)) from None
    return bytes(data)


def held_by(port: str) -> str | None:
    """Who has it open, as far as that can be seen; None: nobody."""
    holder = holders.of_file(port)
    return None if holder == holders.UNSEEN else holder
