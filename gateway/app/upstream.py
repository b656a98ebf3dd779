"""The branch's side of the chain, composed: outbox, lanes, proofs, siblings, and the line."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from config.secrets import secret
from config.sections import Config
from config.sections import Upstream as Section
from gateway.core.clock import Clock
from gateway.core.events import Event
from gateway.ports.mqtt_client import TlsFiles
from gateway.ports.upstream_link import Login, UpstreamLink
from gateway.readmodel import ReadModel
from gateway.supervision import Supervisor
from gateway.upstream.chain_model import ChainModel
from gateway.upstream.copying import Copying
from gateway.upstream.draining import Draining
from gateway.upstream.line import Run
from gateway.upstream.live import Live
from gateway.upstream.outbox import Outbox
from gateway.upstream.proving import Proving, day_of
from gateway.upstream.siblings import Siblings
from gateway.upstream.telling import branch_of, summary_of

PASSWORD = "upstream-password"  # noqa: S105  the name of a secret
MOST_REQUESTS = 100  # of the hub, waiting: a day each; it asks for the others again
SHOWN_AFTER = 2.0  # seconds until what a sibling told is shown: 1,000 of them tell all the time


class Upstream:
    """`read` on the history, `write` into the ledger; `model` is our own branch."""

    def __init__(
        self,
        config: Config,
        section: Section,
        model: ReadModel,
        clock: Clock,
        read: Run,
        write: Run,
        changed: Callable[[], None],
    ) -> None:
        """`changed`: what is shown of siblings is not so any more. Raises SecretError."""
        gym = self._gym = config.branch.id
        self._config, self._section, self._clock = config, section, clock
        self._changed, self._due = changed, False
        self._siblings = Siblings(gym, clock, self._change)
        self.model = ChainModel(gym, model, self._siblings, clock)
        self._outbox = outbox = Outbox(write, clock, section.max_bytes, section.keep_days)
        self._copying = Copying(read, outbox)
        login = _login(config, section)
        will = (f"gyms/{gym}/gateway", b"offline")
        self._link = link = UpstreamLink(f"gym-{gym}", login, will, self._hear)
        self._live = Live(
            gym, link, lambda: branch_of(self._config), lambda: summary_of(model, gym)
        )
        self._draining = Draining(gym, link, outbox, section.drain)
        self._proving = Proving(gym, read, write, link, outbox, clock)
        outbox.settled = self._proving.ring
        self._requests: asyncio.Queue[bytes] = asyncio.Queue(MOST_REQUESTS)
        self.stored = self._copying.ring
        """To be called when bins were stored."""

    async def load(self) -> None:
        """Go on as the ledger says."""
        await self._copying.load()

    def start(self, tasks: asyncio.TaskGroup, supervisor: Supervisor) -> list[asyncio.Task[None]]:
        """Copy for ever, and keep the line up for ever."""
        parts = (
            supervisor.keep("outbox", self._copying.run),
            supervisor.keep("upstream link", lambda: self._link.run(self._serve)),
        )
        return [tasks.create_task(part) for part in parts]

    def ring(self, events: Sequence[Event]) -> None:
        """Behind the bus."""
        self._live.ring(events)

    def reconfigure(self, config: Config) -> None:
        """Another description of the branch, other bounds."""
        self._config = config
        section = config.upstream
        if section is not None:
            self._section = section
            self._outbox.follow(section.max_bytes, section.keep_days)
            self._draining.rate = section.drain
        self._live.renew()

    async def resend(self, days: Collection[date], hours: Collection[int]) -> int:
        """Queue what the history has of these, whatever was answered before."""
        numbers = [day_of(day.isoformat()) for day in days]
        first, last = self._outbox.first_day, self._outbox.last_day
        known = [number for number in numbers if first <= number <= last]
        for number in known:
            await self._proving.resend(number, hours)
        return len(known)

    # --- how it is --------------------------------------------------------------------------------

    def problems(self) -> dict[str, str]:
        """What is wrong and what to do; a dead line costs nothing but freshness."""
        found = {}
        if (state := self._link.state()).state != "up":
            found["upstream"] = state.problem
        if self._outbox.bytes > 0.9 * self._section.max_bytes:
            waits = "what waits for the chain is merged to hours and days from now on"
            found["outbox"] = f"{waits}: mend the line, or raise [upstream] max_bytes"
        return found

    def status(self) -> dict[str, Any]:
        """As `gateway upstream status --json` shows it."""
        state, outbox, noted = self._link.state(), self._outbox, self._outbox.noted
        return {
            "url": self._section.url,
            "link": state.state,
            "since": round(state.since + self._clock.offset, 3),
            "problem": state.problem,
            "protocol": self._link.protocol,
            "connections": self._link.connections,
            "backlogRows": outbox.rows,
            "backlogBytes": outbox.bytes,
            "maxBytes": self._section.max_bytes,
            "oldest": outbox.oldest,
            "inFlight": self._draining.in_flight,
            "lastAcknowledged": outbox.last_acknowledged,
            "acknowledged": noted.get("acknowledged", 0),
            "asked": noted.get("asked", 0),
            "merged": noted.get("merged", 0),
            "dropped": noted.get("dropped", 0),
            "declared": noted.get("declared", 0),
            "refusedRequests": self._proving.refused,
            "summaries": self._live.sent,
            "siblings": len(self._siblings),
            "siblingsDropped": sum(self._siblings.dropped.values()),
        }

    def brief(self) -> dict[str, Any]:
        """As /health shows it, in a word each."""
        noted = self._outbox.noted
        counts = {name: noted.get(name, 0) for name in ("merged", "dropped", "declared")}
        waits = {"link": self._link.state().state, "waiting": self._outbox.rows}
        return {**waits, **counts, "siblings": len(self._siblings)}

    def counts(self) -> dict[str, Callable[[], float | Mapping[str, float]]]:
        """For the metrics."""
        outbox, clock = self._outbox, self._clock
        rows = ("acknowledged", "merged", "dropped", "declared", "asked")
        return {
            "upstream_up": lambda: float(self._link.state().state == "up"),
            "upstream_backlog_rows": lambda: outbox.rows,
            "upstream_backlog_bytes": lambda: outbox.bytes,
            "upstream_oldest_seconds": lambda: (
                0.0 if outbox.oldest is None else max(0.0, clock.wall() - outbox.oldest)
            ),
            "upstream_rows": lambda: {name: outbox.noted.get(name, 0) for name in rows},
            "upstream_connections": lambda: self._link.connections,
            "upstream_summaries": lambda: self._live.sent,
            "siblings": lambda: len(self._siblings),
        }

    # --- one connection ---------------------------------------------------------------------------

    async def _serve(self) -> None:
        """The fast lane first; all end with the connection."""
        self._link.subscribe([(f"gyms/{self._gym}/request", 1)])
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._live.run())
                tasks.create_task(self._draining.run(self._live.current))
                tasks.create_task(self._proving.run())
                tasks.create_task(self._siblings.listen(self._link))
                tasks.create_task(self._take_requests())
        except* ConnectionError:
            pass  # the line knows why

    async def _take_requests(self) -> None:
        while True:
            await self._proving.hear(await self._requests.get())

    def _hear(self, topic: str, payload: bytes) -> None:
        if topic != f"gyms/{self._gym}/request":
            self._siblings.hear(topic, payload)
        elif not self._requests.full():
            self._requests.put_nowait(payload)

    def _change(self) -> None:
        """A sibling said something."""
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_later(SHOWN_AFTER, self._show)

    def _show(self) -> None:
        self._due = False
        self._changed()


def _login(config: Config, section: Section) -> Login:
    """The user stands in the URL, or is the branch's id; the password is a secret."""
    scheme, _, rest = section.url.partition("://")
    user, _, host = rest.rpartition("@")
    password = secret(PASSWORD, Path(config.store.history).parent)
    name = user or (config.branch.id if password else None)
    tls = TlsFiles(section.ca, section.certificate, section.key)
    return Login(f"{scheme}://{host}", name, password.decode() if password else None, tls)
