"""A member's way: sticker, machine's page, tell me, rung; in a real browser."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install '.[test]'")
from playwright.async_api import Page, async_playwright, expect

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))
from config.sections import Alerts, Notify
from gateway.core.events import Status
from gateway.core.forecast import Prediction
from tests.browser.test_page import ARTEFACTS, CHROMIUM, FLAGS, PHONE
from tests.integration.served import Served, serving

RULES = Alerts(settle=0.1, head_start=0.0, all_at_once=True)

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}: apt-get install chromium"
)


@pytest.fixture
async def gym() -> AsyncIterator[Served]:
    async with serving(rules=RULES, notify=Notify(ntfy="https://ntfy.example.org")) as served:
        served.publish("leg-press-01", Status.OCCUPIED)
        yield served


@pytest.fixture
async def page(request: pytest.FixtureRequest, gym: Served) -> AsyncIterator[Page]:
    """Where the sticker leads; any error of the page's own fails the test."""
    errors: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = await browser.new_page(viewport=PHONE)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        await page.goto(f"{gym.url}/m/leg-press-01")
        yield page
        await page.screenshot(path=ARTEFACTS / f"{request.node.name}.png", full_page=True)
        await browser.close()
    told = ("ERR_", "401 (Unauthorized)")  # a browser logs what the page handles
    assert [error for error in errors if not any(one in error for one in told)] == []


async def test_tell_me_rings_when_it_is_free_and_stops_when_seen(page: Page, gym: Served) -> None:
    await page.get_by_role("button", name="Tell me when it is free").click()
    await expect(page.locator("#tell-me p")).to_contain_text("You are next. We ring here until")
    gym.publish("leg-press-01")
    await expect(page.locator("#tell-me p")).to_have_text("Leg press 01 is free: go!")
    await page.wait_for_function("document.title.startsWith('🔔')")
    await page.get_by_role("button", name="I have seen it").click()
    await expect(page.locator("#tell-me")).to_be_hidden()
    assert not (await page.title()).startswith("🔔")


async def test_who_comes_back_finds_its_alert_and_can_cancel_it(page: Page, gym: Served) -> None:
    await page.get_by_role("button", name="Tell me when it is free").click()
    await expect(page.get_by_role("button", name="Do not tell me")).to_be_visible()
    await page.reload()
    await page.get_by_role("button", name="Do not tell me").click()
    await expect(page.get_by_role("button", name="Tell me when it is free")).to_be_visible()
    assert [*gym.alerts.desk._book] == []


async def test_what_rang_while_the_page_was_closed_is_told_at_the_next_visit(
    page: Page, gym: Served
) -> None:
    await page.get_by_role("button", name="Tell me when it is free").click()
    await expect(page.get_by_role("button", name="Do not tell me")).to_be_visible()
    await page.goto("about:blank")
    gym.publish("leg-press-01")
    await page.goto(f"{gym.url}/m/leg-press-01")
    await expect(page.locator("#tell-me p")).to_have_text("Leg press 01 is free: go!")


async def test_a_free_machine_offers_no_alert(page: Page, gym: Served) -> None:
    gym.publish("leg-press-01")
    await expect(page.locator("#word")).to_have_text("Free")
    await expect(page.locator("#tell-me")).to_be_hidden()


async def test_a_member_that_is_known_no_more_becomes_a_new_one(page: Page, gym: Served) -> None:
    await page.get_by_role("button", name="Tell me when it is free").click()
    await page.get_by_role("button", name="Do not tell me").click()
    for member in [*gym.credentials._known.members.values()]:
        await gym.credentials.leave(member)
    async with page.expect_response("**/members"):
        await page.get_by_role("button", name="Tell me when it is free").click()
    await expect(page.get_by_role("button", name="Do not tell me")).to_be_visible()


async def test_what_else_is_free_is_kept_true(page: Page, gym: Served) -> None:
    other = page.get_by_role("link", name="Leg press 02")
    gym.publish("leg-press-02")
    await expect(other).to_be_visible()
    gym.publish("leg-press-02", Status.OCCUPIED)
    await expect(other).to_be_hidden()


async def test_the_chance_is_told_in_words_and_numbers_while_it_is_in_use(
    page: Page, gym: Served
) -> None:
    gym.model.foretold["leg-press-01"] = Prediction(1800.0, 0.62, None, None, "learned")
    gym.publish("leg-press-01")
    gym.publish("leg-press-01", Status.OCCUPIED)
    await expect(page.locator("#chance")).to_have_text("Free in half an hour: likely (62%)")
    gym.publish("leg-press-01")
    await expect(page.locator("#chance")).to_be_hidden()


async def test_how_it_usually_is_today_is_drawn_with_its_quiet_hours(page: Page) -> None:
    await expect(page.locator(".strip rect")).to_have_count(96)
    await expect(page.locator(".strip rect.now")).to_have_count(1)
    await expect(page.locator(".quietest")).to_have_text("Quietest around 14:15")
    await page.get_by_text("The whole week").click()
    await expect(page.locator(".week rect")).to_have_count(7 * 24)


async def test_a_locked_phone_is_rung_by_a_topic_of_its_own(page: Page, gym: Served) -> None:
    locked = page.get_by_role("button", name="Ring my phone when it is locked, too")
    await expect(locked).to_be_hidden()
    await page.get_by_role("button", name="Tell me when it is free").click()
    await locked.click()
    link = page.get_by_role("link", name="Open the ntfy app")
    await expect(link).to_be_visible()
    topic = api_topic(gym)
    await expect(link).to_have_attribute("href", f"ntfy://ntfy.example.org/{topic}")


def api_topic(gym: Served) -> str:
    """That of the one member."""
    ((address,),) = gym.ledger.execute("SELECT address FROM targets").fetchall()
    return str(address)
