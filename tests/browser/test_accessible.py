"""What a member opens breaks no rule of accessibility, in light and dark.

The campaign on every page, language and width is `python -m tests.acceptance.pages axe`.
"""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install '.[test]'")
from playwright.async_api import Page

from gateway.core.events import Cause, Status
from tests.acceptance.pages import axe
from tests.acceptance.pages.branches import NASTY
from tests.acceptance.pages.pictures import wrong
from tests.acceptance.pages.visits import CHROMIUM, THEMES, Manner, browsing, looking, stand
from tests.integration.served import Served, serving

pytestmark = [
    pytest.mark.skipif(
        not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}: apt-get install chromium"
    ),
    pytest.mark.skipif(
        not axe.SOURCE.exists(), reason=f"no axe-core at {axe.SOURCE}: sh tests/install.sh"
    ),
]


@pytest.fixture
async def gym() -> AsyncIterator[Served]:
    """Every status there is."""
    async with serving() as served:
        served.publish("leg-press-01", Status.OCCUPIED)
        served.publish("leg-press-02")
        served.publish("bench-01", Status.OUT_OF_SERVICE)
        view = served.model.views["treadmill-01"]
        served.model.views["treadmill-01"] = replace(view, cause=Cause.PORT_DOWN)
        yield served


@pytest.fixture
async def page(gym: Served) -> AsyncIterator[Page]:
    async with (
        browsing() as browser,
        looking(browser, gym.url, Manner(width=320, height=640)) as page,
    ):
        yield page


async def broken(page: Page) -> list[str]:
    """As light, then as dark."""
    found = []
    for theme in THEMES:
        await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        found += [f"{theme}: {fault}" for fault in (await axe.faults(page))[0]]
    return found


async def test_what_a_member_opens_breaks_no_rule(page: Page) -> None:
    for path in ("/", "/m/leg-press-01", "/m/leg-press-02", "/m/nowhere"):
        await stand(page, path)
        assert (path, await broken(page)) == (path, [])


async def test_nor_does_what_it_becomes_by_taps_and_without_a_link(page: Page, gym: Served) -> None:
    await stand(page, "/")
    await page.get_by_role("button", name="Favourite: Leg press 01").click()
    await page.get_by_role("searchbox").fill("leg")
    assert await broken(page) == []
    await stand(page, "/m/leg-press-01")
    await page.get_by_role("button", name="Tell me when it is free").click()
    await page.get_by_role("button", name="Do not tell me").wait_for()
    assert await broken(page) == []
    await gym.server.stop()
    await page.locator("body.old").wait_for()
    assert await broken(page) == []


async def test_a_fault_is_seen(page: Page) -> None:
    await stand(page, "/")
    await page.evaluate("document.querySelector('input').removeAttribute('aria-label')")
    await page.evaluate("document.querySelector('input').placeholder = ''")
    assert any("label:" in fault for fault in await broken(page))


async def test_whatever_things_are_called_stays_within_a_small_screen(page: Page) -> None:
    await stand(page, "/")
    for name in NASTY:
        texts = "document.querySelectorAll('h1, h2, .name, nav span')"
        await page.evaluate(f"name => {texts}.forEach(one => one.textContent = name)", name)
        assert (name, await wrong(page)) == (name, [])
