"""What a made-up chain tells: each number follows from (seed, gym, machine, start) alone.

So who checks a database can compute what must be in it: `rows_at` for every quarter hour.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import NamedTuple

from gateway.chain import Branch, Category, Digest, Machine, Place
from gateway.core.digests import DAY, HOUR, Row, hour_digest

QUARTER = 900
FULL = QUARTER * 10  # tenths of a second
CATEGORIES = ("cardio", "legs", "arms", "back", "chest", "core")
Hours = tuple[tuple[int, str] | None, ...]


class Use(NamedTuple):
    """What happens at a machine in a quarter hour; somebody comes at most once."""

    came: int
    """Tenths of a second after the start."""
    left: int
    """As `came`; the same number: nobody was there."""
    observed: int
    """Tenths of a second."""
    corrected: bool
    """The bin was sent with other numbers before."""


def gym_id(number: int) -> str:
    """`sim-0007`: also the branch's user at the broker."""
    return f"sim-{number:04d}"


def machine_ids(count: int) -> tuple[str, ...]:
    """Those of any branch, in the order in which rows travel."""
    return tuple(f"machine-{number:03d}" for number in range(count))


def use_of(seed: int, gym: str, machine: str, start: int) -> Use:
    """Three of four quarters are used, for 60 to 450 s.

    One bin of 64 has a gap, one of 128 two revisions.
    """
    name = f"{seed}/{gym}/{machine}/{start}".encode()
    dice = int.from_bytes(blake2b(name, digest_size=8).digest(), "big")
    came = (dice >> 8) % (FULL // 2)
    length = 600 + (dice >> 24) % 3900 if dice & 3 else 0
    gap = (FULL - length) // 2 if (dice >> 40) & 63 == 0 else 0
    return Use(came, came + length, FULL - gap, (dice >> 48) & 127 == 0)


def row_at(seed: int, gym: str, machine: str, start: int) -> Row:
    """The last word on a bin."""
    came, left, observed, corrected = use_of(seed, gym, machine, start)
    return Row(machine, start, int(corrected), left - came, observed, int(left > came))


def rows_at(seed: int, gym: str, machines: Sequence[str], start: int) -> list[Row]:
    """The last word on every bin of a quarter hour."""
    return [row_at(seed, gym, machine, start) for machine in machines]


def before_correction(row: Row) -> Row:
    """What was said of a bin first."""
    if not row.revision:
        return row
    return Row(row.machine, row.start, 0, row.occupied // 2, row.observed, row.sessions)


def hour_at(seed: int, gym: str, machines: Sequence[str], hour: int) -> tuple[int, str]:
    """The proof over the hour that begins there (epoch seconds)."""
    starts = range(hour, hour + HOUR, QUARTER)
    return hour_digest(row for start in starts for row in rows_at(seed, gym, machines, start))


def digest_of(gym: str, day: int, as_of: float, hours: Hours) -> Digest:
    """The proof over the UTC day that begins at `day` (epoch seconds)."""
    return Digest(gym_id=gym, day=day_name(day), as_of=as_of, hours=hours)


def day_name(start: int) -> str:
    """The UTC day of a moment: `2026-11-24`."""
    return datetime.fromtimestamp(start // DAY * DAY, UTC).date().isoformat()


def category_of(machine: int) -> str:
    """Of the machine of that number."""
    return CATEGORIES[machine % len(CATEGORIES)]


def branch_of(gym: str, machines: Sequence[str]) -> Branch:
    """Its description; branches stand on a grid of 25 by 40, a kilometre from each other."""
    number = int.from_bytes(blake2b(gym.encode(), digest_size=2).digest(), "big") % 1000
    return Branch(
        gym_id=gym,
        name=f"Simulated {gym}",
        latitude=22.2 + number // 40 * 0.01,
        longitude=113.9 + number % 40 * 0.01,
        timezone="Asia/Hong_Kong",
        public_url=f"https://{gym}.example.org",
        categories=tuple(Category(category=word, name=word.title()) for word in CATEGORIES),
        machines=tuple(
            Machine(
                machine_id=machine,
                name=machine.replace("-", " ").title(),
                category=category_of(number),
                position=Place(number % 10 * 2.0, number // 10 * 2.0),
            )
            for number, machine in enumerate(machines)
        ),
    )
