"""However many machines there are, and wherever they stand: all are seen, none covers another."""

import random
from dataclasses import replace

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install '.[test]'")
from playwright.async_api import ViewportSize, async_playwright, expect

from gateway.core.events import Status
from tests.acceptance.pages.pictures import wrong
from tests.browser.test_kiosk import WALL, pytestmark
from tests.browser.test_page import ARTEFACTS, CHROMIUM, FLAGS
from tests.integration.memory_model import MemoryModel
from tests.integration.served import serving

__all__ = ["pytestmark"]  # a browser is needed

UPRIGHT = ViewportSize(width=1080, height=1920)
CHANCE = random.Random(1)
BRANCHES = {  # machines, categories, where each stands
    "one": (1, 1, [(3.5, 1.0)]),
    "a row": (8, 2, [(2.0 * number, 1.0) for number in range(8)]),
    "in rows": (60, 6, [(2.0 * (number % 10), 3.0 * (number // 10)) for number in range(60)]),
    "a large branch": (200, 6, [(2.0 * (n % 20), 3.0 * (n // 20)) for n in range(200)]),
    "many kinds": (60, 20, [(2.0 * (n % 10), 3.0 * (n // 10)) for n in range(60)]),
    "measured by hand": (40, 6, [(CHANCE.random() * 20, CHANCE.random() * 12) for _ in range(40)]),
    "all at one spot": (20, 3, [(1.0, 1.0)] * 20),
    "one far away": (40, 6, [(2.0 * (n % 8), 3.0 * (n // 8)) for n in range(39)] + [(9000.0, 0.0)]),
    "not measured": (60, 6, None),
    "many not measured": (200, 6, None),
}
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
OUTSIDE = """
tiles => {
    const plan = document.getElementById("plan").getBoundingClientRect();
    const inside = ({ left, right, top, bottom }) =>
        left >= plan.left && right <= plan.right && top >= plan.top && bottom <= plan.bottom;
    return tiles.filter(tile => !inside(tile.getBoundingClientRect())).length;
}
"""
COVERED = """
signs => {
    const boxes = signs.map(sign => sign.getBoundingClientRect());
    const covers = (one, other) => one.left < other.right - 1 && other.left < one.right - 1
        && one.top < other.bottom - 1 && other.top < one.bottom - 1;
    const later = place => boxes.slice(place + 1);
    return boxes.filter((one, place) => later(place).some(other => covers(one, other))).length;
}
"""


def branch(machines: int, categories: int, spots: list[tuple[float, float]] | None) -> MemoryModel:
    names = [
        (f"lat-pulldown-{n:03d}", f"kind-{n * categories // machines}") for n in range(machines)
    ]
    model = MemoryModel(names)
    for number, (name, _) in enumerate(names):
        position = spots[number] if spots else None
        model.views[name] = replace(model.views[name], position=position)
        model.change(name, Status.OCCUPIED if number % 3 == 1 else Status.FREE)
    return model


@pytest.mark.parametrize("size", [WALL, UPRIGHT], ids=["lying", "upright"])
@pytest.mark.parametrize("name", BRANCHES)
async def test_every_machine_is_seen(name: str, size: ViewportSize) -> None:
    async with serving(branch(*BRANCHES[name])) as served, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = await browser.new_page(viewport=size)
        await page.goto(f"{served.url}/kiosk")
        await expect(page.locator(".tile")).to_have_count(BRANCHES[name][0])
        await expect(page.locator("#notice")).to_be_hidden()
        await expect(page.locator("#counts h2").first).to_have_text("Kind-0")
        await expect(page.locator("#usual")).to_be_visible()  # all is there that changes the room
        await page.evaluate(DRAWN)
        await page.screenshot(path=ARTEFACTS / f"kiosk {name} {size['width']}.png")
        assert await wrong(page, one_screen=True) == []
        assert await page.locator(".tile").evaluate_all(OUTSIDE) == 0
        assert await page.locator(".tile b").evaluate_all(COVERED) == 0
        await browser.close()
