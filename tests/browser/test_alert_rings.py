"""From a sensor's word to a ring in a real browser: broker, gateway, store, stream, page."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install '.[test]'")
from playwright.async_api import async_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))
from tests.browser.test_page import CHROMIUM, FLAGS
from tests.process import GatewayProcess, gateway, native_config

CONFIG = native_config(
    1,
    occupancy="busy_after = 0\nfree_after = 0",
    extra="[alerts]\nsettle = 0.2",
)
WAIT = """
async () => {
    await fetch('/members', { method: 'POST' });
    const asked = await fetch('/alerts', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ machineId: 'm000', expiresIn: 3600 }),
    });
    window.rings = [];
    const source = new EventSource('/stream');
    source.addEventListener('alert', said => window.rings.push(JSON.parse(said.data)));
    await new Promise(opened => source.addEventListener('snapshot', opened));
    return await asked.json();
}
"""
SEEN = "id => fetch(`/alerts/${id}/seen`, { method: 'POST' }).then(reply => reply.status)"
RANG = "count => window.rings.length >= count"

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}: apt-get install chromium"
)


def say(process: GatewayProcess, *, occupied: bool) -> None:
    process.publish("m000", occupied=occupied)
    process.wait_status("m000", "occupied" if occupied else "free")


async def test_a_page_rings_when_the_machine_becomes_free_and_again_after_a_kill(
    tmp_path: Path,
) -> None:
    with gateway(tmp_path, CONFIG) as process:
        process.wait_port_up()
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
            page = await browser.new_page()
            await page.goto(f"http://127.0.0.1:{process.port}/")
            say(process, occupied=True)
            alert = (await page.evaluate(WAIT))["alertId"]
            say(process, occupied=False)
            await page.wait_for_function(RANG, arg=1, timeout=15_000)
            process.kill()
            process.start()
            await page.wait_for_function(RANG, arg=2, timeout=30_000)  # the same, unconfirmed
            rings = await page.evaluate("window.rings")
            assert [(ring["alertId"], ring["machineId"]) for ring in rings] == [(alert, "m000")] * 2
            assert rings[0] == rings[1]
            assert await page.evaluate(SEEN, alert) == 204
            await browser.close()
