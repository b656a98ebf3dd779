"""What a member is told while it waits stays true: its place, its time, whether to go."""

import re
import time
from collections.abc import AsyncIterator

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install '.[test]'")
from playwright.async_api import Page, expect

from config.sections import Alerts, Notify
from gateway.core.events import Status
from tests.acceptance.pages.visits import CHROMIUM, Manner, browsing, looking
from tests.integration.served import Served, serving

HOUR = 3600  # seconds
RINGS = re.compile("^🔔")
CHANGE = """
([alert, expiresIn]) => fetch(`/alerts/${alert}`, {
    method: "PATCH",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ quietHours: { start: 22, end: 7 }, expiresIn }),
})
"""
RULES = Alerts(settle=0.1, head_start=0.0, all_at_once=True)
HALF = (
    30_000  # ms: a page that is looked at asks anew each minute; its stream is never silent so long
)
pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}: apt-get install chromium"
)


@pytest.fixture
async def gym() -> AsyncIterator[Served]:
    async with serving(rules=RULES, notify=Notify(ntfy="https://ntfy.example.org")) as served:
        served.publish("leg-press-01", Status.OCCUPIED)
        yield served


@pytest.fixture
async def page(gym: Served) -> AsyncIterator[Page]:
    """Where the sticker leads; its clock is the test's."""
    async with browsing() as browser, looking(browser, gym.url, Manner()) as page:
        await page.clock.install()
        await page.goto("/m/leg-press-01")
        yield page


async def wait_for_it(page: Page) -> None:
    await page.get_by_role("button", name="Tell me when it is free").click()
    await expect(page.get_by_role("button", name="Do not tell me")).to_be_visible()


async def pass_a_minute(page: Page, gym: Served) -> None:
    """With a word in between, so that its stream stays the same."""
    await page.clock.run_for(HALF)
    gym.publish("leg-press-02")
    free = page.locator('[data-status="free"]')
    await expect(free.filter(has_text="Leg press 02")).to_be_visible()
    await page.clock.run_for(HALF)


async def join(gym: Served) -> dict[str, str]:
    """Another member's credential."""
    gym.client.cookie_jar.clear()
    reply = await (await gym.call("POST", "/members")).json()
    gym.client.cookie_jar.clear()
    return {"Authorization": f"Bearer {reply['token']}"}


async def test_who_was_slower_is_not_sent_there(page: Page, gym: Served) -> None:
    await wait_for_it(page)
    gym.publish("leg-press-01")
    await expect(page.locator("#tell-me p")).to_have_text("Leg press 01 is free: go!")
    gym.publish("leg-press-01", Status.OCCUPIED)
    await expect(page.locator("#tell-me p")).to_contain_text("somebody was quicker")
    assert await page.title() == "Leg press 01"
    await page.get_by_role("button", name="I have seen it").click()
    await wait_for_it(page)


async def test_nor_is_who_was_quick_told_of_somebody_that_nobody_saw(
    page: Page, gym: Served
) -> None:
    await wait_for_it(page)
    gym.publish("leg-press-01")
    await expect(page.locator("#tell-me p")).to_have_text("Leg press 01 is free: go!")
    gym.publish("leg-press-01", Status.UNKNOWN)
    await expect(page.locator("#tell-me p")).to_contain_text("whether it still is, we do not know")


async def test_who_is_told_to_go_is_rung_too_though_nobody_saw_it_for_a_moment(
    page: Page, gym: Served
) -> None:
    await wait_for_it(page)
    gym.publish("leg-press-01")
    told = page.locator("#tell-me p")
    await expect(told).to_have_text("Leg press 01 is free: go!")
    gym.publish("leg-press-01", Status.UNKNOWN)
    await expect(page).not_to_have_title(RINGS)
    gym.publish("leg-press-01")
    await expect(told).to_have_text("Leg press 01 is free: go!")
    await expect(page).to_have_title(RINGS)


async def test_nor_on_the_first_page(page: Page, gym: Served) -> None:
    await wait_for_it(page)
    await page.goto("/")
    gym.publish("leg-press-01")
    await expect(page.locator("#mine")).to_contain_text("Leg press 01 is free: go!")
    gym.publish("leg-press-01", Status.OCCUPIED)
    await expect(page.locator("#mine")).to_contain_text("somebody was quicker")


async def test_the_first_page_says_that_it_needs_a_tap_to_sound(page: Page) -> None:
    await wait_for_it(page)
    await page.goto("/")
    await expect(page.locator("#mine")).to_contain_text("Tap once so that this page may sound.")
    await page.get_by_role("heading", level=1).click()
    await expect(page.locator("#mine")).not_to_contain_text("Tap once")


async def test_an_alert_that_ends_while_the_page_is_open_says_so(page: Page, gym: Served) -> None:
    await wait_for_it(page)
    (alert,) = gym.alerts.desk._book
    gym.wall.now = alert.expires + 1
    await pass_a_minute(page, gym)
    await expect(page.locator("#tell-me p")).to_contain_text("has ended without a ring")
    await expect(page.get_by_role("button", name="Tell me when it is free")).to_be_visible()


@pytest.mark.parametrize(("path", "where"), [("/m/leg-press-01", "#tell-me p"), ("/", "#mine")])
async def test_the_place_in_the_queue_moves_up(
    page: Page, gym: Served, path: str, where: str
) -> None:
    other = await join(gym)
    wish = {"machineId": "leg-press-01"}
    before = await (await gym.call("POST", "/alerts", wish, **other)).json()
    await wait_for_it(page)
    await page.goto(path)
    await expect(page.locator(where)).to_contain_text("You are number 2")
    await gym.call("DELETE", f"/alerts/{before['alertId']}", **other)
    await pass_a_minute(page, gym)
    await expect(page.locator(where)).to_contain_text("You are next.")


@pytest.mark.parametrize(
    ("hour", "lasts", "told"),
    [
        (23, 2, "so nothing will ring"),
        (3, 2, "nothing will ring"),
        (23, 9, "nothing rings before 07:00"),
        (6, 17, "nothing rings before 07:00"),
        (12, 2, "Silent from 22:00 to 07:00"),
    ],
)
async def test_an_alert_that_ends_within_quiet_hours_promises_no_ring(
    page: Page, gym: Served, hour: int, lasts: int, told: str
) -> None:
    gym.wall.now = gym.model.now = time.mktime((*time.localtime()[:3], hour, 0, 0, 0, 0, -1))
    await page.reload()
    await wait_for_it(page)
    (alert,) = gym.alerts.desk._book
    await page.evaluate(CHANGE, [alert.id, lasts * HOUR])
    await page.reload()
    await expect(page.locator("#tell-me p")).to_contain_text(told)


async def test_what_nobody_saw_become_free_is_told_as_that(page: Page, gym: Served) -> None:
    await wait_for_it(page)
    gym.publish("leg-press-01", Status.UNKNOWN)
    gym.publish("leg-press-01")
    told = page.locator("#tell-me p")
    await expect(told).to_have_text("It is free now; we did not see it become free.")
    await page.reload()
    await expect(told).to_have_text("It is free now; we did not see it become free.")
    await page.goto("/")
    await expect(page.locator("#mine")).to_contain_text("we did not see it become free")


async def test_who_waits_asks_no_more_with_each_event_of_the_branch(
    page: Page, gym: Served
) -> None:
    await wait_for_it(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for _ in range(5):
        gym.publish("bench-01", Status.OCCUPIED)
        gym.publish("bench-01")
    gym.publish("leg-press-02")
    await expect(page.get_by_role("link", name="Leg press 02")).to_be_visible()
    assert [url for url in asked if "/push" in url] == []
