"""Unplug and plug a serial sensor again and again, at any moment, beside one that stays.

`python -m tests.acceptance.unplug [--times 50] [--seed 1]`: real ptys, the gateway's own port.
Prints how soon a return is heard, how many words the other line missed, and descriptors left.
"""

import argparse
import asyncio
import gc
import random
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from config.sections import Serial
from gateway.inbox import Delivery, Inbox
from gateway.ports.serial_port import SerialPort
from tests.integration.conftest import Plug

WITHIN = 6.0  # seconds in which a return must be heard
EACH = 0.02  # seconds between two words of a line
LONGEST_GAP = 2.0  # seconds that it stays unplugged


@dataclass
class Report:
    """What a campaign led to."""

    returns: list[float] = field(default_factory=list)
    """Seconds from the plug to the first word that is heard."""
    missed: int = 0
    """Words of the other line that were not heard."""
    descriptors: int = 0
    """More open at the end than at the beginning; fewer are what others had left."""

    @property
    def good(self) -> bool:
        """All as it should be."""
        in_time = max(self.returns, default=0.0) <= WITHIN
        return in_time and not self.missed and self.descriptors <= 0


def heard(inbox: Inbox) -> int:
    """How many words came since the last time."""
    items, inbox._items = inbox._items, []
    return sum(len(item.sayings) for item in items if isinstance(item, Delivery))


async def campaign(folder: Path, times: int, seed: int) -> Report:
    """So many times, at random moments."""
    chance, report = random.Random(seed), Report()
    gc.collect()  # what others left open shall not be closed meanwhile
    before = descriptors()
    one, other = Plug(folder / "one"), Plug(folder / "other")
    ours, theirs = Inbox(), Inbox()
    ports = [
        SerialPort(Serial(id="one", port=str(one.path), driver="lines"), {0: "a"}, ours),
        SerialPort(Serial(id="other", port=str(other.path), driver="lines"), {0: "b"}, theirs),
    ]
    tasks = [asyncio.create_task(port.run()) for port in ports]
    while any(port.state().state != "up" for port in ports):
        await asyncio.sleep(0.01)
    talker = Talker(other)
    talking = asyncio.create_task(talker.run())
    for _ in range(times):
        await asyncio.sleep(chance.uniform(0, 0.3))
        one.unplug()
        await asyncio.sleep(chance.uniform(0, LONGEST_GAP))
        heard(ours)
        one.plug()
        report.returns.append(await _heard_again(one, ours))
    talking.cancel()
    with suppress(asyncio.CancelledError):
        await talking
    await asyncio.sleep(0.2)
    report.missed = talker.said - heard(theirs)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    one.unplug()
    other.unplug()
    await asyncio.sleep(0.2)
    report.descriptors = descriptors() - before
    return report


@dataclass
class Talker:
    """A line that stays plugged, and how many words it was given."""

    plug: Plug
    said: int = 0

    async def run(self) -> None:
        """A word after the other, until cancelled."""
        while True:
            self.plug.say(b"0,ON\n")
            self.said += 1
            await asyncio.sleep(EACH)


def descriptors() -> int:
    """How many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def _heard_again(plug: Plug, inbox: Inbox) -> float:
    began = time.monotonic()
    while not heard(inbox) and time.monotonic() - began < 3 * WITHIN:
        plug.say(b"0,ON\n")
        await asyncio.sleep(EACH)
    return time.monotonic() - began


def main() -> int:
    """Run it, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gw-") as folder:
        report = asyncio.run(campaign(Path(folder), asked.times, asked.seed))
    middle = sorted(report.returns)[len(report.returns) // 2]
    print(
        f"{len(report.returns)} times, seed {asked.seed}: heard again within"
        f" {max(report.returns):.2f} s (median {middle:.2f} s),"
        f" {report.missed} words of the other line missed, {report.descriptors} descriptors left"
    )
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
