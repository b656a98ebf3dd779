"""Pictures of every page in every size, and what a program can see in them."""

from pathlib import Path

from playwright.async_api import Browser, Page

from tests.acceptance.pages.visits import Manner, View, browsing, opened, served
from tests.process import GatewayProcess

SIZES = ((320, 640), (390, 844), (1080, 1920), (1920, 1080), (3840, 2160))
LOOKS = (("en", "light"), ("zh-Hant", "dark"))
LAYOUT = Path(__file__).with_name("layout.js").read_text(encoding="utf-8")
WALL = 1080  # px of width, and more: there the kiosk must do with one screen
TALLEST = 6000  # px; a longer page is shown as far as its screen goes
HEIGHT = "() => document.documentElement.scrollHeight"
BROKEN = "() => window.broken === 1 || document.querySelector('.broken, img[src=x]') !== null"


async def campaign(process: GatewayProcess, folder: Path, kind: str, *pages: str) -> bool:
    """One picture each; whether nothing is cut, covered, too wide, or taken for HTML."""
    taken = bad = 0
    async with browsing() as browser:
        for view in served(process, *pages):
            for language, theme in LOOKS:
                for size in SIZES:
                    manner = Manner(language, theme, *size)
                    found = await _take(browser, process, view, manner, folder / kind)
                    print(f"picture {kind} {view.name} {manner}: {len(found)} wrong", flush=True)
                    for one in found:
                        print(f"    {one}".encode(errors="replace").decode(), flush=True)
                    taken += 1
                    bad += bool(found)
    print(f"pictures {kind}: {taken} taken, {bad} of them with faults (wanted: 0), in {folder}")
    return bad == 0


async def _take(
    browser: Browser, process: GatewayProcess, view: View, manner: Manner, prefix: Path
) -> list[str]:
    errors: list[str] = []
    name = f"{view.name}-{manner.language}-{manner.width}x{manner.height}.png"
    async with opened(browser, process, view, manner) as page:
        page.on("pageerror", lambda error: errors.append(f"an error: {error}"))
        found = await wrong(page, one_screen=view.on_a_wall and manner.width >= WALL)
        whole = await page.evaluate(HEIGHT) <= TALLEST and not view.on_a_wall
        path = prefix.with_name(f"{prefix.name}-{name}")
        await page.screenshot(path=path, full_page=whole)
    return found + errors


async def wrong(page: Page, *, one_screen: bool = False) -> list[str]:
    """What its layout shows to be wrong, and whether a name became HTML."""
    found: list[str] = await page.evaluate(LAYOUT, one_screen)
    if await page.evaluate(BROKEN):
        found.append("a name was taken for HTML")
    return found
