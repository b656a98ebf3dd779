"""The chain's other branches on the phone's page: as old as they are, silent where they are."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install '.[test]'")
from playwright.async_api import Page, expect

from gateway.core.events import Status
from gateway.readmodel import BranchView, CategoryView
from tests.acceptance.pages.visits import CHROMIUM, Manner, browsing, looking
from tests.integration.memory_model import GYM, MemoryModel
from tests.integration.served import MACHINES, Served, serving

HOUR = 3600.0  # seconds
pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}: apt-get install chromium"
)


class Chain(MemoryModel):
    """Our branch, and what it heard of others."""

    def __init__(self) -> None:
        super().__init__(MACHINES)
        self.open = True
        self.others: dict[str, BranchView] = {}

    def branches(self) -> tuple[BranchView, ...]:
        return (self.branch(GYM), *self.others.values())

    def branch(self, gym: str) -> BranchView:
        return replace(super().branch(gym), open=self.open)

    def hear(self, name: str, ago: float, **counts: int) -> None:
        found = {status: counts.get(status.value, 0) for status in Status}
        categories = (CategoryView("legs", "Legs", found),)
        zone, as_of = "Asia/Hong_Kong", self.now - ago
        self.others[name] = BranchView(
            name, name, None, None, zone, True, "remote", as_of, categories
        )


@pytest.fixture
def model() -> Chain:
    chain = Chain()
    chain.hear("Wan Chai", 30, free=3, occupied=5)
    chain.hear("Sha Tin", 5 * HOUR, unknown=8)
    chain.hear("Tai Po", chain.now, unknown=8)
    return chain


@pytest.fixture
async def gym(model: Chain) -> AsyncIterator[Served]:
    async with serving(model) as served:
        yield served


@pytest.fixture
async def page(gym: Served) -> AsyncIterator[Page]:
    async with browsing() as browser, looking(browser, gym.url, Manner()) as page:
        await page.clock.install()
        await page.goto("/")
        yield page


async def test_a_branch_that_is_silent_is_not_said_to_be_full(page: Page) -> None:
    others = page.get_by_role("region", name="Other branches").get_by_role("listitem")
    await expect(others.filter(has_text="Wan Chai")).to_contain_text("3 of 8 free, as of")
    await expect(others.filter(has_text="Sha Tin")).to_contain_text("No word from it for 5 hr")
    await expect(others.filter(has_text="Tai Po")).to_contain_text("Nothing is known of it now")


async def test_who_looks_at_the_others_sees_them_as_they_are_a_minute_later(
    page: Page, model: Chain, gym: Served
) -> None:
    others = page.get_by_role("region", name="Other branches")
    await others.scroll_into_view_if_needed()
    await expect(others).to_contain_text("3 of 8 free")
    model.hear("Wan Chai", 0, free=4, occupied=4)
    gym.publish("bench-01")  # a reply is ready until the next event
    await page.clock.run_for(60_000)
    await expect(others).to_contain_text("4 of 8 free")


async def test_a_gym_that_is_closed_says_so_first(page: Page, model: Chain, gym: Served) -> None:
    model.open = False
    gym.publish("leg-press-01")
    await page.reload()
    await expect(page.locator("#summary")).to_have_text("The gym is closed now.")
    model.clock_is_right = False
    gym.publish("leg-press-01", Status.OCCUPIED)
    await page.reload()
    await expect(page.locator("#summary")).to_have_text("0 free of 4")


async def test_a_machine_that_was_renamed_is_called_so(page: Page, gym: Served) -> None:
    await expect(page.get_by_role("link", name="Bench 01")).to_be_visible()
    view = gym.model.views["bench-01"]
    gym.model.views["bench-01"] = replace(view, name="The new bench")
    gym.server.reset_streams("reload")
    await expect(page.get_by_role("link", name="The new bench")).to_be_visible()
