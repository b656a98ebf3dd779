"""`python tests/bench/run.py [--short] [name …]`: run all benches, or those, and print figures.

A bench is a file beside this one with a function `bench(short)` that returns rows.
"""

import argparse
import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # started as a file, not as a module

from tests.bench.harness import Bench, table

FRAME = {"harness", "run", "__init__", "__main__"}


def names() -> list[str]:
    """Every bench there is."""
    return sorted({path.stem for path in Path(__file__).parent.glob("*.py")} - FRAME)


def find(name: str) -> Bench:
    """The bench of that name; ModuleNotFoundError if there is none."""
    bench: Bench = importlib.import_module(f"tests.bench.{name}").bench
    return bench


def main() -> None:
    """Run what was asked for, one after the other: two at once would measure each other."""
    parser = argparse.ArgumentParser(description="Figures of the gateway beside yardsticks.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(names())}")
    parser.add_argument("--short", action="store_true", help="only see whether they still work")
    asked = parser.parse_args()
    unknown = set(asked.names) - set(names())
    if unknown:
        parser.error(f"no such bench: {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    for name in asked.names or names():
        print(f"\n{name}", flush=True)
        print(table(find(name)(asked.short)), flush=True)


if __name__ == "__main__":
    main()
