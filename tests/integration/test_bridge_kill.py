"""`kill -9` in mid-stream: what was reported as committed is there, whole batches only."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.stored import BOOT, Written, opened

KILLS = 6
BATCH = 5
CHILD = """
import asyncio, sys
from functools import partial
from pathlib import Path
from gateway.bridge import File, Writer
from gateway.store.history import HistoryFile
from tests.stored import dated, alive

async def main(path):
    file = HistoryFile(path, "boot-a")
    writer = Writer({"history": File(file.conn, path)}, 5.0)
    writer.start()
    number = file.cursor.seq
    while True:
        changes = [dated(f"m{n % 3}", at=float(n), seq=number + n) for n in range(1, 6)]
        note = alive(float(number))
        events = await writer.run("history", partial(file.record, changes, {}, note))
        number = events[-1].seq
        print(events[-1].epoch, number, flush=True)

asyncio.run(main(Path(sys.argv[1])))
"""


def run_and_kill(path: Path, after: float) -> tuple[str, int]:
    """(epoch, newest number) that the child had reported when it was killed."""
    command = [sys.executable, "-c", CHILD, str(path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(after)
        child.send_signal(signal.SIGKILL)
        lines = [first, *child.stdout.read().splitlines(keepends=True)]
    epoch, seq = next(line for line in reversed(lines) if line.endswith("\n")).split()
    return epoch, int(seq)


def assert_whole(store: Written, reported: tuple[str, int]) -> None:
    events = store.events()
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.sensor_seq for event in events] == list(range(1, len(events) + 1))
    assert len(events) >= reported[1]
    assert len(events) % BATCH == 0
    assert store.file.cursor.epoch == reported[0]
    assert store.one("PRAGMA quick_check") == "ok"


def test_six_kills_lose_nothing_that_was_reported(tmp_path: Path) -> None:
    chance = random.Random(11)
    path = tmp_path / "history.db"
    before = 0
    for _ in range(KILLS):
        reported = run_and_kill(path, chance.uniform(0.0, 0.15))
        assert reported[1] > before
        with opened(path, BOOT) as store:
            assert_whole(store, reported)
            before = reported[1]
