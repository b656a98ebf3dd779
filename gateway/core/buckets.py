"""Token buckets: how much one client may ask for in a while, and how that is told."""

from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

MOST = 10_000  # clients with a bucket that is not full, for each policy: 1 MB of memory
SWEEP_EVERY = 1.0  # seconds: a sweep of a full table takes 2 ms on a PC, five times that on a Pi
SHARED = ""  # the key of all for whom the table has no room
ROUNDING = 1e-9  # seconds: sums of fractions fall short of the whole by less


@dataclass(frozen=True, slots=True)
class Policy:
    """`quota` units at once, and as many again in every `window` seconds."""

    name: str
    quota: int
    window: int

    @property
    def header(self) -> str:
        """The value of RateLimit-Policy."""
        return f'"{self.name}";q={self.quota};w={self.window}'


class Verdict(NamedTuple):
    """Whether the unit was there, how many are left, and in how many seconds all are."""

    allowed: bool
    remaining: int
    reset_in: int
    retry_after: int
    """Seconds until there is one again; 0 while there is."""

    def header(self, policy: Policy) -> str:
        """The value of RateLimit."""
        return f'"{policy.name}";r={self.remaining};t={self.reset_in}'


class Buckets:
    """A bucket for each policy and key.

    Of a bucket only the moment is kept at which it will be full again, and one that is full is
    the same as none: those alone leave a full table, so that no flood of new keys washes an
    emptied bucket out before it has refilled. If there are none, newcomers share one bucket.
    """

    def __init__(self, most: int = MOST) -> None:
        """Keep `most` buckets of each policy, and the shared one."""
        self._most = most
        self._tables: dict[str, dict[str, float]] = {}
        self._swept: dict[str, float] = {}

    def __len__(self) -> int:
        return sum(map(len, self._tables.values()))

    def take(self, policy: Policy, key: str, now: float) -> Verdict:
        """Take a unit if there is one. `now` in monotonic seconds."""
        table = self._tables.setdefault(policy.name, {})
        if key not in table and len(table) >= self._most:
            key = self._room(policy, key, now)
        each = policy.window / policy.quota
        full_in = max(table.get(key, now) - now, 0.0)
        if full_in + each > policy.window + ROUNDING:
            return _verdict(policy, full_in, allowed=False)
        table[key] = now + full_in + each
        return _verdict(policy, full_in + each, allowed=True)

    def look(self, policy: Policy, key: str, now: float) -> Verdict:
        """What `take` would say, without taking: where two buckets must both have a unit."""
        table = self._tables.get(policy.name, {})
        if key not in table and len(table) >= self._most:
            key = self._room(policy, key, now)
        full_in = max(table.get(key, now) - now, 0.0)
        left = full_in + policy.window / policy.quota <= policy.window + ROUNDING
        return _verdict(policy, full_in, allowed=left)

    def _room(self, policy: Policy, key: str, now: float) -> str:
        """Make room for `key`; its own name if there is some, else that of the shared bucket."""
        table = self._tables[policy.name]
        if now - self._swept.get(policy.name, -SWEEP_EVERY) >= SWEEP_EVERY:
            self._swept[policy.name] = now
            for full in [name for name, full_at in table.items() if full_at <= now]:
                del table[full]
        return key if len(table) < self._most else SHARED


def _verdict(policy: Policy, full_in: float, *, allowed: bool) -> Verdict:
    each = policy.window / policy.quota
    remaining = int((policy.window - full_in + ROUNDING) / each)
    retry = 0 if remaining else max(1, ceil(full_in + each - policy.window))
    return Verdict(allowed, remaining, ceil(full_in), retry)
