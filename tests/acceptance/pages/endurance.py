"""A screen that is told 10,000 changes while its gateway is killed five times: nothing grows."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from playwright.async_api import CDPSession, ConsoleMessage, Page

from tests.acceptance.pages.branches import machines
from tests.acceptance.pages.visits import Manner, View, browsing, looking, path_of, stand
from tests.process import GatewayProcess

SCREEN = Manner(width=1920, height=1080)
SLOWER = 4  # times: a Pi beside this machine
PER_SECOND = 100  # changes that are published
BURST = 10
MARKS = 5  # measurements, evenly spaced; the first is at 20 %
HEAP_WITHIN = 0.10  # of the heap at the first mark
COST = 4.0  # ms of script, layout and style for one update, on the slower processor
WORK = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
EXPECTED = ("ERR_", "Failed to load resource")  # a browser logs a gateway that is gone
SETTLED_WITHIN = 30.0  # seconds
COUNT = "() => document.getElementsByTagName('*').length"


@dataclass(frozen=True)
class Mark:
    """The page with every machine free, after its garbage is collected."""

    updates: int
    heap: float
    nodes: int
    """All that the engine keeps, detached ones too."""
    elements: int
    listeners: int


@dataclass
class Heard:
    """What the page was told, and what it said."""

    messages: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    expected: Counter[str] = field(default_factory=Counter)

    def event(self, event: dict[str, Any]) -> None:
        """A message of its stream."""
        self.messages[event["eventName"]] += 1

    def console(self, said: ConsoleMessage) -> None:
        """A line on its console."""
        if said.type == "error" and any(one in said.text for one in EXPECTED):
            self.expected[said.text] += 1
        elif said.type in {"error", "warning"}:
            self.errors.append(said.text)

    @property
    def updates(self) -> int:
        """Changes that it was told."""
        return self.messages["machine_update"]


class Sensors:
    """A native sensor on each machine; what is lost while nobody listens is lost."""

    def __init__(self, process: GatewayProcess) -> None:
        self._names = [one["machineId"] for one in machines(process)]
        self._occupied = dict.fromkeys(self._names, False)
        self._chance = random.Random(1)
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", process.broker_port())
        self._client.loop_start()

    def change(self, count: int) -> None:
        """So many machines, any."""
        for name in self._chance.choices(self._names, k=count):
            self._say(name, occupied=not self._occupied[name])

    def free_all(self) -> None:
        """Every machine."""
        for name in self._names:
            self._say(name, occupied=False)

    def _say(self, name: str, *, occupied: bool) -> None:
        self._occupied[name] = occupied
        self._client.publish(f"gyms/test/machines/{name}/occupancy", "ON" if occupied else "OFF")

    def end(self) -> None:
        """Be silent."""
        self._client.disconnect()
        self._client.loop_stop()


@dataclass
class Watched:
    """A page under measurement."""

    page: Page
    cdp: CDPSession
    heard: Heard
    process: GatewayProcess
    sensors: Sensors
    spent: Counter[str] = field(default_factory=Counter)
    """Seconds of the page's main thread while it was told, by kind; and of how many `updates`."""

    async def metrics(self) -> dict[str, float]:
        """The engine's own counts."""
        found = await self.cdp.send("Performance.getMetrics")
        return {one["name"]: one["value"] for one in found["metrics"]}

    async def mark(self) -> Mark:
        """Every machine free, garbage gone."""
        await self.all_free()
        await self.page.wait_for_timeout(2_000)
        for _ in range(2):
            await self.cdp.send("HeapProfiler.collectGarbage")
        found = await self.metrics()
        return Mark(
            self.heard.updates,
            found["JSHeapUsedSize"],
            int(found["Nodes"]),
            await self.page.evaluate(COUNT),
            int(found["JSEventListeners"]),
        )

    async def all_free(self) -> None:
        """Until the gateway says so."""
        async with asyncio.timeout(SETTLED_WITHIN):
            while any(
                one["status"] != "free" for one in await asyncio.to_thread(machines, self.process)
            ):
                self.sensors.free_all()
                await asyncio.sleep(0.5)

    async def be_told(self, updates: int, restarts: int) -> None:
        """So many more, the gateway killed so many times meanwhile, at any moment."""
        first = self.heard.updates
        before = await self.metrics()
        kills = [first + updates * (one + 1) // (restarts + 1) for one in range(restarts)]
        while self.heard.updates < first + updates:
            self.sensors.change(BURST)
            await asyncio.sleep(BURST / PER_SECOND)
            if kills and self.heard.updates >= kills[0]:
                kills.pop(0)
                await asyncio.to_thread(self.restart)
        after = await self.metrics()
        self.spent.update({name: after[name] - before[name] for name in (*WORK, "TaskDuration")})
        self.spent["updates"] += self.heard.updates - first

    def restart(self) -> None:
        """Killed, and started on the same files."""
        self.process.kill()
        self.process.start()
        self.process.wait_port_up()


async def campaign(
    process: GatewayProcess, view: View, updates: int = 10_000, restarts: int = 5
) -> bool:
    """Whether memory and nodes stay as they are, and an update is cheap."""
    heard = Heard()
    loads: list[str] = []
    async with (
        browsing() as browser,
        looking(browser, f"http://127.0.0.1:{process.port}", SCREEN) as page,
    ):
        page.on("console", heard.console)
        page.on("pageerror", lambda error: heard.errors.append(str(error)))
        page.on("load", lambda _page: loads.append(view.path))
        await stand(page, path_of(process, view))
        cdp = await page.context.new_cdp_session(page)
        cdp.on("Network.eventSourceMessageReceived", heard.event)
        for domain in ("Network", "Performance", "HeapProfiler"):
            await cdp.send(f"{domain}.enable")
        await cdp.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        watched = Watched(page, cdp, heard, process, Sensors(process))
        marks = []
        for number in range(MARKS):
            due = restarts * (number + 1) // MARKS - restarts * number // MARKS
            await watched.be_told(updates // MARKS, due)
            marks.append(await watched.mark())
            print(f"endurance {view.name}: {marks[-1]}", flush=True)
        watched.sensors.end()
    return _judged(view, marks, watched, len(loads))


def _judged(view: View, marks: list[Mark], watched: Watched, loads: int) -> bool:
    heard, first = watched.heard, marks[0]
    cost = 1000 * sum(watched.spent[name] for name in WORK) / watched.spent["updates"]
    task = 1000 * watched.spent["TaskDuration"] / watched.spent["updates"]
    drift = max(abs(mark.heap / first.heap - 1) for mark in marks)
    nodes = {(mark.nodes, mark.elements) for mark in marks}
    print(
        f"endurance {view.name}: {heard.updates} updates, {heard.messages['snapshot']} snapshots,"
        f" {heard.messages['reset']} resets, loaded {loads} times\n"
        f"    heap within {100 * drift:.1f} % of the first mark (wanted: {100 * HEAP_WITHIN:.0f})\n"
        f"    nodes and elements at the marks: {sorted(nodes)} (wanted: the same at each)\n"
        f"    {cost:.2f} ms of script, layout and style an update (wanted: {COST}),"
        f" {task:.2f} ms of the main thread in all, at {SLOWER} times slower\n"
        f"    {len(heard.errors)} errors (wanted: 0), and while the gateway was away:"
        f" {dict(heard.expected)}"
    )
    for error, count in Counter(heard.errors).most_common(20):
        print(f"    {count} times: {error}")
    constant = len(nodes) == 1 and drift <= HEAP_WITHIN
    return constant and cost <= COST and not heard.errors
