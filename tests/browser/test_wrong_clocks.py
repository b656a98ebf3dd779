"""A phone's clock may be hours off: what is shown stays right, and a kept page is told."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install '.[test]'")
from playwright.async_api import Page, expect

from gateway.core.events import Status
from tests.acceptance.member.wifi import Wifi, wifi
from tests.acceptance.pages.visits import CHROMIUM, Manner, browsing, looking
from tests.integration.memory_model import MemoryModel
from tests.integration.served import MACHINES, Served, serving

HOUR = 3600.0  # seconds
OFF = [-3 * HOUR, 2 * HOUR]
SLOT = (
    """() => [...document.querySelectorAll('.strip rect')].findIndex(one => one.matches('.now'))"""
)
UNTIL = """until => new Date(until * 1000).toLocaleTimeString('en-GB', {timeStyle: 'short'})"""
CONTROLLED = "() => navigator.serviceWorker.controller !== null"
KEPT = "async path => (await (await caches.open('pages')).match(path)) !== undefined"
pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}: apt-get install chromium"
)
Visit = Callable[[float], AbstractAsyncContextManager[Page]]


@pytest.fixture
async def gym() -> AsyncIterator[Served]:
    model = MemoryModel(MACHINES)
    model.now = time.time()
    async with serving(model) as served:
        served.publish("leg-press-01", Status.OCCUPIED)
        yield served


@pytest.fixture
async def air(gym: Served) -> AsyncIterator[Wifi]:
    async with wifi(gym.server.port) as air:
        yield air


@pytest.fixture
def visit(air: Wifi) -> Visit:
    @asynccontextmanager
    async def visit(off: float) -> AsyncIterator[Page]:
        """A phone whose clock is off by so much."""
        url = f"http://localhost:{air.port}"
        async with browsing() as browser, looking(browser, url, Manner()) as page:
            await page.clock.install(time=time.time() + off)
            yield page

    return visit


@pytest.mark.parametrize("off", OFF)
async def test_no_link_is_said_to_be_gone_for_the_clocks_sake(visit: Visit, off: float) -> None:
    async with visit(off) as page:
        await page.route("**/stream", lambda _route: None)  # it is on its way
        await page.goto("/")
        await page.wait_for_function("document.querySelector('#mine') !== null")
        await expect(page.locator("#notice")).to_be_hidden()
        await expect(page.locator("body")).not_to_have_class("old")


@pytest.mark.parametrize("off", OFF)
async def test_the_chart_shows_the_branchs_hour_and_an_end_the_phones(
    visit: Visit, gym: Served, off: float
) -> None:
    async with visit(off) as page:
        await page.goto("/m/leg-press-01")
        await page.locator(".strip rect.now").wait_for()
        assert await page.evaluate(SLOT) == (gym.model.now / 900 + 8 * 4) // 1 % 96
        await page.get_by_role("button", name="Tell me when it is free").click()
        await expect(page.locator("#tell-me p")).to_contain_text("We ring here until")
        (alert,) = gym.alerts.desk._book
        until = await page.evaluate(UNTIL, alert.expires + round(off / 60) * 60)
        await expect(page.locator("#tell-me p")).to_contain_text(f"until {until}:")


async def keep(page: Page, path: str) -> None:
    await page.goto("/")
    await page.wait_for_function(CONTROLLED)
    await page.goto(path)
    await page.wait_for_function(KEPT, arg=path)


@pytest.mark.parametrize("off", OFF)
async def test_without_a_link_the_last_page_says_that_it_is_old(
    visit: Visit, gym: Served, off: float
) -> None:
    async with visit(off) as page:
        await keep(page, "/m/leg-press-01")
        await gym.server.stop()
        await page.reload()
        await expect(page.locator("#notice")).to_contain_text("No connection, data from")
        await expect(page.locator("body")).to_have_class("old")


async def test_a_link_that_says_nothing_leaves_nobody_before_an_empty_page(
    visit: Visit, air: Wifi
) -> None:
    async with visit(0) as page:
        await keep(page, "/m/leg-press-01")
        air.cut()
        await page.reload(timeout=60_000)
        await expect(page.locator("#word")).to_have_text("In use")
        await expect(page.locator("#notice")).to_contain_text("No connection, data from")


async def test_of_a_machine_that_is_gone_nothing_more_is_said(visit: Visit, gym: Served) -> None:
    async with visit(0) as page:
        await page.goto("/m/leg-press-01")
        await expect(page.locator("#word")).to_have_text("In use")
        del gym.model.views["leg-press-01"]
        gym.server.reset_streams("reload")
        await expect(page.locator("#notice")).to_have_text("This machine is no longer here.")
        await expect(page.locator("#word")).to_be_hidden()
        await expect(page.get_by_role("button")).to_have_count(0)
