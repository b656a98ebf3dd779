"""A branch of native sensors, and a member's phone: what it shows, and what it is heard to do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from playwright.async_api import (
    BrowserContext,
    ConsoleMessage,
    Page,
    ViewportSize,
    async_playwright,
    expect,
)

from tests.acceptance.pages.visits import CHROMIUM, FLAGS
from tests.integration.simulated import UNCOUNTED
from tests.process import GatewayProcess, gateway, native_config

MACHINES = 6
NAME = "gym.local"  # what a LAN calls the gateway: no secure context over http
NTFY = "https://ntfy.example.org"
TONES = 4  # of one ring
PATIENCE = 20_000  # ms: a loaded machine starts a gateway in one second, and a browser looks each 4
SCREEN = ViewportSize(width=390, height=844)
EARS = """
window.sounded = 0;
window.vibrated = 0;
window.streams = new Set();
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...when) {
    if (this.context.state === "running") window.sounded += 1;
    return start.apply(this, when);
};
Navigator.prototype.vibrate = () => { window.vibrated += 1; return true; };
window.EventSource = class extends EventSource {
    constructor(...asked) { super(...asked); window.streams.add(this); }
    close() { super.close(); window.streams.delete(this); }
};
"""
EXPECTED = ("ERR_", "401 (Unauthorized)")  # a browser logs what the page handles


@contextmanager
def branch(*push_hosts: str) -> Iterator[GatewayProcess]:
    """A gateway with its broker; it rings 0.2 s after a machine became free."""
    hosts = ", ".join(f'"{host}"' for host in push_hosts)
    extra = (
        f"[alerts]\nsettle = 0.2\nhead_start = 0\ncooldown = 0\n{UNCOUNTED}"
        f'[notify]\nntfy = "{NTFY}"\npush_hosts = [{hosts}]\n'
    )
    config = native_config(MACHINES, occupancy="busy_after = 0\nfree_after = 0", extra=extra)
    named = config.replace("[http]", f'[http]\nallowed_hosts = ["{NAME}"]')
    with (
        TemporaryDirectory(prefix="gw-", dir="/tmp") as folder,  # a socket's path is short
        gateway(Path(folder), named) as process,
    ):
        process.wait_port_up()
        yield process


@dataclass
class Phone:
    """One browser of one member."""

    process: GatewayProcess
    context: BrowserContext
    url: str
    chance: Random
    errors: list[str] = field(default_factory=list)

    async def page(self, path: str) -> Page:
        """Another tab; its errors are the phone's."""
        page = await self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._note)
        await page.goto(f"{self.url}{path}")
        return page

    def _note(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.errors.append(said.text)

    async def sticker(self, machine: str) -> Page:
        """Where the code on the machine leads."""
        return await self.page(f"/m/{machine}")

    async def dawdle(self) -> None:
        """As people do, up to a second."""
        await asyncio.sleep(self.chance.random())

    def some_machine(self) -> str:
        """Any of them, in use."""
        return f"m{self.chance.randrange(MACHINES):03d}"

    async def say(self, machine: str, *, occupied: bool) -> None:
        """The machine's sensor speaks, and was heard."""
        await asyncio.to_thread(self.process.publish, machine, occupied=occupied)
        status = "occupied" if occupied else "free"
        await asyncio.to_thread(self.process.wait_status, machine, status)

    async def restart(self) -> None:
        """The gateway is killed, and begins again on the same files."""
        await asyncio.to_thread(self.process.kill)
        await asyncio.to_thread(self.process.start)
        await asyncio.to_thread(self.process.wait_port_up)

    def streams(self) -> int:
        """How many are open at the gateway."""
        found: int = self.process.local("/connections")["total"]
        return found


@asynccontextmanager
async def phone(
    process: GatewayProcess,
    seed: int = 1,
    host: str = "localhost",
    port: int | None = None,
    **context: Any,
) -> AsyncIterator[Phone]:
    """Nobody has used it before; no page may have an error of its own."""
    flags = [*FLAGS, f"--host-resolver-rules=MAP {NAME} 127.0.0.1"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        opened = await browser.new_context(viewport=SCREEN, **context)
        await opened.add_init_script(EARS)
        found = Phone(process, opened, f"http://{host}:{port or process.port}", Random(seed))
        try:
            yield found
        finally:
            await browser.close()
    own = [one for one in found.errors if not any(told in one for told in EXPECTED)]
    assert own == [], own


async def wait_for(page: Page) -> None:
    """Tap "Tell me"."""
    await page.get_by_role("button", name="Tell me when it is free").click()
    await expect(page.get_by_role("button", name="Do not tell me")).to_be_visible()


async def is_rung(page: Page, name: str) -> None:
    """By banner and title, by sound and vibration."""
    said = page.get_by_text(f"{name} is free: go!")
    await expect(said).to_be_visible(timeout=PATIENCE)
    await page.wait_for_function("() => document.title.startsWith('🔔')")
    await page.wait_for_function(f"() => window.sounded === {TONES} && window.vibrated === 1")


async def see(page: Page) -> None:
    """Confirm it: it is quiet, and stays so at the next visit."""
    async with page.expect_response("**/seen"):
        await page.get_by_role("button", name="I have seen it").click()
    await expect(page.locator("#tell-me")).to_be_hidden()
    await page.reload()
    await expect(page.locator("#rest")).not_to_be_empty()
    with contextlib.suppress(AssertionError):
        await expect(page).to_have_title("🔔", timeout=300)  # nothing is to come
    assert not (await page.title()).startswith("🔔")
