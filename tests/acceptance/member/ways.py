"""The ways of a member, from the sticker on a machine to the ring; whatever happens in between."""

import asyncio
import re
import time

from playwright.async_api import Page, Worker, expect

from tests.acceptance.member.gym import (
    NAME,
    NTFY,
    PATIENCE,
    TONES,
    Phone,
    branch,
    is_rung,
    phone,
    see,
    wait_for,
)
from tests.acceptance.member.push_service import Deliveries, PushService, push_service
from tests.acceptance.member.wifi import wifi
from tests.process import GatewayProcess

TABS = 7
NOTICED = 50_000  # ms: where nobody tells the browser, two heartbeats are missed, and then 3 s more
PLAIN = """
() => [isSecureContext, "serviceWorker" in navigator, Boolean(navigator.locks),
       globalThis.Notification?.permission === "granted"]
"""
TOLD = "async () => (await self.registration.getNotifications()).map(one => [one.title, one.body])"
CLICK = """
async () => {
    const [notification] = await self.registration.getNotifications();
    self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
}
"""


LATE = """
const { request } = LockManager.prototype;
LockManager.prototype.request = async function (name, options, act) {
    if (options.steal) await new Promise((done) => setTimeout(done, 2000));
    return request.call(this, name, options, act);
};
"""


DEAF = """
Math.random = () => 0.999;
const heard = Object.getOwnPropertyDescriptor(BroadcastChannel.prototype, "onmessage");
Object.defineProperty(BroadcastChannel.prototype, "onmessage", { set(act) {
    const late = this.name.startsWith("live") ? 1000 : 0;
    heard.set.call(this, (event) => setTimeout(act, late, event));
} });
"""


async def simply(process: GatewayProcess, seed: int, host: str = "localhost") -> None:
    """Sticker, tell me, free, rung, seen."""
    async with phone(process, seed, host) as member:
        await walk(member)


async def restarted(process: GatewayProcess, seed: int) -> None:
    """The gateway is killed while the member waits."""
    async with phone(process, seed) as member:
        await walk(member, restarts=1)


async def walk(member: Phone, restarts: int = 0) -> None:
    """One ring, by one page."""
    machine = member.some_machine()
    await member.say(machine, occupied=True)
    page = await member.sticker(machine)
    await wait_for(page)
    for _ in range(restarts):
        await member.dawdle()
        await member.restart()
    await member.dawdle()
    await member.say(machine, occupied=False)
    await is_rung(page, _name(machine))
    await see(page)


async def cut_off(
    process: GatewayProcess, seed: int, seconds: float = 60.0, *, knows: bool = True
) -> None:
    """The Wi-Fi is gone over the moment when the machine becomes free.

    The browser is told of it, or it `knows` nothing: then its page must find out by the silence.
    """
    async with wifi(process.port) as air, phone(process, seed, port=air.port) as member:
        machine = member.some_machine()
        await member.say(machine, occupied=True)
        page = await member.sticker(machine)
        await wait_for(page)
        began = time.monotonic()
        air.cut()
        await member.context.set_offline(knows)
        told = page.locator("#notice")
        await expect(told).to_contain_text("No connection, data from", timeout=NOTICED)
        await member.say(machine, occupied=False)
        await asyncio.sleep(seconds - (time.monotonic() - began))
        await expect(page.locator("#word")).to_have_text("In use")  # as of then, and marked so
        await expect(page.locator("body.old")).to_be_attached()
        air.mend()
        await member.context.set_offline(False)
        await is_rung(page, _name(machine))
        await expect(page.locator("#notice")).to_be_hidden()
        await see(page)


async def many_tabs(process: GatewayProcess, seed: int, host: str = "localhost") -> None:
    """One stream, one sound, seven tabs that are true; also when the one that leads has gone."""
    async with phone(process, seed, host) as member:
        machine, other = "m000", "m001"
        await member.say(machine, occupied=True)
        await member.say(other, occupied=True)
        tabs = [await member.sticker(machine)]
        await wait_for(tabs[0])
        for number in range(1, TABS):
            tabs.append(await member.page("/" if number % 2 else f"/m/{machine}"))
            await tabs[-1].locator("#mine li, #quiet").first.wait_for()
            await tabs[-1].locator("h1").click()  # it may sound from now on
        await _one_stream(member)
        await member.say(machine, occupied=False)
        await _all_show(tabs, machine, "free")
        for page in tabs:
            await page.wait_for_function("() => document.title.startsWith('🔔')")
        heard = await _heard(tabs)
        assert heard == (TONES, 1), heard
        for gone in ("closed", "crashed"):
            await _leader_goes(tabs, crashes=gone == "crashed" and host == "localhost")
            await _one_stream(member)
            await member.say(machine, occupied=gone == "closed")
            await _all_show(tabs, machine, "occupied" if gone == "closed" else "free")


async def slow_tab(process: GatewayProcess, seed: int) -> None:
    """One takes the lead so slowly that another has it by then; who leads in the end crashes."""
    async with phone(process, seed) as member:
        tabs = [await member.page("/"), await member.context.new_page()]
        await tabs[1].add_init_script(LATE)
        await tabs[1].goto(member.url)
        tabs.append(await member.page("/"))
        await asyncio.sleep(3)  # until the slow one is through
        await _one_stream(member)
        await _leader_goes(tabs, crashes=True)
        await _one_stream(member)


async def slow_ears(process: GatewayProcess, seed: int) -> None:
    """One tab hears of the ring when another has sounded; by its bid it would sound rather."""
    async with phone(process, seed) as member:
        machine = member.some_machine()
        await member.say(machine, occupied=True)
        page = await member.sticker(machine)
        await wait_for(page)
        slow = await member.context.new_page()
        await slow.add_init_script(DEAF)
        await slow.goto(member.url)
        tabs = [page, slow, await member.page("/")]
        for tab in tabs[1:]:
            await tab.locator("#mine li").first.wait_for()
            await tab.locator("h1").click()  # it may sound from now on
        await _one_stream(member)
        await member.say(machine, occupied=False)
        for tab in tabs:
            await tab.wait_for_function("() => document.title.startsWith('🔔')")
        heard = await _heard(tabs)
        assert heard[0] == TONES, heard


async def plain_http(process: GatewayProcess, seed: int) -> None:
    """No secure context: the page does what it can, offers ntfy, and says why."""
    async with phone(process, seed, NAME) as member:
        machine = member.some_machine()
        await member.say(machine, occupied=True)
        page = await member.sticker(machine)
        assert await page.evaluate(PLAIN) == [False, False, False, False]
        await wait_for(page)
        await expect(page.locator("#locked")).to_contain_text("no page ring a locked phone")
        await page.get_by_role("button", name="Ring my phone when it is locked, too").click()
        link = page.get_by_role("link", name="Open the ntfy app")
        topic = NTFY.replace("https", "ntfy")
        await expect(link).to_have_attribute("href", _starting(topic))
        await member.say(machine, occupied=False)
        await is_rung(page, _name(machine))
        await see(page)


async def pushed(seed: int) -> None:
    """Secure, the page closed: the worker shows what was pushed, a tap on it opens the machine."""
    async with push_service() as service:
        with branch(service.host) as process:
            async with phone(process, seed, permissions=["notifications"]) as member:
                await member.context.add_init_script(service.script)
                await _pushed(member, service)


async def _pushed(member: Phone, service: PushService) -> None:
    machine = member.some_machine()
    await member.say(machine, occupied=True)
    page = await member.sticker(machine)
    await wait_for(page)
    await page.get_by_role("button", name="Ring my phone when it is locked, too").click()
    await expect(page.locator("#tell-me p")).to_contain_text("also while it is locked")
    elsewhere = await member.context.new_page()
    await page.close()
    deliveries = await Deliveries.to(elsewhere, f"{member.url}/")
    await member.say(machine, occupied=False)
    await deliveries.deliver(await service.next())
    worker = await _worker(member)
    assert await _told(worker) == [
        [f"\u2068{_name(machine)}\u2069 is free", "You are the first to know."]
    ]
    home = await member.page("/")
    await worker.evaluate(CLICK)
    await home.wait_for_url(f"**/m/{machine}")
    assert await worker.evaluate(TOLD) == []


async def _worker(member: Phone) -> Worker:
    found = member.context.service_workers
    return found[0] if found else await member.context.wait_for_event("serviceworker")


async def _told(worker: Worker) -> list[list[str]]:
    """(title, text) of what stands on the lock screen."""
    end, found = time.monotonic() + PATIENCE / 1000, list[list[str]]()
    while not found and time.monotonic() < end:
        await asyncio.sleep(0.1)
        found = await worker.evaluate(TOLD)
    return found


async def _one_stream(member: Phone) -> None:
    """Soon, and then for a second on end: two tabs may take over at the same moment."""
    seen = 0
    async with asyncio.timeout(PATIENCE / 1000):
        while seen < 10:
            seen = seen + 1 if await asyncio.to_thread(member.streams) == 1 else 0
            await asyncio.sleep(0.1)


async def _all_show(tabs: list[Page], machine: str, status: str) -> None:
    row = f'[data-machine="{machine}"][data-status="{status}"]'
    own = f'[data-machine="{machine}"] li[data-status="{status}"]'
    for page in tabs:
        await page.locator(f"{row}, {own}").first.wait_for(timeout=PATIENCE)


async def _heard(tabs: list[Page]) -> tuple[int, int]:
    """(tones, vibrations) of all of them."""
    await asyncio.sleep(1)  # one that is late is heard too
    heard = [await page.evaluate("[window.sounded, window.vibrated]") for page in tabs]
    return sum(tones for tones, _ in heard), sum(shakes for _, shakes in heard)


async def _leader_goes(tabs: list[Page], *, crashes: bool) -> None:
    leads = [await page.evaluate("window.streams.size") for page in tabs]
    assert sum(leads) == 1, leads
    leader = tabs.pop(leads.index(1))
    if not crashes:
        await leader.close()
        return
    cdp = await leader.context.new_cdp_session(leader)
    crash = asyncio.create_task(cdp.send("Page.crash"))
    await leader.wait_for_event("crash")
    crash.cancel()


def _name(machine: str) -> str:
    return f"Machine {int(machine[1:])}"


def _starting(text: str) -> re.Pattern[str]:
    return re.compile(f"^{re.escape(text)}/.+")
