"""`gateway simulate --branches`: a chain's upstream traffic against its broker."""

import asyncio
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, TextIO
from urllib.parse import unquote, urlsplit

import click
import msgspec

if TYPE_CHECKING:
    from gateway.fleet.fleet import Fleet
    from gateway.fleet.play import Pace, Plan, Tally
    from gateway.ports.fleet_port import FleetLink

ANSWERS_WITHIN = 30.0  # seconds until the first of all branches is connected
TELL_EVERY = 5.0  # seconds between two lines of progress
FILES = 512  # open files beside the branches' connections


class Asked(NamedTuple):
    """What is to be played."""

    brokers: tuple[str, ...]
    branches: int
    machines: int
    seed: int
    speed: float
    seconds: float | None


class Played(NamedTuple):
    """All the parts of a play."""

    asked: Asked
    fleet: "Fleet"
    links: "list[FleetLink]"
    pace: "Pace"
    plan: "Plan"
    tally: "Tally"


def play_fleet(
    asked: Asked,
    *,
    as_json: bool,
    backlog: float | None,
    passwords: TextIO | None,
    ca: str | None,
) -> None:
    """Play until Ctrl-C, or until all is acknowledged; then print the figures."""
    if not asked.brokers:
        raise click.UsageError("--branches needs a --broker: the one of a chain, never a branch's")
    _allow_files(asked.branches + FILES)
    known = dict(_pair(line) for line in passwords or () if line.strip())
    try:
        played = asyncio.run(_play(asked, backlog or 0.0, known, ca))
    except OSError as error:
        raise click.ClickException(str(error)) from None
    found = figures(played)
    told = msgspec.json.encode(found).decode() if as_json else _readable(found)
    click.echo(told)
    if asked.seconds is not None and not found["complete"]:
        sys.exit(1)


def figures(played: Played) -> dict[str, object]:
    """What came of it, for people and programs."""
    asked, fleet, links, pace, plan, tally = played
    seconds = pace.played()
    found: dict[str, object] = {
        "branches": asked.branches,
        "machines": asked.machines,
        "seed": asked.seed,
        "speed": asked.speed,
        "from": plan.first,
        "to": plan.end,
        "complete": fleet.is_complete,
        "seconds": round(seconds, 3),
        "acknowledged": tally.total,
        "messages": dict(tally.messages),
        "bins": tally.bins,
        "binsPerSecond": round(tally.bins / seconds, 1),
        "current": tally.current_after is not None,
        "requests": tally.requests,
        "requestsRefused": tally.refused,
        "connections": sum(link.connections for link in links),
        "problem": next((link.problem for link in links if link.problem), ""),
    }
    if tally.current_after is not None:
        found["currentAfter"] = round(tally.current_after, 3)
        found["binsUntilThen"] = tally.bins_until_then
    return found


async def _play(asked: Asked, days: float, passwords: dict[str, str], ca: str | None) -> Played:
    """Raises OSError: the certificate's file is none, or nobody could connect."""
    played = _parts(asked, days, passwords, ca)
    playing = asyncio.create_task(played.fleet.run())
    telling = asyncio.create_task(_tell(played))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, playing.cancel)
    try:
        await _require_a_connection(played, playing)
        with suppress(asyncio.CancelledError):
            await playing
    finally:
        telling.cancel()
        playing.cancel()
        await asyncio.wait([playing, telling])
    return played


def _parts(asked: Asked, days: float, passwords: dict[str, str], ca: str | None) -> Played:
    from gateway.clock import SystemClock  # noqa: PLC0415  other commands do without it
    from gateway.fleet.figures import gym_id, machine_ids  # noqa: PLC0415
    from gateway.fleet.fleet import Fleet, FleetBranch  # noqa: PLC0415
    from gateway.fleet.play import Pace, Plan, Tally  # noqa: PLC0415
    from gateway.ports.fleet_port import AT_ONCE, FleetLink, Login, trust  # noqa: PLC0415

    pace, tally = Pace(SystemClock(trusted=True), asked.speed, asked.seconds), Tally()
    plan = Plan.of(pace, asked.seed, machine_ids(asked.machines), days, asked.seconds)
    first = urlsplit(asked.brokers[0])
    shared = unquote(first.password) if first.password else None
    login = Login(asked.brokers, shared, first.username, trust(ca))
    gate, links, branches = asyncio.Semaphore(AT_ONCE), [], []
    for number in range(asked.branches):
        gym = gym_id(number)
        own = login._replace(password=passwords.get(gym, shared))
        link = FleetLink(gym, own, gate, number)
        branch = FleetBranch(gym, plan, pace, link.send, tally)
        link.hear = branch.past.hear
        links.append(link)
        branches.append((branch, link.run))
    return Played(asked, Fleet(branches, pace, asked.seconds, tally), links, pace, plan, tally)


async def _require_a_connection(played: Played, playing: "asyncio.Task[None]") -> None:
    """One branch at least. Raises OSError: the words of the first that was refused."""
    deadline = asyncio.get_running_loop().time() + ANSWERS_WITHIN
    while not playing.done() and not any(link.connections for link in played.links):
        await asyncio.sleep(0.05)
        refused = next((link.problem for link in played.links if link.problem), "")
        over = asyncio.get_running_loop().time() > deadline
        if over or (refused and all(link.problem for link in played.links)):
            raise ConnectionError(
                f"No branch could connect: {refused or 'no answer'}. Correct --broker, --passwords "
                "or --ca, or start the chain's broker."
            )


async def _tell(played: Played) -> None:
    """A line each few seconds, over itself where there is a terminal."""
    head, end = ("\r\033[K", "") if sys.stderr.isatty() else ("", "\n")
    bins, links, tally = 0, played.links, played.tally
    while True:
        await asyncio.sleep(TELL_EVERY)
        rate, bins = (tally.bins - bins) / TELL_EVERY, tally.bins
        up = sum(link.is_up for link in links)
        line = (
            f"{played.pace.played():.0f} s: {up} of {len(links)} connected, "
            f"{tally.total} messages, {tally.bins} bins ({rate:.0f}/s)"
        )
        click.echo(f"{head}{line}{end}", nl=False, err=True)


def _readable(found: dict[str, object]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in found.items())


def _pair(line: str) -> tuple[str, str]:
    gym, found, password = line.rstrip("\n").partition(":")
    if not found:
        raise click.UsageError("--passwords wants lines of gymId:password")
    return gym, password


def _allow_files(wanted: int) -> None:
    """Each connection is an open file; a shell often allows 1,024."""
    import resource  # noqa: PLC0415  other commands do without it

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and wanted > hard:
        raise click.UsageError(f"{wanted} open files are needed, {hard} allowed: see ulimit -Hn")
    if soft != resource.RLIM_INFINITY and wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
