"""Clients that others wrote: a browser, a Node program, curl, Home Assistant."""

import asyncio
import json
import os
import shutil
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.core.events import Status
from tests.integration.served import PATIENCE, Served, serving, settled, viewers

ROOT = Path(__file__).parents[2]
NODE_MODULES = Path(os.environ.get("NODE_PATH") or ROOT / ".venv/node/node_modules")
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
FOLLOW = """
() => {
    window.heard = [];
    const source = new EventSource('/stream');
    for (const kind of ['snapshot', 'machine_update', 'reset']) {
        source.addEventListener(kind, said => window.heard.push([kind, said.lastEventId]));
    }
}
"""
NODE = """
const { WebSocket } = require('ws');
const socket = new WebSocket(process.argv[1]);
const tell = said => console.log(JSON.stringify(said));
socket.on('open', () => {
    socket.ping();
    socket.send(JSON.stringify({ action: 'subscribe', category: 'legs' }));
});
socket.on('pong', () => tell({ type: 'websocket_pong' }));
socket.on('message', (data, binary) => {
    const said = JSON.parse(data);
    for (const one of said.type === 'batch' ? said.messages : [said]) tell(one);
});
socket.on('close', code => tell({ type: 'close', code }));
"""


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


@asynccontextmanager
async def program(*command: str, **environment: str) -> AsyncIterator[Process]:
    env = os.environ | environment
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, env=env)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line(process: Process) -> bytes:
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        return await process.stdout.readline()


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl: apt-get install curl")
async def test_curl_shows_each_event_as_it_comes(api: Served) -> None:
    async with program("curl", "-sN", f"{api.url}/stream?machines=bench-01") as curl:
        assert (await line(curl)).startswith(b"retry: ")
        while await line(curl) != b"event: snapshot\n":
            pass
        await settled(lambda: viewers(api))
        api.publish("bench-01")
        while await line(curl) != b"event: machine_update\n":
            pass
        assert await line(curl) == b"id: e1-1\n"
        assert json.loads((await line(curl)).removeprefix(b"data: "))["machineId"] == "bench-01"


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node: apt-get install nodejs npm")
@pytest.mark.skipif(
    not (NODE_MODULES / "ws").is_dir(), reason=f"no ws in {NODE_MODULES}: run tests/install.sh"
)
async def test_a_node_program_subscribes_and_is_told_good_bye(api: Served) -> None:
    url = f"ws://127.0.0.1:{api.server.port}/ws"
    async with program("node", "-e", NODE, url, NODE_PATH=str(NODE_MODULES)) as node:

        async def told() -> Any:
            return json.loads(await line(node))

        first = [await told(), await told()]
        assert {said["type"] for said in first} == {"websocket_pong", "snapshot"}
        for name in ("bench-01", "leg-press-01", "leg-press-02"):
            api.publish(name)
        assert [(await told())["machineId"] for _ in range(2)] == ["leg-press-01", "leg-press-02"]
        await api.server.stop()
        assert await told() == {"type": "close", "code": 1001}


@pytest.mark.skipif(not CHROMIUM.exists(), reason="no browser: apt-get install chromium")
async def test_a_browsers_event_source_resumes_by_itself_and_misses_nothing(api: Served) -> None:
    playwright = pytest.importorskip("playwright.async_api", reason="pip install '.[test]'")
    async with playwright.async_playwright() as player:
        browser = await player.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = await browser.new_page()
        await page.goto(f"{api.url}/health/live")
        await page.evaluate(FOLLOW)
        await settled(lambda: viewers(api))
        api.publish("bench-01")
        await hear(page, 2)
        viewers(api)[0].cut()
        api.publish("leg-press-01")
        api.publish("leg-press-02")
        await hear(page, 4)
        api.publish("bench-01", Status.OCCUPIED)
        heard = await hear(page, 5)
        await browser.close()
    assert heard == [["snapshot", "e1-0"], *(["machine_update", f"e1-{n}"] for n in range(1, 5))]


async def hear(page: Any, count: int) -> Any:
    """What the page heard, once it is so much; its policy forbids it to look by itself."""
    async with asyncio.timeout(PATIENCE):
        while len(heard := await page.evaluate("heard")) < count:
            await asyncio.sleep(0.02)
    return heard


async def test_home_assistants_rest_sensor_reads_a_machine(api: Served) -> None:
    """`platform: rest`, `value_template: "{{ value_json.status }}"`, with a key as it documents."""
    key = await api.key("kiosk")
    headers = {
        "Accept": "*/*",
        "Accept-Encoding": "gzip, deflate, br",
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "User-Agent": "HomeAssistant/2024.3.0 httpx/0.27.0 Python/3.12",
    }
    for status in (Status.OCCUPIED, Status.FREE):
        api.publish("bench-01", status)
        async with api.client.get(api.url + "/machines/bench-01", headers=headers) as reply:
            value_json = await reply.json()
        assert (reply.status, reply.content_type) == (200, "application/json")
        assert value_json["status"] == status
        assert {"lastChange", "category", "name"} <= value_json.keys()  # for json_attributes
