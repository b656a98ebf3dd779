"""The pictures of the README and docs/: the simulated branch, an evening, the same people."""

from pathlib import Path

from playwright.async_api import Page

from tests.acceptance.pages.branches import SIMULATED_WITH_A_PAST, machines
from tests.acceptance.pages.visits import Manner, browsing, looking, stand
from tests.process import GatewayProcess

LARGEST = 160_000  # bytes of one picture: a README is read on phones too
PHONE = Manner(width=390, height=780)
DARK = Manner(language="zh-Hant", theme="dark", width=390, height=780)
WALL = Manner(width=1280, height=720)
PICTURES = (
    ("phone", "/", PHONE),
    ("phone-zh-dark", "/", DARK),
    ("machine", "/m/{machine}", PHONE),
    ("kiosk", "/kiosk?theme=light", WALL),
    ("technician", "/technician", Manner(width=1024, height=720)),
)


async def campaign(process: GatewayProcess, folder: Path) -> bool:
    """Take them all; whether each is small enough."""
    secret = process.local_call("POST", "/admin/keys", {"role": "technician"})[1]["secret"]
    sizes = []
    async with browsing() as browser:
        for name, path, manner in PICTURES:
            async with looking(browser, f"http://127.0.0.1:{process.port}", manner) as page:
                await stand(page, path.format(machine=_in_use(process)))
                if name == "technician":
                    await _come_in(page, secret)
                await page.wait_for_timeout(3_000)
                image = await page.screenshot(path=folder / f"{name}.png")
                sizes.append(len(image))
                print(f"{folder}/{name}.png: {len(image) / 1000:.0f} kB", flush=True)
    return max(sizes) <= LARGEST


def _in_use(process: GatewayProcess) -> str:
    """One with a usual week; its page has more to say while somebody is on it."""
    known = [one for one in machines(process) if one["machineId"] in SIMULATED_WITH_A_PAST]
    found: str = min(known, key=lambda one: one["status"] != "occupied")["machineId"]
    return found


async def _come_in(page: Page, secret: str) -> None:
    await page.fill("#key", secret)
    await page.click("#door button[type=submit]")
    await page.wait_for_selector("#views:visible")
