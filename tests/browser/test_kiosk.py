"""The screen on the wall in a real browser: true at five metres, and for months."""

import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install '.[test]'")
from playwright.async_api import Error, Page, Route, ViewportSize, async_playwright, expect

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))
from config.sections import Kiosk
from gateway.core.events import Status
from gateway.core.forecast import Prediction
from tests.browser.test_page import ARTEFACTS, BRANCH, CHROMIUM, FLAGS
from tests.integration.memory_model import MemoryModel
from tests.integration.served import Served, serving

WALL = ViewportSize(width=1920, height=1080)
EVENING = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)  # 18:30 in the branch

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}: apt-get install chromium"
)


@pytest.fixture
async def gym(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    model = MemoryModel(BRANCH)
    for number, (name, _) in enumerate(BRANCH):
        place = (float(number % 4), float(number // 4))
        model.views[name] = replace(model.views[name], position=place)
        model.change(name, Status.OCCUPIED if number % 3 == 1 else Status.FREE)
    async with serving(model, kiosk=getattr(request, "param", Kiosk())) as served:
        yield served


@pytest.fixture
async def page(request: pytest.FixtureRequest, gym: Served) -> AsyncIterator[Page]:
    """A wall of which any error fails the test; it is told to go to an address by the test."""
    errors: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = await browser.new_page(viewport=WALL, base_url=gym.url)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        yield page
        await page.screenshot(path=ARTEFACTS / f"{request.node.name}.png")
        await browser.close()
    expected = (
        "ERR_",
        "status of 4",
        "status of 503",
    )  # a lost network is logged, and an unknown branch
    assert [error for error in errors if not any(part in error for part in expected)] == []


async def stands(page: Page, query: str = "") -> None:
    await page.goto(f"/kiosk{query}")
    await expect(page.locator(".tile")).to_have_count(len(BRANCH))
    await expect(page.locator("#notice")).to_be_hidden()
    await expect(page.locator("[aria-busy]")).to_have_count(0)


async def at(page: Page, moment: datetime, *, slow: timedelta = timedelta(0)) -> None:
    """The gateway's clock says so; the screen's is that much slow."""
    await page.clock.install(time=moment - slow)
    await page.route("**/branches/*", partial(_dated, page, slow))


async def _dated(page: Page, slow: timedelta, route: Route) -> None:
    reply = await route.fetch()
    with suppress(Error):  # the page is gone by now
        now = await page.evaluate("Date.now()") / 1000 + slow.total_seconds()
        await route.fulfill(response=reply, headers=reply.headers | {"date": formatdate(now)})


async def test_what_is_free_is_counted_and_changes_with_each_event(page: Page, gym: Served) -> None:
    await stands(page)
    legs = page.locator("#counts div").first
    await expect(legs).to_have_text("Legs4 / 6")
    gym.publish("leg-press-01", Status.OCCUPIED)
    await expect(legs).to_have_text("Legs3 / 6")
    await expect(page.locator(".tile").first).to_have_attribute("data-status", "occupied")
    await expect(page.locator(".tile").first).to_contain_text("In use")


async def test_tiles_stand_where_the_machines_do(page: Page) -> None:
    await stands(page)
    places = "tiles => tiles.map(tile => [tile.offsetLeft, tile.offsetTop])"
    (left, top), (further, _), *_, (below_left, below) = await page.locator(
        ".tile:nth-child(-n+5)"
    ).evaluate_all(places)
    assert left < further
    assert (below_left, below > top) == (left, True)


async def test_what_frees_soon_is_told_with_its_chance(page: Page, gym: Served) -> None:
    gym.model.foretold["leg-press-02"] = Prediction(1800, 0.82, None, None, "8 weeks")
    await stands(page)
    await expect(page.locator("#soon li:visible")).to_have_text(
        "Leg press 0282% within half an hour"
    )
    gym.publish("leg-press-02", Status.FREE)
    await expect(page.locator("#soon")).to_contain_text("Nothing")


async def test_the_busiest_and_quietest_hours_of_the_day_are_told(page: Page) -> None:
    await stands(page)
    await expect(page.locator("#busiest")).to_have_text("18:00")
    await expect(page.locator("#quietest")).to_have_text("14:15")


async def test_the_moments_of_a_day_are_told_as_they_come(page: Page) -> None:
    week = {"patterns": {"busiest": ["18:00", "08:00"], "quietest": ["14:15", "06:00"]}}
    await page.route("**/usual", lambda route: route.fulfill(json=week))
    await stands(page)
    await expect(page.locator("#busiest")).to_have_text("08:00 · 18:00")
    await expect(page.locator("#quietest")).to_have_text("06:00 · 14:15")


async def test_without_a_link_it_says_since_when_and_promises_nothing(
    page: Page, gym: Served
) -> None:
    await stands(page)
    await gym.server.stop()
    await expect(page.locator("#notice")).to_contain_text("No data since", timeout=9000)
    await expect(page.locator("body")).to_have_class("old")


async def test_a_branch_that_is_not_known_here_is_said(page: Page) -> None:
    await page.goto("/kiosk?branch=nowhere")
    await expect(page.locator("#notice")).to_contain_text("nowhere")


async def test_it_speaks_the_language_of_its_address(page: Page) -> None:
    await stands(page, "?lang=zh-Hant")
    await expect(page.locator("#legend")).to_contain_text("空置")


@pytest.mark.parametrize("turned", [90, 180, 270])
async def test_a_turned_screen_is_filled_and_nothing_more(page: Page, turned: int) -> None:
    await stands(page, f"?rotate={turned}")
    box = await page.locator("#screen").bounding_box()
    assert box
    assert (round(box["width"]), round(box["height"])) == (1920, 1080)
    await expect(page.locator("body.upright")).to_have_count(0 if turned == 180 else 1)


async def test_it_is_light_by_day_and_dark_by_night(page: Page) -> None:
    await at(page, EVENING.replace(hour=4))
    await stands(page)
    await expect(page.locator("html")).to_have_attribute("data-theme", "light")
    await page.clock.set_fixed_time(EVENING.replace(hour=13))
    await page.clock.run_for(10_000)
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("gym", [Kiosk(screen="06:00-19:00")], indirect=True)
async def test_out_of_its_hours_it_shows_a_clock_and_nothing_else(page: Page) -> None:
    await at(page, EVENING)
    await stands(page)
    await page.clock.set_fixed_time(EVENING.replace(hour=12))
    await page.clock.run_for(10_000)
    await expect(page.locator("#clock")).to_have_text("20:30")
    await expect(page.locator("main")).to_be_hidden()


async def test_no_pixel_shows_the_same_for_months(page: Page) -> None:
    await page.clock.install(time=EVENING)
    await stands(page)
    seen = set()
    for _ in range(9):
        await page.clock.run_for(60_000)
        seen.add(await page.locator("#screen").evaluate("screen => screen.style.translate"))
    assert len(seen) == 9


async def test_it_begins_anew_once_a_night(page: Page) -> None:
    await page.add_init_script("Math.random = () => 0.5")  # its jitter: then at 04:30
    await at(page, EVENING.replace(hour=17))  # 01:30
    await stands(page)
    async with page.expect_event("load", timeout=9000):
        await page.clock.fast_forward("03:15:00")


async def _in_which(is_said: str, instead: str, route: Route) -> None:
    reply = await route.fetch()
    await route.fulfill(response=reply, body=(await reply.text()).replace(is_said, instead))


async def test_a_new_version_is_loaded_when_the_link_returns(page: Page, gym: Served) -> None:
    await stands(page)
    await page.context.set_offline(offline=True)
    for viewer in gym.server.hub._viewers():
        viewer.cut()
    await expect(page.locator("#notice")).to_be_visible(timeout=9000)
    version = await page.locator("body").get_attribute("data-version") or ""
    await page.route("**/kiosk", partial(_in_which, version, "another"), times=1)
    async with page.expect_event("load", timeout=15_000):
        await page.context.set_offline(offline=False)
    await expect(page.locator("#notice")).to_be_hidden(timeout=9000)
