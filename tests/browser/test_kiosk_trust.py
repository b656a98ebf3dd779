"""What hangs on the wall for months says what is so, and nothing else, whatever fails around it."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install '.[test]'")
from playwright.async_api import Page, Route, TimeoutError, expect  # noqa: A004  its own

from gateway.core.events import Status
from tests.browser.test_kiosk import EVENING, _in_which, at, gym, page, pytestmark, stands
from tests.integration.served import Served

__all__ = ["gym", "page", "pytestmark"]  # fixtures, and that a browser is needed

OF_THE_BRANCH = "**/branches/hk-central"


async def test_what_refuses_says_nothing_of_the_branch(page: Page) -> None:
    await page.route(OF_THE_BRANCH, lambda route: route.fulfill(status=503, json={"status": 503}))
    async with page.expect_response(OF_THE_BRANCH), page.expect_response("**/usual"):
        await stands(page)
    await expect(page.locator("#branch")).to_have_text("Central")
    await expect(page.locator("#closed")).to_be_hidden()
    await expect(page.locator("main")).to_be_visible()


async def test_a_branch_that_is_not_known_is_said_for_as_long_as_it_is_so(page: Page) -> None:
    await page.clock.install()
    await page.goto("/kiosk?branch=nowhere")
    await expect(page.locator("#notice")).to_contain_text("nowhere")
    await page.clock.fast_forward(10_000)
    await expect(page.locator("#notice")).to_contain_text("nowhere")


async def test_times_are_the_branchs_and_an_old_one_has_its_day(page: Page, gym: Served) -> None:
    await at(page, EVENING)
    await stands(page)
    await page.unroute_all()
    await gym.server.stop()
    await page.clock.fast_forward(10_000)
    await expect(page.locator("#notice")).to_have_text("No data since 18:30")
    await page.clock.fast_forward("24:00:00")
    await expect(page.locator("#notice")).to_contain_text("Tue, Nov 24")


async def test_of_what_nobody_knows_it_counts_no_zero(page: Page, gym: Served) -> None:
    await stands(page)
    chest = page.locator("#counts div").nth(1)
    for name in ("bench-01", "bench-02", "bench-03"):
        await expect(chest).not_to_contain_text("? /")
        gym.publish(name, Status.UNKNOWN)
    await expect(chest).to_have_text("Chest? / 3")
    gym.publish("bench-01", Status.OCCUPIED)
    await expect(chest).to_have_text("Chest0 / 3? 2")


async def test_a_screen_whose_clock_is_wrong_keeps_the_gateways(page: Page) -> None:
    await at(page, EVENING, slow=timedelta(hours=7, minutes=5))
    await stands(page)
    await expect(page.locator("#clock")).to_have_text("18:30")
    await expect(page.locator("html")).to_have_attribute("data-theme", "light")


async def _closed(route: Route) -> None:
    reply = await route.fetch()
    await route.fulfill(response=reply, json=await reply.json() | {"open": False})


async def test_a_screen_that_slept_when_the_gateway_was_lost_says_so_within_hours(
    page: Page, gym: Served
) -> None:
    await page.clock.install()
    await page.route(OF_THE_BRANCH, _closed)
    await page.goto("/kiosk")
    await expect(page.locator("main")).to_be_hidden()
    await page.unroute_all()
    await gym.server.stop()
    await page.clock.fast_forward(10_000)
    await expect(page.locator("body.old")).to_have_count(1)
    await expect(page.locator("main")).to_be_hidden()
    await page.clock.fast_forward("02:00:00")
    await expect(page.locator("main")).to_be_visible()
    await expect(page.locator("#notice")).to_contain_text("No data since")


async def test_another_name_is_shown_once_the_configuration_was_read_again(
    page: Page, gym: Served
) -> None:
    await stands(page)
    gym.model.views["bench-01"] = replace(gym.model.views["bench-01"], name="Flat bench")
    gym.server.reset_streams("configuration")
    await expect(page.locator(".tile .name", has_text="Flat bench")).to_be_visible()


async def test_another_look_of_the_branch_is_taken_in_within_minutes(page: Page) -> None:
    await page.clock.install()
    await stands(page)
    await page.route("**/kiosk", partial(_in_which, "#17603c", "#003f87"))
    async with page.expect_event("load"):
        await page.clock.fast_forward("00:10:01")
    await expect(page.locator("body")).to_have_attribute("data-colour", "#003f87")


async def _hasty(route: Route) -> None:
    """It loads itself anew after a second instead of a minute."""
    reply = await route.fetch()
    assert reply.headers["refresh"] == "60"
    await route.fulfill(response=reply, headers=reply.headers | {"refresh": "1"})


async def test_a_page_of_which_a_part_was_missed_loads_itself_anew(page: Page) -> None:
    await page.route("**/kiosk", _hasty)
    await page.route("**/plan.js", lambda route: route.abort(), times=2)  # and before
    await page.goto("/kiosk")
    await expect(page.locator(".tile").first).to_be_visible()


async def test_a_page_that_is_whole_stays(page: Page) -> None:
    await page.route("**/kiosk", _hasty)
    await stands(page)
    with pytest.raises(TimeoutError):
        await page.wait_for_event("load", timeout=2500)
