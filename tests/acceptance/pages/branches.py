"""The branches that pages are looked at in: a simulated evening, and one of the nastiest names."""

import json
import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from config.simulated import CATEGORIES
from gateway.core.bins import BIN_SECONDS, Bin
from gateway.store.history import HistoryFile
from tests.integration.simulated import UNCOUNTED, simulated
from tests.process import GatewayProcess, native_config

EVENING = 18  # o'clock: the busiest hour of the simulated people
DAY = 86_400  # seconds
WEEKS = 2  # of a usual week, which the machine's page draws
SIMULATED_WITH_A_PAST = ("leg-press-01", "treadmill-01", "bench-press-01")
CROWD = 60  # machines
SETTLED_WITHIN = 60  # seconds
MOST_SILENT = 2  # machines whose sensor says nothing for a while
NASTY: list[str] = json.loads(Path(__file__).with_name("nasty.json").read_text(encoding="utf-8"))
"""What machines, categories and the branch may be called."""


@contextmanager
def evening() -> Iterator[GatewayProcess]:
    """The branch of `make run`, seed and all, at six in the evening, one machine out of service."""
    offset = (EVENING - datetime.now(timezone.utc).hour + 11) % 24 - 11  # noqa: UP017  3.11 has both
    zone = f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"
    config = simulated(UNCOUNTED).replace("Asia/Hong_Kong", zone)
    with _running(config, SIMULATED_WITH_A_PAST, offset) as process:
        _wait_until_all_are_heard(process)
        _take_out(process, "seated-row-01", "The cable is torn, a new one comes on Tuesday.")
        yield process


@contextmanager
def nasty() -> Iterator[GatewayProcess]:
    """Machines, categories and notes with HTML, text from right to left, emoji, 200 characters."""
    config = native_config(1, occupancy="busy_after = 0\nfree_after = 0", extra=UNCOUNTED)
    head = config.partition("[categories.all]")[0].replace('"Test"', _toml(NASTY[0]))
    categories = [
        f"[categories.c{number}]\nname = {_toml(name)}\n" for number, name in enumerate(NASTY)
    ]
    machines = [
        f'[[machines]]\nid = "m{place}-{number}"\nname = {_toml(name)}\ncategory = "c{place}"\n'
        f"position = {{{{ x = {2 * number}, y = {2 * place} }}}}\n"
        f"metadata = {{{{ maker = {_toml(name)} }}}}\n"
        for place in range(len(NASTY))
        for number, name in enumerate((*NASTY[place:], *NASTY[:place]))
    ]
    with _running(head + "".join(categories + machines), ["m0-0", "m3-0"]) as process:
        for place in range(len(NASTY)):
            for number in range(3):
                process.publish(f"m{place}-{number}", occupied=number == 0)
            _take_out(process, f"m{place}-3", NASTY[place])
        process.wait_status("m0-0", "occupied")
        yield process


@contextmanager
def crowded() -> Iterator[GatewayProcess]:
    """Sixty machines that change at a word of theirs."""
    config = native_config(CROWD, occupancy="busy_after = 0\nfree_after = 0", extra=UNCOUNTED)
    kinds = "".join(f'[categories.{id_}]\nname = "{name}"\n' for id_, name in CATEGORIES.items())
    machines = [
        f'[[machines]]\nid = "m{number:03d}"\nname = "Machine {number}"\n'
        f'category = "{list(CATEGORIES)[number * len(CATEGORIES) // CROWD]}"\n'
        f"position = {{{{ x = {2 * (number % 10)}, y = {3 * (number // 10)} }}}}\n"
        for number in range(CROWD)
    ]
    head = config.partition("[categories.all]")[0]
    with _running(head + kinds + "".join(machines), ["m000"]) as process:
        yield process


@contextmanager
def _running(
    config: str, with_a_past: Sequence[str], hours_ahead: int = 0
) -> Iterator[GatewayProcess]:
    with tempfile.TemporaryDirectory(
        prefix="gw-", dir="/tmp"
    ) as folder:  # a socket's path is short
        process = GatewayProcess(Path(folder), config)
        _store_past(Path(folder) / "var", with_a_past, hours_ahead)
        try:
            process.start().wait_port_up()
            yield process
        finally:
            process.end()


def _store_past(folder: Path, machines: Sequence[str], hours_ahead: int) -> None:
    """Two weeks of days that are quiet at night and busy at eight and at eighteen."""
    folder.mkdir()
    today = int(time.time()) // DAY * DAY
    starts = range(today - WEEKS * 7 * DAY, today, BIN_SECONDS)
    bins = [
        Bin(machine, start, 900 * _usual((start / 3600 + hours_ahead) % 24), 900.0, 1)
        for start in starts
        for machine in machines
    ]
    file = HistoryFile(folder / "history.db", "boot")
    with closing(file.conn) as conn:
        conn.execute("BEGIN IMMEDIATE")
        file.store_bins(bins, None, conn)
        conn.execute("COMMIT")


def _usual(hour: float) -> float:
    return max(0.5 * math.exp(-((hour - peak) ** 2) / 8) for peak in (8, 18))


def machines(process: GatewayProcess) -> list[Any]:
    """All of the branch, as the API shows them, in its order."""
    own = next(one for one in process.local("/branches")["branches"] if one["source"] == "local")
    return [
        machine
        for category in own["categories"]
        for machine in process.local(
            f"/branches/{own['gymId']}/categories/{category['category']}/machines"
        )["machines"]
    ]


def _wait_until_all_are_heard(process: GatewayProcess) -> None:
    """Who is free is so after `free_after`; simulated sensors are silent at times."""
    end = time.monotonic() + SETTLED_WITHIN
    while time.monotonic() < end:
        if sum(one["status"] == "unknown" for one in machines(process)) <= MOST_SILENT:
            return
        time.sleep(0.5)
    raise TimeoutError(machines(process))


def _take_out(process: GatewayProcess, machine: str, note: str) -> None:
    said = {"outOfService": True, "note": note}
    status, reply = process.local_call("PUT", f"/machines/{machine}/service", said)
    assert status == 200, reply


def _toml(text: str) -> str:
    """As a literal of the configuration, in which braces are still to be filled in."""
    escaped = "".join(f"\\u{ord(one):04X}" if one in '"\\' or one < " " else one for one in text)
    return f'"{escaped}"'.replace("{", "{{").replace("}", "}}")
