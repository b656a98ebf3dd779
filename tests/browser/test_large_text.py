"""Who needs letters twice as large reads the same page, on the smallest of phones."""

from collections.abc import AsyncIterator

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install '.[test]'")
from playwright.async_api import Page, expect

from gateway.core.events import Status
from tests.acceptance.pages.pictures import wrong
from tests.acceptance.pages.visits import CHROMIUM, Manner, browsing, looking, stand
from tests.integration.served import Served, serving

TWICE = "document.documentElement.style.fontSize = '200%'"
LANGUAGES = ["en", "zh-Hant"]
pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}: apt-get install chromium"
)


@pytest.fixture
async def gym() -> AsyncIterator[Served]:
    async with serving() as served:
        served.publish("leg-press-01", Status.OCCUPIED)
        served.publish("leg-press-02")
        yield served


@pytest.fixture
async def page(request: pytest.FixtureRequest, gym: Served) -> AsyncIterator[Page]:
    manner = Manner(language=request.param, width=320, height=640)
    async with browsing() as browser, looking(browser, gym.url, manner) as page:
        yield page


@pytest.mark.parametrize("page", LANGUAGES, indirect=True)
@pytest.mark.parametrize("path", ["/", "/m/leg-press-01", "/m/nowhere"])
async def test_letters_twice_as_large_are_all_there(page: Page, path: str) -> None:
    await stand(page, path)
    await page.evaluate(TWICE)
    assert await wrong(page) == []


@pytest.mark.parametrize("page", ["en"], indirect=True)
async def test_a_machine_is_opened_by_a_tap_anywhere_on_its_row_but_the_star(page: Page) -> None:
    await stand(page, "/")
    row = page.locator('[data-machine="leg-press-02"]')
    await row.locator(".star").click()
    await expect(row.locator(".star")).to_have_attribute("aria-pressed", "true")
    await row.click(position={"x": 20, "y": 20})
    await page.wait_for_url("**/m/leg-press-02")


@pytest.mark.parametrize("page", ["en"], indirect=True)
async def test_what_is_free_stands_first_and_moves_only_when_the_page_is_opened(
    page: Page, gym: Served
) -> None:
    await stand(page, "/")
    legs = page.get_by_role("region", name="Legs").get_by_role("link")
    await expect(legs).to_have_text(["Leg press 02", "Leg press 01"])
    gym.publish("leg-press-02", Status.OCCUPIED)
    gym.publish("leg-press-01")
    await expect(page.locator('[data-machine="leg-press-01"]')).to_contain_text("Free")
    await expect(legs).to_have_text(["Leg press 02", "Leg press 01"])
    await page.reload()
    await expect(legs).to_have_text(["Leg press 01", "Leg press 02"])
