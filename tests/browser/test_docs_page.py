"""The page of the API in a real browser: it shows every call and can try them."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install '.[test]'")
from playwright.async_api import Locator, Page, ViewportSize, async_playwright, expect

from tests.integration.served import Served, serving

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
ARTEFACTS = Path(__file__).parents[1] / "artefacts"
DESK, SMALL = ViewportSize(width=1100, height=900), ViewportSize(width=360, height=740)

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}: apt-get install chromium"
)


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


@pytest.fixture
async def page(request: pytest.FixtureRequest, api: Served) -> AsyncIterator[Page]:
    """The page, loaded; anything on the console that is an error fails the test."""
    errors: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = await browser.new_page(
            viewport=DESK, color_scheme=getattr(request, "param", "light"), reduced_motion="reduce"
        )
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        await page.goto(f"{api.url}/docs")
        await expect(page.locator("main")).not_to_have_attribute("aria-busy", "true")
        yield page
        await page.screenshot(path=ARTEFACTS / f"{request.node.name}.png", full_page=True)
        await browser.close()
    assert errors == []


async def opened(page: Page, operation: str) -> Locator:
    call = page.locator(f"#{operation}")
    await call.locator("summary").first.click()
    return call


async def test_every_call_and_every_message_is_shown(page: Page, api: Served) -> None:
    calls = await api.json("/openapi.json")
    messages = await api.json("/asyncapi.json")
    for methods in calls["paths"].values():
        for operation in methods.values():
            await expect(page.locator(f"#{operation['operationId']}")).to_be_visible()
    for name in messages["components"]["messages"]:
        await expect(page.locator(f"#message-{name}")).to_be_visible()


async def test_a_call_tells_its_parameters_its_reply_and_its_statuses(page: Page) -> None:
    call = await opened(page, "showHistory")
    await expect(call).to_contain_text("Hours up to")
    await expect(call).to_contain_text("0.25 to 744")
    await expect(call).to_contain_text("An id in the path is unknown.")
    await call.get_by_role("link", name="HistoryReply").click()
    await expect(page.locator("#type-HistoryReply")).to_contain_text("binSeconds")
    assert "[object" not in await page.locator("main").inner_text()


async def test_a_call_can_be_tried(page: Page) -> None:
    call = await opened(page, "showMachine")
    await call.get_by_role("button", name="Send").click()
    await expect(call.locator(".result")).to_contain_text("200 OK")
    await expect(call.get_by_label("Body of the reply")).to_contain_text('"leg-press-01"')
    await call.get_by_text("Headers", exact=True).click()
    await expect(call.get_by_label("Headers of the reply")).to_contain_text("x-request-id")


async def test_a_token_goes_along_and_is_kept_nowhere(page: Page, api: Served) -> None:
    await page.get_by_label("Token or key").fill(await api.key("staff"))
    call = await opened(page, "setService")
    await call.get_by_role("textbox", name="machineId").fill("bench-01")
    await call.get_by_role("button", name="Send").click()
    await expect(call.get_by_label("Body of the reply")).to_contain_text("out_of_service")
    assert await page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert await page.context.cookies() == []


async def test_a_stream_shows_its_events_until_it_is_stopped(page: Page, api: Served) -> None:
    call = await opened(page, "openStream")
    await call.get_by_role("button", name="Send").click()
    body = call.get_by_label("Body of the reply")
    await expect(body).to_contain_text("event: snapshot")
    api.publish("bench-01")
    await expect(body).to_contain_text("event: machine_update")
    await call.get_by_role("button", name="Stop").click()
    await expect(call.get_by_role("button", name="Send")).to_be_enabled()


async def test_a_websocket_can_be_tried_too(page: Page) -> None:
    call = await opened(page, "openSocket")
    await call.get_by_role("button", name="Send").click()
    await expect(call.get_by_label("Body of the reply")).to_contain_text('"type":"snapshot"')


async def test_the_filter_leaves_what_fits(page: Page) -> None:
    await page.get_by_label("Filter").fill("post tickets")
    await expect(page.locator(".call:visible")).to_have_count(1)
    await expect(page.locator("#count")).to_contain_text("1 of ")


async def test_a_keyboard_is_enough(page: Page) -> None:
    await page.get_by_label("Filter").fill("health/live")
    await page.locator("#showLive summary").first.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#showLive").get_by_role("button", name="Send")).to_be_visible()
    for _ in range(12):  # links, examples, headers …
        if await page.evaluate("document.activeElement.textContent") == "Send":
            break
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("#showLive .result")).to_contain_text("200 OK")


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
async def test_nothing_is_wider_than_a_small_phone(page: Page) -> None:
    await page.set_viewport_size(SMALL)
    for operation in ("showHistory", "reportWrong"):
        await opened(page, operation)
    assert await page.evaluate("document.documentElement.scrollWidth") <= SMALL["width"]


async def test_every_control_has_a_name(page: Page) -> None:
    await opened(page, "reportWrong")
    for control in await page.locator("input, textarea, select").all():
        assert await control.evaluate("node => node.labels.length") == 1
