"""The sheet of stickers as a browser prints it."""

from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install '.[test]'")
from playwright.async_api import async_playwright

from gateway.stickers import Sticker, sheet
from tests.browser.test_page import ARTEFACTS, CHROMIUM, FLAGS, pytestmark

__all__ = ["pytestmark"]  # a browser is needed

LONG = "leg-press-" + 54 * "x"  # the longest id
NAMES = ("Leg press 1", "W" * 200, "<b>Leg press</b> كرسي 🏋️ " * 8)
OUTSIDE = """
cards => cards.flatMap(card => {
    const { bottom, right } = card.getBoundingClientRect();
    return [...card.children].map(part => part.getBoundingClientRect())
        .filter(part => part.bottom > bottom || part.right > right);
}).length
"""


async def test_twelve_to_a_page_whatever_they_are_called(tmp_path: Path) -> None:
    machines = [Sticker(LONG, NAMES[number % len(NAMES)]) for number in range(60)]
    path = tmp_path / "sheet.html"
    path.write_text(sheet("Central", "http://gym.local:8080", machines), encoding="utf-8")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = await browser.new_page()
        await page.goto(path.as_uri())
        await page.emulate_media(media="print")
        assert await page.locator("article").evaluate_all(OUTSIDE) == 0
        printed = await page.pdf(path=ARTEFACTS / "stickers.pdf", prefer_css_page_size=True)
        await browser.close()
    assert printed.count(b"/Type /Page\n") == 5
