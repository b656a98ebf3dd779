"""The pages, against a real gateway with its broker and simulated people, in a real browser.

    python -m tests.acceptance.pages [axe] [pictures] …  [--out FOLDER]

Prints each figure beside what is wanted; ends with 1 if anything is missed.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from tests.acceptance.pages import axe, endurance, images, lighthouse, pictures, slow_link
from tests.acceptance.pages.branches import crowded, evening, nasty
from tests.acceptance.pages.visits import served


def _axe(_asked: argparse.Namespace) -> bool:
    with evening() as process:
        return asyncio.run(axe.campaign(process))


def _pictures(asked: argparse.Namespace) -> bool:
    with evening() as process:
        usual = asyncio.run(pictures.campaign(process, asked.out, "evening", *asked.page))
    with nasty() as process:
        return asyncio.run(pictures.campaign(process, asked.out, "nasty", *asked.page)) and usual


def _lighthouse(asked: argparse.Namespace) -> bool:
    with evening() as process:
        return lighthouse.campaign(process, asked.out)


def _slow(_asked: argparse.Namespace) -> bool:
    with evening() as process:
        return asyncio.run(slow_link.campaign(process))


def _endurance(asked: argparse.Namespace) -> bool:
    with crowded() as process:
        views = list(served(process, *asked.page or ["kiosk"]))
        found = [asyncio.run(endurance.campaign(process, one, asked.updates)) for one in views]
    return bool(found) and all(found)  # what was skipped has shown nothing


def _images(asked: argparse.Namespace) -> bool:
    with evening() as process:
        return asyncio.run(images.campaign(process, asked.out))


CAMPAIGNS: dict[str, Callable[[argparse.Namespace], bool]] = {
    "axe": _axe,
    "lighthouse": _lighthouse,
    "slow": _slow,
    "pictures": _pictures,
    "endurance": _endurance,
    "images": _images,
}


def main() -> int:
    """Those that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("campaigns", nargs="*", help=f"of {', '.join(CAMPAIGNS)}; all by default")
    parser.add_argument("--out", type=Path, default=Path("tests/artefacts/pages"))
    parser.add_argument("--updates", type=int, default=10_000, help="in endurance")
    parser.add_argument("--page", action="append", default=[], help="in pictures and endurance")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    if unknown := set(asked.campaigns) - set(CAMPAIGNS):
        parser.error(f"no campaign {', '.join(sorted(unknown))}: there are {', '.join(CAMPAIGNS)}")
    good = True
    for name in asked.campaigns or CAMPAIGNS:
        well = CAMPAIGNS[name](asked)
        print(f"{name}: {'good' if well else 'MISSED'}", flush=True)
        good = good and well
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
