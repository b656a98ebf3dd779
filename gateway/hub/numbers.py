"""The small numbers that stand for machines in the database."""

from collections.abc import Collection, Iterable
from typing import LiteralString

from gateway.hub.schema import Connection

Name = tuple[str, str]
"""(gymId, machineId)."""

MAKE: LiteralString = """
INSERT INTO machines (gym, machine) SELECT * FROM unnest(%s::text[], %s::text[])
ON CONFLICT DO NOTHING
"""
FIND: LiteralString = """
SELECT gym, machine, number FROM machines
JOIN unnest(%s::text[], %s::text[]) AS asked (gym, machine) USING (gym, machine)
"""


class Numbers:
    """All of them, in memory: 30,000 machines are some MB."""

    def __init__(self) -> None:
        self._numbers: dict[Name, int] = {}
        self._of_gym: dict[str, set[str]] = {}

    @classmethod
    async def of(cls, conn: Connection) -> "Numbers":
        """As they are in the database."""
        found = cls()
        async for row in conn.cursor().stream("SELECT gym, machine, number FROM machines"):
            found._add(row)
        return found

    def __getitem__(self, name: Name) -> int:
        return self._numbers[name]

    def machines(self, gym: str) -> Collection[str]:
        """Every machine that was ever heard of there."""
        return self._of_gym.get(gym, ())

    async def see_to(self, conn: Connection, names: Iterable[Name]) -> None:
        """Number those that are new; on its own, before the transaction that uses them."""
        missing = sorted(set(names).difference(self._numbers))
        if not missing:
            return
        asked = [gym for gym, _ in missing], [machine for _, machine in missing]
        await conn.execute(MAKE, asked)
        for row in await (await conn.execute(FIND, asked)).fetchall():
            self._add(row)

    def _add(self, row: tuple[object, ...]) -> None:
        gym, machine, number = str(row[0]), str(row[1]), int(str(row[2]))
        self._numbers[gym, machine] = number
        self._of_gym.setdefault(gym, set()).add(machine)
