"""The pictures of the README and docs/: the simulated branch, an evening, the same people."""

from pathlib import Path

from playwright.async_api import Page

from tests.acceptance.pages.visits import Manner, browsing, looking, stand
from tests.process import GatewayProcess

LARGEST = 160_000  # bytes of one picture: a README is read on phones too
PHONE = Manner(width=390, height=780)
DARK = Manner(language="zh-Hant", theme="dark", width=390, height=780)
WALL = Manner(width=1280, height=720)
PICTURES = (
    ("phone", "/", PHONE),
    ("phone-zh-dark", "/", DARK),
    ("machine", "/m/leg-press-01", PHONE),
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
                await stand(page, path)
                if name == "technician":
                    await _come_in(page, secret)
                await page.wait_for_timeout(3_000)
                image = await page.screenshot(path=folder / f"{name}.png")
                sizes.append(len(image))
                print(f"{folder}/{name}.png: {len(image) / 1000:.0f} kB", flush=True)
    return max(sizes) <= LARGEST


async def _come_in(page: Page, secret: str) -> None:
    await page.fill("#key", secret)
    await page.click("#door button[type=submit]")
    await page.wait_for_selector("#views:visible")
