"""Every page that people see, in every language and theme, in a real browser."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from tests.acceptance.pages.branches import machines
from tests.process import GatewayProcess

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LOCALES = {"en": "en-GB", "zh-Hant": "zh-HK"}  # a language of ours → a browser's
THEMES = ("light", "dark")
WITHIN = 15_000  # ms until a page stands
OPENED = 6  # of what can be unfolded: all of the documentation would take minutes
STANDS = (
    "() => !document.querySelector('[aria-busy=\"true\"]') && document.fonts.status === 'loaded'"
)
UNFOLD = """
most => [...document.querySelectorAll("details")].slice(0, most).forEach(one => one.open = true)
"""


@dataclass(frozen=True)
class View:
    """A page as it is asked for."""

    name: str
    path: str
    status: int = 200
    on_a_wall: bool = False
    """Its one screen must do, and its address says the language: it has no reader of its own."""


VIEWS = (
    View("phone", "/"),
    View("machine", "/m/{machine}"),
    View("nowhere", "/m/nowhere-01", status=404),
    View("kiosk", "/kiosk", on_a_wall=True),
    View("technician", "/technician"),
    View("docs", "/docs"),
)


@dataclass(frozen=True)
class Manner:
    """How it is looked at."""

    language: str = "en"
    theme: str = "light"
    width: int = 390
    height: int = 844

    def __str__(self) -> str:
        return f"{self.language} {self.theme} {self.width}x{self.height}"


def named(name: str) -> View:
    """The one that is called so."""
    return next(view for view in VIEWS if view.name == name)


def served(process: GatewayProcess, *names: str) -> Iterator[View]:
    """Those that this gateway has, of all or of some; a line for each that it has not."""
    for view in VIEWS:
        if names and view.name not in names:
            continue
        status, page = process.local_page(path_of(process, view))
        if status == view.status and "<body" in page:
            yield view
        else:
            what = f"{status}" if status != view.status else "an empty page"
            print(f"SKIPPED {view.name}: {view.path} answers {what}", flush=True)


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def opened(
    browser: Browser, process: GatewayProcess, view: View, manner: Manner
) -> AsyncIterator[Page]:
    """The page, standing, some of it unfolded."""
    async with looking(browser, f"http://127.0.0.1:{process.port}", manner) as page:
        asked = f"?lang={manner.language}" if view.on_a_wall else ""
        await stand(page, path_of(process, view) + asked)
        yield page


@asynccontextmanager
async def looking(browser: Browser, url: str, manner: Manner) -> AsyncIterator[Page]:
    """An empty page of a browser that nobody has used before."""
    context = await browser.new_context(
        base_url=url,
        viewport=ViewportSize(width=manner.width, height=manner.height),
        locale=LOCALES[manner.language],
        color_scheme="dark" if manner.theme == "dark" else "light",
        reduced_motion="reduce",  # what is half faded in has half the contrast
    )
    try:
        yield await context.new_page()
    finally:
        await context.close()


async def stand(page: Page, path: str) -> None:
    """Go there; wait until it shows what it has, and unfold some of it."""
    await page.goto(path)
    await page.wait_for_function(STANDS, timeout=WITHIN)
    await page.evaluate(UNFOLD, OPENED)
    await page.wait_for_timeout(400)  # its stream, and what it asks for besides


def path_of(process: GatewayProcess, view: View) -> str:
    """Of a machine that is occupied, if any: its page has the most to say; else of the first."""
    if "{machine}" not in view.path:
        return view.path
    found = min(machines(process), key=lambda one: one["status"] != "occupied")
    return view.path.format(machine=found["machineId"])
