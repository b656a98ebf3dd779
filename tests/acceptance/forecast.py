"""Judge the forecast on every recorded set in a directory.

`python -m tests.acceptance.forecast DIRECTORY [--timezone Europe/London] [--every 600]` takes
files `*.csv` and `*.csv.gz` with the columns local_time,machine,occupied; others are named and
left alone. The last four weeks of each are judged, learned in time order from those before.
"""

import argparse
import gzip
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.cli.forecast import COLUMNS, events_of
from gateway.core.forecast_judged import Judged, judge
from gateway.core.usage import WEEK

JUDGED = 4 * WEEK
HALF_HOUR = 1800.0


def main() -> int:
    """A table for each set; 1 if there is none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--timezone", default="Europe/London", type=ZoneInfo)
    parser.add_argument("--every", default=600.0, type=float, help="seconds between questions")
    asked = parser.parse_args()
    found = 0
    for path in sorted(asked.directory.rglob("*.csv*")):
        lines = _lines(path)
        if not lines or lines[0].strip().split(",") != [*COLUMNS]:
            print(f"{path.name}: other columns, left alone", file=sys.stderr)
            continue
        found += 1
        events = events_of(lines, asked.timezone)
        end = max(at for of in events.values() for at, _ in of)
        judged = judge(events, end - JUDGED, HALF_HOUR, asked.every, asked.timezone)
        print(f"{path.name}\n{_table(judged)}\n", flush=True)
    return 0 if found else 1


def _lines(path: Path) -> list[str]:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode().splitlines()


def _table(judged: Judged) -> str:
    rows = [f"{'':<12} {'all':>6} {'busy':>6} {'free':>6}"]
    rows += [f"{s.name:<12} {s.all:6.4f} {s.busy:6.4f} {s.free:6.4f}" for s in judged.scores]
    worst = f"worst decile {judged.miscalibration:.3f}, {judged.samples:,} questions"
    return "\n".join([*rows, worst])


if __name__ == "__main__":
    sys.exit(main())
