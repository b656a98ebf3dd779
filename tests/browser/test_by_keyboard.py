"""Who uses no finger and no mouse keeps the place, whatever happens meanwhile."""

import time
from collections.abc import AsyncIterator

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install '.[test]'")
from playwright.async_api import Locator, Page, expect

from gateway.core.events import Status
from tests.acceptance.pages.visits import CHROMIUM, Manner, browsing, looking, stand
from tests.integration.served import Served, serving

HALF = 30_000  # ms: a page that is looked at asks anew each minute
pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}: apt-get install chromium"
)


@pytest.fixture
async def gym() -> AsyncIterator[Served]:
    async with serving() as served:
        served.wall.now = served.model.now = time.time()
        served.publish("leg-press-01", Status.OCCUPIED)
        yield served


@pytest.fixture
async def page(gym: Served) -> AsyncIterator[Page]:
    async with browsing() as browser, looking(browser, gym.url, Manner()) as page:
        await page.clock.install()
        yield page


async def reach(page: Page, wanted: Locator) -> None:
    """By the tabulator alone."""
    for _ in range(40):
        await page.keyboard.press("Tab")
        if await wanted.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"{wanted} is never reached")


async def test_an_alert_is_set_and_taken_back_at_the_same_place(page: Page) -> None:
    await stand(page, "/m/leg-press-01")
    tell_me, do_not = (
        page.get_by_role("button", name=name) for name in ("Tell me when", "Do not tell me")
    )
    await reach(page, tell_me)
    await page.keyboard.press("Enter")
    await expect(do_not).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(tell_me).to_be_focused()


async def test_the_place_on_the_first_page_is_kept_when_it_asks_anew(
    page: Page, gym: Served
) -> None:
    await stand(page, "/m/leg-press-01")
    await page.get_by_role("button", name="Tell me when").click()
    await page.get_by_role("button", name="Do not tell me").wait_for()
    await stand(page, "/")
    do_not = page.get_by_role("button", name="Do not tell me")
    await reach(page, do_not)
    for status in (Status.OCCUPIED, Status.FREE):
        gym.publish("bench-01", status)
        row = page.locator(f'[data-machine="bench-01"][data-status="{status}"]')
        await row.wait_for()
        gym.wall.now = gym.model.now = gym.wall() + 2 * HALF / 1000
        async with page.expect_response("**/alerts"):
            await page.clock.run_for(2 * HALF)
    await expect(do_not).to_be_focused()
