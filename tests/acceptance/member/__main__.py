"""A member's way in a real browser, at a real gateway with its broker.

    python -m tests.acceptance.member [simply] [restarted] …  [--seed N] [--times N] [--offline S]

Prints each way and how long it took; ends with 1 if anyone was not rung as promised.
"""

import argparse
import asyncio
import sys
import time
import traceback
from collections.abc import Callable, Coroutine
from functools import partial

from tests.acceptance.member import ways
from tests.acceptance.member.gym import NAME, branch
from tests.process import GatewayProcess

Way = Callable[[GatewayProcess, int], Coroutine[None, None, None]]


def chosen(offline: float) -> dict[str, Way]:
    """Every way, by name."""

    async def pushed(_process: GatewayProcess, seed: int) -> None:
        await ways.pushed(seed)  # its gateway knows the push service

    return {
        "simply": ways.simply,
        "restarted": ways.restarted,
        "cut_off": partial(ways.cut_off, seconds=offline),
        "cut_off_unknown": partial(ways.cut_off, seconds=max(offline, 60.0), knows=False),
        "many_tabs": ways.many_tabs,
        "many_tabs_plain": partial(ways.many_tabs, host=NAME),
        "slow_tab": ways.slow_tab,
        "slow_ears": ways.slow_ears,
        "plain_http": ways.plain_http,
        "pushed": pushed,
    }


def went(name: str, way: Way, seed: int) -> bool:
    """Whether it ended as it should; each has a gateway of its own."""
    began = time.monotonic()
    try:
        with branch() as process:
            asyncio.run(way(process, seed))
    except (AssertionError, TimeoutError) as error:
        traceback.print_exception(error)
        good = False
    else:
        good = True
    print(f"{name} seed {seed}: {'good' if good else 'MISSED'}, {time.monotonic() - began:.0f} s")
    return good


def main() -> int:
    """Those that are named, or all; twice, unless told otherwise."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("ways", nargs="*", help=f"of {', '.join(chosen(0))}; all by default")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--times", type=int, default=2)
    parser.add_argument("--offline", type=float, default=60.0, help="seconds without Wi-Fi")
    asked = parser.parse_args()
    known = chosen(asked.offline)
    if unknown := set(asked.ways) - set(known):
        parser.error(f"no way {', '.join(sorted(unknown))}: there are {', '.join(known)}")
    found = [
        went(name, known[name], asked.seed + turn)
        for name in asked.ways or known
        for turn in range(asked.times)
    ]
    return 0 if all(found) else 1


if __name__ == "__main__":
    sys.exit(main())
