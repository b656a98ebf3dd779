"""The page in a real browser: what it shows is what was published."""

import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install '.[test]'")
from playwright.async_api import Locator, Page, ViewportSize, async_playwright, expect

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))
from gateway.core.events import Cause, Status
from tests.integration.memory_model import MemoryModel
from tests.integration.served import Served, serving

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ARTEFACTS = Path(__file__).parents[1] / "artefacts"
PHONE = ViewportSize(width=390, height=844)
BRANCH = tuple(
    (f"{kind}-{number:02d}", category)
    for category, kinds in {
        "legs": ("leg-press", "squat-rack"),
        "chest": ("bench",),
        "cardio": ("treadmill", "rower"),
    }.items()
    for kind in kinds
    for number in (1, 2, 3)
)

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}: apt-get install chromium"
)


@pytest.fixture
async def gym() -> AsyncIterator[Served]:
    model = MemoryModel(BRANCH)
    for number, (name, _) in enumerate(BRANCH[:-2]):
        model.change(name, (Status.FREE, Status.OCCUPIED, Status.FREE)[number % 3])
    model.views["bench-02"] = replace(model.views["bench-02"], status=Status.OUT_OF_SERVICE)
    model.views["rower-03"] = replace(model.views["rower-03"], cause=Cause.PORT_DOWN)
    model.now = model.log[-1].timestamp + 1000
    async with serving(model) as served:
        yield served


@pytest.fixture
async def page(request: pytest.FixtureRequest, gym: Served) -> AsyncIterator[Page]:
    """The page on a phone, loaded; any error of its own fails the test."""
    errors: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = await browser.new_page(
            viewport=PHONE, color_scheme=getattr(request, "param", "light")
        )
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        await page.goto(gym.url)
        await expect(page.locator("li")).to_have_count(len(BRANCH))
        yield page
        await page.screenshot(path=ARTEFACTS / f"{request.node.name}.png", full_page=True)
        await browser.close()
    assert [error for error in errors if "ERR_" not in error] == []  # a lost network is logged


def machine(page: Page, name: str) -> Locator:
    return page.locator(f'[data-machine="{name}"]')


async def test_an_event_changes_the_page(page: Page, gym: Served) -> None:
    row = machine(page, "leg-press-01")
    await expect(row).to_contain_text("Free")
    before = await page.locator("#summary").inner_text()
    gym.publish("leg-press-01", Status.OCCUPIED)
    await expect(row).to_contain_text("In use")
    await expect(row).to_have_attribute("data-status", "occupied")
    await expect(page.locator("#summary")).not_to_have_text(before)


async def test_machines_stand_by_category_with_what_is_free(page: Page) -> None:
    legs = page.get_by_role("region", name="Legs")
    await expect(legs.get_by_role("listitem")).to_have_count(6)
    await expect(legs).to_contain_text("4 of 6 free")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Central")


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
async def test_what_is_unknown_says_so_and_why(page: Page) -> None:
    await expect(machine(page, "rower-03")).to_contain_text("Unknown · sensor is disconnected")
    await expect(machine(page, "bench-02")).to_contain_text("Out of service")


async def test_ages_are_the_gateways_not_the_phones(page: Page) -> None:
    await expect(machine(page, "leg-press-01")).to_contain_text("for 16 min")


async def test_without_a_clock_there_are_no_ages(page: Page, gym: Served) -> None:
    gym.model.clock_is_right = False
    gym.server.reset_streams("clock")
    await expect(page.locator("#notice")).to_contain_text("does not know the time")
    await expect(machine(page, "leg-press-01").locator(".state")).to_have_text("Free")


@pytest.mark.parametrize("page", ["dark"], indirect=True)
async def test_a_lost_connection_is_told_with_the_time_of_the_data(page: Page, gym: Served) -> None:
    await gym.server.stop()
    await expect(page.locator("#notice")).to_contain_text("No connection, data from", timeout=9000)
    await expect(page.locator("body")).to_have_class("old")


async def test_the_page_comes_back_by_itself(page: Page, gym: Served) -> None:
    await page.context.set_offline(offline=True)
    for viewer in gym.server.hub._viewers():
        viewer.cut()
    await expect(page.locator("#notice")).to_be_visible(timeout=9000)
    gym.publish("leg-press-01", Status.OCCUPIED)
    await page.context.set_offline(offline=False)
    await expect(machine(page, "leg-press-01")).to_contain_text("In use", timeout=9000)
    await expect(page.locator("#notice")).to_be_hidden()


async def test_a_page_that_slept_opens_its_stream_anew(page: Page, gym: Served) -> None:
    (before,) = gym.server.hub._viewers()
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    gym.publish("leg-press-01", Status.OCCUPIED)
    await expect(machine(page, "leg-press-01")).to_contain_text("In use")
    (after,) = gym.server.hub._viewers()
    assert after is not before


async def test_nothing_is_wider_than_a_small_phone(page: Page) -> None:
    await page.set_viewport_size({"width": 320, "height": 568})
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= 320


async def test_a_machines_page_stays_true_while_it_is_open(page: Page, gym: Served) -> None:
    await machine(page, "leg-press-01").get_by_role("link").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Leg press 01")
    await expect(page.locator("#word")).to_have_text("Free")
    await expect(page.locator("#rest")).to_have_text("for 16 min")
    gym.publish("leg-press-01", Status.OCCUPIED)
    await expect(page.locator("#word")).to_have_text("In use")
    await gym.server.stop()
    await expect(page.locator("#notice")).to_contain_text("No connection, data from", timeout=9000)


async def test_without_a_script_the_same_address_lists_what_is_free(gym: Served) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        context = await browser.new_context(java_script_enabled=False, viewport=PHONE)
        plain = await context.new_page()
        await plain.goto(gym.url)
        await expect(plain.get_by_role("heading", name="Legs")).to_be_visible()
        await expect(plain.locator(".notice")).to_contain_text("renews itself every 30 seconds")
        await expect(plain.get_by_role("searchbox")).to_be_hidden()
        await plain.get_by_role("link", name="Leg press 01").click()
        await expect(plain.locator("#word")).to_have_text("Free")
        await expect(plain.locator(".notice")).to_contain_text("JavaScript is off")
        await expect(plain.get_by_role("button")).to_have_count(0)
        await plain.screenshot(path=ARTEFACTS / "plain-machine.png")
        await browser.close()


async def test_a_machine_is_found_by_a_piece_of_its_name_or_category(page: Page) -> None:
    await page.get_by_role("searchbox").fill("PRESS")
    await expect(page.locator("li:visible")).to_have_count(3)
    await page.get_by_role("searchbox").fill("cardi")
    await expect(page.locator("li:visible")).to_have_count(6)
    await page.get_by_role("searchbox").fill("xyz")
    await expect(page.locator("#nothing")).to_be_visible()


async def test_who_listens_hears_what_was_found_and_the_newest_count_once_a_minute(
    page: Page, gym: Served
) -> None:
    heard = page.locator("#announcement")
    await page.clock.install()
    await page.reload()
    await expect(heard).to_have_text("9 of 15 machines free")
    await page.get_by_role("searchbox").fill("treadmill 01")
    await expect(heard).to_have_text("1 machine found")
    for name in ("leg-press-01", "leg-press-03"):
        gym.publish(name, Status.OCCUPIED)
        await expect(machine(page, name)).to_have_attribute("data-status", "occupied")
    await expect(heard).to_have_text("1 machine found")
    await page.clock.run_for(30_000)
    gym.publish("bench-01", Status.OCCUPIED)
    await expect(machine(page, "bench-01")).to_have_attribute("data-status", "occupied")
    await page.clock.run_for(31_000)
    await expect(heard).to_have_text("6 of 15 machines free")


async def test_favourites_stand_first_and_are_kept_on_the_phone(page: Page, gym: Served) -> None:
    await page.get_by_role("button", name="Favourite: Bench 01").click()
    mine = page.get_by_role("region", name="Favourites")
    await expect(mine.get_by_role("listitem")).to_have_count(1)
    await page.reload()
    await expect(mine).to_contain_text("Bench 01")
    gym.publish("bench-01", Status.OCCUPIED)
    await expect(mine).to_contain_text("In use")
    await mine.get_by_role("button").click()
    await expect(mine).to_be_hidden()
    await expect(page.get_by_role("region", name="Chest")).to_contain_text("Bench 01")


async def test_an_attempt_that_nobody_answers_is_followed_by_another_soon(page: Page) -> None:
    await page.clock.install()
    await page.route("**/stream", lambda _route: None)  # as into a dead connection
    await page.reload()
    for _ in range(2):
        async with page.expect_request("**/stream", timeout=9000):
            await page.clock.run_for(12_000)
    await page.unroute("**/stream")
    await page.clock.run_for(12_000)
    await expect(page.locator("#notice")).to_be_hidden(timeout=9000)
