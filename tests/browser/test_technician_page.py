"""The technician's page in a real browser: the key, sensors, live samples, calibration, service."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install '.[test]'")
from playwright.async_api import Locator, Page, ViewportSize, async_playwright, expect

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))
from gateway.api import samples
from gateway.core.events import Status
from gateway.core.findings import Finding
from gateway.core.occupancy import Word
from sensors.sample import Sample
from tests.browser.test_page import ARTEFACTS, CHROMIUM, FLAGS, PHONE
from tests.integration.served import Served, serving

PLUG = "treadmill-01"
DESK = ViewportSize(width=1920, height=1080)
SMALL = ViewportSize(width=320, height=640)
GYM_LOCAL = "--host-resolver-rules=MAP gym.local 127.0.0.1"
EACH = 0.05  # seconds between two samples
NASTY = '<img src=x onerror="alert(1)"> \u202eكرسي 🏋️ ' + "W" * 200

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}: apt-get install chromium"
)


@dataclass
class Plug:
    """A sensor that says watts all the time."""

    gym: Served
    watts: float = 2.0
    battery: float | None = None

    def say(self) -> None:
        now, hearing = time.monotonic(), self.gym.hearings[PLUG]
        watts = self.watts + now % 1
        sample = Sample(None, watts, "W", {"power_w": watts}, battery=self.battery)
        hearing.last, hearing.last_heard = sample, now
        self.gym.samples.add(PLUG, sample, now)
        self.gym.recordings.add(PLUG, sample, now)
        self.gym.trails.add(PLUG, None, sample.levels, now)

    async def run(self) -> None:
        while True:
            self.say()
            await asyncio.sleep(EACH)


@pytest.fixture
async def gym() -> AsyncIterator[Served]:
    async with serving(hosts=("gym.local",)) as served:
        served.publish("leg-press-01", Status.OCCUPIED)
        served.publish("bench-01")
        yield served


@pytest.fixture
async def plug(gym: Served) -> AsyncIterator[Plug]:
    found = Plug(gym)
    task = asyncio.create_task(found.run())
    yield found
    task.cancel()
    await asyncio.wait([task])


@pytest.fixture
async def page(request: pytest.FixtureRequest, gym: Served) -> AsyncIterator[Page]:
    """At the door; any error of the page's own fails the test."""
    errors: list[str] = []
    async with async_playwright() as playwright:
        flags = [*FLAGS, GYM_LOCAL]
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        context = await browser.new_context(
            viewport=DESK, color_scheme=getattr(request, "param", "light")
        )
        page = await context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        await page.goto(f"{gym.url}/technician")
        yield page
        await page.screenshot(path=ARTEFACTS / f"{request.node.name}.png", full_page=True)
        await browser.close()
    told = (
        "ERR_",
        "401 (Unauthorized)",
        "403 (Forbidden)",
        "409 (Conflict)",
    )  # handled, but logged
    assert [error for error in errors if not any(one in error for one in told)] == []


async def show(page: Page, secret: str) -> None:
    await page.get_by_label("Technician's key").fill(secret)
    await page.get_by_role("button", name="Open").click()


async def enter(page: Page, gym: Served, view: str = "") -> None:
    """With a good key, to that view."""
    await page.goto(f"{gym.url}/technician#{view}")
    await show(page, await gym.key("technician"))
    await expect(page.locator("#door")).to_be_hidden()


def row(page: Page, sensor: str) -> Locator:
    return page.locator(f'[data-sensor="{sensor}"]')


async def test_a_wrong_key_is_refused_in_words_and_asked_for_again(page: Page, gym: Served) -> None:
    await show(page, "gwk_wrong")
    await expect(page.get_by_role("alert")).to_contain_text("This key is not good")
    await show(page, await gym.key("staff"))
    await expect(page.get_by_role("alert")).to_contain_text("no technician's")
    assert await page.evaluate("localStorage.length + sessionStorage.length") == 0
    await show(page, await gym.key("technician"))
    await expect(page.locator("[data-sensor]")).to_have_count(4)


@pytest.mark.parametrize("remembered", [False, True])
async def test_a_key_lasts_as_long_as_was_asked(page: Page, gym: Served, remembered: bool) -> None:
    if remembered:
        await page.get_by_label("Remember on this device").check()
    await show(page, await gym.key("technician"))
    await expect(page.locator("[data-sensor]")).to_have_count(4)
    other = await page.context.new_page()
    await other.goto(f"{gym.url}/technician")
    await expect(other.locator("#door")).to_be_visible(visible=not remembered)
    await other.close()


@pytest.mark.parametrize("page", ["dark"], indirect=True)
async def test_sensors_are_listed_with_their_health_problems_first(
    page: Page, gym: Served, plug: Plug
) -> None:
    plug.battery = 9.0
    hearing = gym.hearings["bench-01"]
    hearing.last, hearing.last_heard = Sample(active=True, signal=80.0), time.monotonic() - 5
    hearing.machine.hear("bench-01", Word(True, time.monotonic()), time.monotonic())
    hearing.machine.tick(time.monotonic() + 1)
    hearing.remarks["repeated"] = 3
    await enter(page, gym)
    await expect(row(page, PLUG)).to_contain_text("needs a calibration")
    await expect(row(page, PLUG)).to_contain_text("9%")
    await expect(page.locator("[data-sensor]").last).to_have_attribute("data-sensor", "bench-01")
    for text in ("Fine", "Bench 01", "native", "sec. ago", "3", "80"):
        await expect(row(page, "bench-01")).to_contain_text(text)
    await expect(row(page, "leg-press-01")).to_contain_text("Problem")
    await page.get_by_role("searchbox").first.fill("BENCH")
    await expect(page.locator("[data-sensor]:visible")).to_have_count(1)


async def test_a_finding_is_told_beside_the_sensor(page: Page, gym: Served) -> None:
    await page.route("**/sensors", lambda route: weakened(route, Finding.BATTERY_WEAK))
    await enter(page, gym)
    await expect(row(page, "bench-01")).to_contain_text("battery is weak")


async def weakened(route: object, finding: Finding) -> None:
    """The gateway's reply, with a finding on every sensor."""
    reply = await route.fetch()  # type: ignore[attr-defined]
    told = await reply.json()
    for one in told.get("sensors", []):
        one["findings"] = [finding]
    await route.fulfill(response=reply, json=told)  # type: ignore[attr-defined]


async def test_live_samples_are_drawn_and_a_lost_link_is_told(
    page: Page, gym: Served, plug: Plug
) -> None:
    await enter(page, gym, f"sensor/{PLUG}")
    await expect(page.locator("#live .said")).to_contain_text("power_w: 2")
    await expect(page.locator("#live canvas")).to_be_visible()
    plug.watts = 80.0
    await expect(page.locator("#live .said")).to_contain_text("power_w: 80")
    await page.get_by_text("The newest samples as numbers").click()
    await expect(page.locator("#live tbody tr")).to_have_count(20)
    await gym.server.stop()
    await expect(page.locator("#live .link")).to_contain_text("No data since", timeout=9000)
    await expect(page.locator("#notice")).to_contain_text("No connection", timeout=9000)


async def test_plain_http_by_a_name_is_enough(page: Page, gym: Served, plug: Plug) -> None:
    await page.goto(f"http://gym.local:{gym.server.port}/technician#sensor/{PLUG}")
    assert not await page.evaluate("window.isSecureContext")
    await show(page, await gym.key("technician"))
    await expect(page.locator("#live .said")).to_contain_text(f"power_w: {plug.watts:.0f}")


async def test_a_stream_that_ends_is_opened_again(
    page: Page, gym: Served, plug: Plug, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "LASTS", 0.3)
    await enter(page, gym, f"sensor/{PLUG}")
    await expect(page.locator("#live .said")).to_contain_text("power_w: 2")
    await asyncio.sleep(1)
    plug.watts = 50.0
    await expect(page.locator("#live .said")).to_contain_text("power_w: 50", timeout=9000)
    await expect(page.locator("#live .link")).to_be_empty()


async def test_a_sensor_is_taught_applied_and_taken_back(
    page: Page, gym: Served, plug: Plug
) -> None:
    await enter(page, gym, f"sensor/{PLUG}")
    await page.evaluate("document.querySelector('.seconds').options[0].value = '2'")
    await page.get_by_label("Record for").select_option("2")
    for watts, phase in ((2.0, "Empty"), (80.0, "In use")):
        plug.watts = watts
        await page.get_by_role("button", name=f"Record: {phase}").click()
        await expect(page.get_by_role("group", name=phase)).to_contain_text("samples", timeout=9000)
        done = page.get_by_role("button", name=f"Record: {phase}")
        await expect(done).to_be_enabled(timeout=9000)
    await page.get_by_role("button", name="Find thresholds").click()
    await expect(page.locator(".found")).to_contain_text("standard deviations apart")
    await expect(page.locator(".found")).to_contain_text("Under this")
    await expect(page.locator(".legend")).to_contain_text("not applied yet")
    await page.get_by_label("Why").fill("after the move")
    await page.get_by_role("button", name="Apply").click()
    await expect(page.locator("#versions")).to_contain_text("after the move")
    assert gym.hearings[PLUG].version == 1
    await expect(page.locator(".legend")).to_contain_text("threshold")
    await expect(page.locator("#live .said")).to_contain_text("Active")
    await page.get_by_role("button", name="Let its own word count").click()
    await expect(page.locator("#versions")).to_contain_text("Version 2 counts from now on.")
    await page.get_by_role("button", name="Restore version 1").click()
    await expect(page.locator("#versions")).to_contain_text("Version 3 counts from now on.")
    assert gym.hearings[PLUG].verdicts is not None


@pytest.mark.usefixtures("plug")
async def test_what_a_colleague_records_can_be_chosen_once_it_is_complete(
    page: Page, gym: Served
) -> None:
    secret = await gym.key("technician")
    path, key = f"/sensors/{PLUG}/recordings", f"Bearer {secret}"
    assert (await gym.call("POST", path, {"seconds": 2}, Authorization=key)).status == 201
    await enter(page, gym, f"sensor/{PLUG}")
    await expect(page.get_by_label("Recording to use: Empty").locator("option")).to_have_count(2)


@pytest.mark.usefixtures("plug")
async def test_a_recording_that_went_with_the_gateway_is_told(page: Page, gym: Served) -> None:
    await enter(page, gym, f"sensor/{PLUG}")
    await page.get_by_role("button", name="Record: Empty").click()
    await expect(page.get_by_label("Recording: Empty")).to_be_visible()
    gym.recordings._known.clear()
    await expect(page.locator('[data-phase="empty"]')).to_contain_text("This recording is gone")


async def test_without_a_recording_it_says_what_to_do(page: Page, gym: Served) -> None:
    await enter(page, gym, f"sensor/{PLUG}")
    await page.get_by_role("button", name="Find thresholds").click()
    await expect(page.locator("#teach")).to_contain_text("Record the empty machine first.")
    assert gym.hearings[PLUG].version is None


async def test_a_machine_goes_out_of_service_and_comes_back(page: Page, gym: Served) -> None:
    await enter(page, gym, "machines")
    bench = page.locator('[data-machine="bench-01"]')
    await bench.get_by_role("button", name="Take out of service").click()
    await expect(bench.get_by_label("Note")).to_be_focused()
    await page.keyboard.type("The cable is torn.")
    await bench.get_by_role("button", name="Save").click()
    await expect(bench).to_contain_text("Out of service")
    audit = await gym.locally("GET", "/admin/audit")
    assert "The cable is torn." in str(audit)
    await bench.get_by_role("button", name="Back in service").press("Enter")
    await bench.get_by_role("button", name="Save").press("Enter")
    await expect(bench.locator(".state")).to_have_text("Free")


async def test_new_events_appear_by_themselves(page: Page, gym: Served) -> None:
    await enter(page, gym, "events")
    rows = page.locator("#events tbody tr")
    await expect(rows).to_have_count(2)
    gym.publish("leg-press-02", Status.OCCUPIED)
    await expect(rows).to_have_count(3)
    await expect(rows.first).to_contain_text("Leg press 02")


async def test_ports_and_what_is_wrong_are_told(page: Page, gym: Served) -> None:
    port = {"id": "east", "kind": "serial", "state": "down", "since": time.time()}
    ports = [port | {"problem": "no such device", "dropped": {"bad_crc": 2}}]
    details = {"ports": ports, "upstream": {"waiting": 12}}
    parts = {"east": "plug it in"}
    gym.health = replace(gym.health, degraded=True, parts=parts, details=details)
    await enter(page, gym, "health")
    for text in ("Something is missing", "plug it in", "✕ down", "bad crc 2", "Upstream", "12"):
        await expect(page.locator("#health")).to_contain_text(text)


async def test_what_waits_for_the_chain_is_told_in_its_own_words(page: Page, gym: Served) -> None:
    details = {"upstream": {"link": "down", "waiting": 12, "dropped": 3, "another": 1}}
    gym.health = replace(gym.health, parts={"upstream": "no broker"}, details=details)
    await enter(page, gym, "health")
    told = ("Line✕ down", "Waiting to be sent12", "Dropped3", "another1")
    for text in told:
        await expect(page.locator("#health")).to_contain_text(text)


async def test_of_a_sensor_without_levels_its_word_is_drawn_and_nothing_is_taught(
    page: Page, gym: Served
) -> None:
    now, hearing = time.monotonic(), gym.hearings["bench-01"]
    hearing.last, hearing.last_heard = Sample(active=True), now
    async with page.expect_response("**/sensors/bench-01/samples"):
        await enter(page, gym, "sensor/bench-01")
    gym.samples.add("bench-01", hearing.last, now)
    await expect(page.locator("#live .value")).to_have_text("Active: 1")
    await expect(page.locator("#teach")).to_contain_text("nothing to calibrate")
    await expect(page.get_by_role("button", name="Find thresholds")).to_be_hidden()


async def test_a_revoked_key_is_dropped_and_all_it_showed_is_gone(
    page: Page, gym: Served, plug: Plug
) -> None:
    await enter(page, gym, f"sensor/{PLUG}")
    await expect(page.locator("#live .said")).to_contain_text(f"power_w: {plug.watts:.0f}")
    (known,) = (await gym.locally("GET", "/admin/keys"))["keys"]
    await gym.locally("DELETE", f"/admin/keys/{known['id']}")
    await expect(page.get_by_role("alert")).to_contain_text("not good any more", timeout=9000)
    await expect(page.locator("#sensor")).to_be_hidden()
    await expect(page.locator("[data-sensor]")).to_have_count(0)
    assert await page.evaluate("localStorage.length + sessionStorage.length") == 0


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
async def test_names_are_text_and_nothing_is_wider_than_a_small_phone(
    page: Page, gym: Served
) -> None:
    for name, view in gym.model.views.items():
        gym.model.views[name] = replace(view, name=NASTY)
    for size in (SMALL, PHONE):
        await page.set_viewport_size(size)
        for shown in ("sensors", f"sensor/{PLUG}", "machines", "health", "events"):
            await page.goto(f"{gym.url}/technician#{shown}")
            if await page.locator("#door").is_visible():
                await show(page, await gym.key("technician"))
            await expect(page.locator(f"#{shown.partition('/')[0]}")).to_be_visible()
            await page.wait_for_timeout(300)
            width = await page.evaluate("document.documentElement.scrollWidth")
            assert width <= size["width"], shown
    assert await page.locator("main img").count() == 0
    await expect(page.locator('#machines [data-machine="bench-01"] .name')).to_have_text(NASTY)


async def test_every_control_has_a_name_and_a_keyboard_is_enough(
    page: Page, gym: Served, plug: Plug
) -> None:
    await enter(page, gym, f"sensor/{PLUG}")
    await expect(page.locator("#live .said")).to_contain_text(f"power_w: {plug.watts:.0f}")
    for control in await page.locator("input, textarea, select").all():
        named = "node => node.labels.length + Boolean(node.getAttribute('aria-label'))"
        assert await control.evaluate(named) >= 1
    await page.get_by_role("link", name="Machines").press("Enter")
    await expect(page.get_by_role("heading", name="Machines")).to_be_focused()
    await expect(page).to_have_title("Machines · Technician")


async def test_the_page_speaks_its_readers_language(page: Page, gym: Served) -> None:
    await page.get_by_role("link", name="繁體中文").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("技術員")
    await page.get_by_label("技術員金鑰").fill(await gym.key("technician"))
    await page.keyboard.press("Enter")
    await expect(page.locator("#sensors .counted")).to_contain_text("4 個感應器")
