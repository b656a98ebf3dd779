"""What goes wrong at a tap is told in the person's language, and a lost answer costs nothing."""

from collections.abc import AsyncIterator

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install '.[test]'")
from playwright.async_api import Browser, Page, Route, expect

from config.sections import Limits
from gateway.core.events import Status
from tests.acceptance.pages.visits import CHROMIUM, Manner, browsing, looking
from tests.integration.served import Served, serving

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}: apt-get install chromium"
)
TELL_ME = {"en": "Tell me when it is free", "zh-Hant": "空置時通知我"}
WAITS = {"en": "Do not tell me", "zh-Hant": "取消通知"}
TOLD = {
    "en": "The gym cannot be reached; try again.",
    "zh-Hant": "無法連接健身室",
}


@pytest.fixture
async def gym() -> AsyncIterator[Served]:
    async with serving(limits=Limits(writes=6)) as served:
        served.publish("leg-press-01", Status.OCCUPIED)
        yield served


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with browsing() as browser:
        yield browser


async def lose_answers(page: Page, path: str) -> None:
    """What is posted there arrives; its answer does not."""

    async def lose(route: Route) -> None:
        if route.request.method == "POST":
            await route.fetch()
            await route.abort()
        else:
            await route.continue_()

    await page.route(path, lose)


async def tap(page: Page, language: str) -> None:
    await page.get_by_role("button", name=TELL_ME[language]).click()


@pytest.mark.parametrize("language", ["en", "zh-Hant"])
async def test_a_link_that_is_cut_in_a_tap_is_told_and_the_next_tap_finds_the_alert(
    browser: Browser, gym: Served, language: str
) -> None:
    async with looking(browser, gym.url, Manner(language)) as page:
        await page.goto("/m/leg-press-01")
        await tap(page, language)
        await page.get_by_role("button", name=WAITS[language]).click()
        await lose_answers(page, "**/alerts")
        await tap(page, language)
        await expect(page.locator("#tell-me p")).to_contain_text(TOLD[language])
        await page.unroute("**/alerts")
        await tap(page, language)
        await expect(page.get_by_role("button", name=WAITS[language])).to_be_visible()
        assert len([*gym.alerts.desk._book]) == 1


async def test_too_many_taps_are_told_with_when_to_try_again(browser: Browser, gym: Served) -> None:
    async with looking(browser, gym.url, Manner("zh-Hant")) as page:
        await page.goto("/m/leg-press-01")
        for _ in range(7):
            await page.get_by_role("button", name="顯示有誤").click()
            await expect(page.get_by_role("button", name="顯示有誤")).to_be_enabled()
        await expect(page.locator("#wrong span")).to_contain_text("請在 1 分鐘後再試")


async def test_what_only_programs_are_told_is_not_shown_to_people(
    browser: Browser, gym: Served
) -> None:
    async with looking(browser, gym.url, Manner()) as page:
        await page.goto("/m/leg-press-01")
        await page.get_by_role("button", name=TELL_ME["en"]).wait_for()
        gym.model.change("leg-press-01", Status.FREE)  # nobody has told the page yet
        await tap(page, "en")
        await expect(page.locator("#tell-me p")).to_contain_text("it may be free")


async def test_a_browser_without_cookies_is_told_so_and_makes_one_member_at_most(
    browser: Browser, gym: Served
) -> None:
    async def as_nobody(route: Route) -> None:
        await route.fulfill(status=401, json={"code": "unauthorised"})

    async with looking(browser, gym.url, Manner()) as page:
        await page.route("**/alerts", as_nobody)
        await page.goto("/m/leg-press-01")
        for _ in range(2):
            await tap(page, "en")
            await expect(page.locator("#tell-me p")).to_contain_text("keeps no cookies")
        assert gym.ledger.execute("SELECT count(*) FROM members").fetchone() == (1,)


async def test_where_storage_is_forbidden_an_alert_is_found_again(
    browser: Browser, gym: Served
) -> None:
    forbid = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('no'); }})"
    async with looking(browser, gym.url, Manner()) as page:
        await page.add_init_script(forbid)
        await page.goto("/m/leg-press-01")
        await tap(page, "en")
        await expect(page.get_by_role("button", name=WAITS["en"])).to_be_visible()
        await page.reload()
        await expect(page.get_by_role("button", name=WAITS["en"])).to_be_visible()
        await page.goto("/")
        await expect(page.locator("#mine li")).to_have_count(1)
