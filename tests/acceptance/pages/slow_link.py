"""A phone at the far end of the hall: how soon it shows a machine, and what that costs in bytes."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser

from tests.acceptance.pages.branches import machines
from tests.acceptance.pages.visits import Manner, View, browsing, looking, path_of, served
from tests.process import GatewayProcess

LINK = {  # 400 kbit/s each way, 150 ms until an answer begins
    "offline": False,
    "latency": 150,
    "downloadThroughput": 400_000 / 8,
    "uploadThroughput": 400_000 / 8,
}
VIEWS = ("phone", "machine", "kiosk")
TIMES = 3  # the middle one counts: the machine that tests run on has other work
SOON = 1.5  # seconds
SMALL = 60_000  # bytes of a page in all, what it asks of the API included
STILL = 2_000  # ms after the first view: what is loaded later counts as well
SEEN = """
(() => {
    const names = NAMES;
    const shown = () => names.some(name => document.body?.innerText.includes(name));
    const look = () => requestAnimationFrame(() => {
        if (shown()) requestAnimationFrame(() => { window.firstSeen = performance.now(); });
        else look();
    });
    look();
})()
"""


@dataclass
class Visit:
    """What one visit took."""

    seconds: float = 0.0
    """Until a machine's name is on the screen."""
    paths: dict[str, str] = field(default_factory=dict)
    """What was asked for, by request."""
    requests: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Bytes that came, heads included: so far, as the stream never ends."""

    def add(self, request: str, count: float) -> None:
        """So many bytes more."""
        self.requests[request] += int(count)

    def each(self) -> list[tuple[int, str]]:
        """(bytes, path), the largest first."""
        return sorted(
            ((self.requests[one], path) for one, path in self.paths.items()), reverse=True
        )

    @property
    def total(self) -> int:
        """Bytes in all."""
        return sum(self.requests.values())


async def campaign(process: GatewayProcess) -> bool:
    """Each page a few times, with nothing kept from before; whether it is soon and small."""
    good = True
    async with browsing() as browser:
        for view in served(process, *VIEWS):
            visits = [await visit(browser, process, view) for _ in range(TIMES)]
            seconds, last = median(one.seconds for one in visits), visits[-1]
            print(f"slow {view.name}: a machine is seen after {seconds:.2f} s (wanted: {SOON})")
            for count, path in last.each():
                print(f"    {count:>7} bytes  {path}")
            print(f"    {last.total:>7} bytes in all (wanted: {SMALL})", flush=True)
            good = good and seconds <= SOON and last.total <= SMALL
    return good


async def visit(browser: Browser, process: GatewayProcess, view: View) -> Visit:
    """One, by a browser that was never here."""
    found = Visit()
    names = json.dumps([one["name"] for one in machines(process)])
    async with looking(browser, f"http://127.0.0.1:{process.port}", Manner()) as page:
        cdp = await page.context.new_cdp_session(page)
        await cdp.send("Network.enable")
        await cdp.send("Network.emulateNetworkConditions", LINK)

        def asked(event: dict[str, Any]) -> None:
            found.paths[event["requestId"]] = urlsplit(event["request"]["url"]).path

        def answered(event: dict[str, Any]) -> None:
            found.add(event["requestId"], event["response"]["encodedDataLength"])

        def came(event: dict[str, Any]) -> None:
            found.add(event["requestId"], event["encodedDataLength"])

        def ended(event: dict[str, Any]) -> None:
            found.requests[event["requestId"]] = int(event["encodedDataLength"])

        cdp.on("Network.requestWillBeSent", asked)
        cdp.on("Network.responseReceived", answered)
        cdp.on("Network.dataReceived", came)
        cdp.on("Network.loadingFinished", ended)
        await page.add_init_script(SEEN.replace("NAMES", names))
        await page.goto(path_of(process, view), wait_until="commit")
        await page.wait_for_function("() => window.firstSeen", timeout=60_000)
        found.seconds = await page.evaluate("window.firstSeen") / 1000
        await page.wait_for_timeout(STILL)
    return found
