"""Where members want to be told beside their open page: push subscriptions, ntfy topics."""

import secrets
import sqlite3
from collections.abc import Callable, Mapping

from gateway.alerting.ringing import Run
from gateway.core.clock import Clock
from gateway.core.errors import ConflictError, Fault, InvalidError, UnknownIdError
from gateway.core.notices import Target
from gateway.store import deliveries, people
from gateway.store.deliveries import Subscribed

MOST_OF_ONE = 5  # a phone, a tablet, a laptop, and those before them
MOST = 40_000  # in all: twice as many as members
BROKEN = 600.0  # seconds after a failure in which it counts for nothing; then the next ring tries

Objection = Callable[[str], str | None]
"""An address → what is wrong with it."""


class Targets:
    """In memory for each ring, in the ledger for the next start."""

    def __init__(
        self,
        write: Run,
        clock: Clock,
        objection: Objection,
        ntfy: str | None,
        everywhere: tuple[Target, ...] = (),
    ) -> None:
        """`ntfy`: the server's address; `everywhere`: the operators' own, for every ring."""
        self._write = write
        self._clock = clock
        self._objection = objection
        self.follow(ntfy, everywhere)
        self._known: dict[str, Subscribed] = {}
        self._of_member: dict[str, dict[str, Target]] = {}
        self._broken: dict[str, float] = {}  # until when, monotonic seconds

    def follow(self, ntfy: str | None, everywhere: tuple[Target, ...]) -> None:
        """That server, and those of the operators', from now on."""
        self.ntfy = ntfy
        self.everywhere = {target.id: target for target in everywhere}

    async def load(self) -> None:
        """As stored."""
        for one in await self._write(deliveries.targets):
            self._keep(one)

    def of(self, member: str) -> list[Target]:
        """A member's own."""
        return [*self._of_member.get(member, {}).values()]

    def get(self, target: str) -> Target | None:
        """A member's or an operator's, by id."""
        known = self._known.get(target)
        return known.target if known else self.everywhere.get(target)

    def work(self, member: str) -> bool:
        """Whether one of the member's has not failed for good lately."""
        now = self._clock.monotonic()
        mine = self._of_member.get(member, ())
        return any(self._broken.get(target, now) <= now for target in mine)

    # --- members' calls -----------------------------------------------------------------------

    async def add_push(self, member: str, endpoint: str, keys: Mapping[str, str]) -> Target:
        """A browser's subscription; the same endpoint again is the same one.

        Raises InvalidError, ConflictError.
        """
        if (wrong := self._objection(endpoint)) is not None:
            raise InvalidError([Fault("/endpoint", wrong)])
        mine = (one for one in self.of(member) if one.address == endpoint)
        known = next(mine, None)
        return await self._add(member, "web_push", endpoint, keys, known)

    async def add_ntfy(self, member: str) -> Target:
        """A topic that nobody can guess; one for each member. Raises ConflictError."""
        if self.ntfy is None:
            raise ConflictError("This branch has no ntfy server; ask its staff for [notify] ntfy.")
        known = next((one for one in self.of(member) if one.channel == "ntfy"), None)
        return known or await self._add(member, "ntfy", f"gym-{secrets.token_urlsafe(16)}", {})

    async def _add(
        self,
        member: str,
        channel: str,
        address: str,
        keys: Mapping[str, str],
        known: Target | None = None,
    ) -> Target:
        if known is None and len(self.of(member)) >= MOST_OF_ONE:
            raise ConflictError(f"You have {MOST_OF_ONE} push subscriptions; delete one first.")
        if known is None and len(self._known) >= MOST:
            raise ConflictError("This branch cannot remember more push subscriptions.")
        name = known.id if known else f"p{secrets.token_hex(8)}"
        one = Subscribed(member, Target(name, channel, address, dict(keys)), self._clock.wall())

        def work(conn: sqlite3.Connection) -> None:
            people.must_know(conn, member)
            deliveries.add_target(conn, one)

        self._keep(one)
        try:
            await self._write(work)
        except BaseException:
            self._drop(name)
            raise
        return one.target

    async def remove(self, member: str, target: str) -> None:
        """One of its own. Raises UnknownIdError, for others' too."""
        if target not in self._of_member.get(member, {}):
            raise UnknownIdError("push subscription", target)
        await self.drop(target, "removed")

    # --- what deliveries tell -----------------------------------------------------------------

    async def drop(self, target: str, reason: str) -> None:
        """It is no more."""
        self._drop(target)
        at = self._clock.wall()
        await self._write(lambda conn: deliveries.drop_target(conn, target, at, reason))

    def fared(self, target: str, *, well: bool) -> None:
        """How the last delivery ended."""
        if well:
            self._broken.pop(target, None)
        elif target in self._known:
            self._broken[target] = self._clock.monotonic() + BROKEN

    def forget_members(self, members: list[str]) -> None:
        """They are gone, with their rows."""
        for member in members:
            for target in self.of(member):
                self._drop(target.id)

    def _keep(self, one: Subscribed) -> None:
        self._known[one.target.id] = one
        self._of_member.setdefault(one.member, {})[one.target.id] = one.target
        self._broken.pop(one.target.id, None)

    def _drop(self, target: str) -> None:
        one = self._known.pop(target, None)
        self._broken.pop(target, None)
        if one is None:
            return
        mine = self._of_member[one.member]
        del mine[target]
        if not mine:
            del self._of_member[one.member]
