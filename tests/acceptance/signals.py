"""Calibrate on recorded signals, and judge what was not calibrated on.

`python -m tests.acceptance.signals DIRECTORY` takes `ld2410_gate_energies*.csv.gz` (columns
recording, millis, occupied, move_g…, still_g…): calibrated on each empty recording in turn, judged
on all others; and `uci_room_occupancy*.csv.gz` (Date, Time, S6_PIR, S7_PIR, Room_Occupancy_Count):
thresholds and hold from the recording, judged sample by sample.
"""

import csv
import gzip
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from sensors.calibration import Calibration, Timed, Verdicts, fit

BALANCED, RECALL, FALSE = 0.99, 0.97, 0.02
Labelled = tuple[Timed, bool]


def rows(path: Path) -> list[dict[str, str]]:
    """A table."""
    return list(csv.DictReader(gzip.decompress(path.read_bytes()).decode().splitlines()))


def rates(calibration: Calibration, pieces: list[list[Labelled]]) -> tuple[float, float]:
    """(recall, false) of all samples, each piece from its own beginning."""
    right = {True: 0, False: 0}
    count = {True: 0, False: 0}
    for piece in pieces:
        verdicts = Verdicts(calibration)
        for (at, levels), occupied in piece:
            count[occupied] += 1
            right[occupied] += verdicts.judge(at, levels)[0] is True
    return right[True] / max(1, count[True]), right[False] / max(1, count[False])


def gates(path: Path) -> Iterator[tuple[str, bool]]:
    """Balanced accuracy for each empty recording."""
    recordings: dict[str, list[Labelled]] = {}
    for row in rows(path):
        levels = {
            name: float(value) for name, value in row.items() if name[:5] in ("move_", "still")
        }
        one: Timed = (float(row["millis"]) / 1000, levels)
        recordings.setdefault(row["recording"], []).append((one, row["occupied"] == "1"))
    for name, piece in recordings.items():
        if not piece[0][1]:
            calibration = fit([sample for sample, _ in piece]).calibration
            others = [other for key, other in recordings.items() if key != name]
            recall, false = rates(calibration, others)
            balanced = (recall + 1 - false) / 2
            yield f"empty recording {name}: balanced accuracy {balanced:.4f}", balanced >= BALANCED


def room(path: Path) -> Iterator[tuple[str, bool]]:
    """Recall and false alarms with the hold that the calibration chose."""
    labelled: list[Labelled] = [
        (
            (
                datetime.strptime(  # noqa: DTZ007  local, and only differences count
                    f"{row['Date']} {row['Time']}".replace("/", "-"), "%Y-%m-%d %H:%M:%S"
                ).timestamp(),
                {name: float(row[name]) for name in ("S6_PIR", "S7_PIR")},
            ),
            int(row["Room_Occupancy_Count"]) > 0,
        )
        for row in rows(path)
    ]
    empty = [sample for sample, occupied in labelled if not occupied]
    busy = [sample for sample, occupied in labelled if occupied]
    calibration = fit(empty, busy).calibration
    recall, false = rates(calibration, [labelled])
    told = f"hold {calibration.hold:g} s: recall {recall:.4f}, false {false:.4f}"
    yield told, recall >= RECALL and false <= FALSE


JUDGES = {"ld2410_gate_energies": gates, "uci_room_occupancy": room}


def main(directory: Path) -> int:
    """A line for each; returns how many fall short."""
    short = 0
    for path in sorted(directory.rglob("*.csv.gz")):
        for name, judge in JUDGES.items():
            if path.name.startswith(name):
                for told, good in judge(path):
                    short += not good
                    print(f"{path.name}: {told}{'' if good else '  <- short'}")
    return short


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])) > 0)
