"""A member's way at a real gateway with its broker: sticker, tell me, free, rung, seen.

The campaign, with a minute without Wi-Fi, is `python -m tests.acceptance.member`.
"""

from collections.abc import Iterator

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install '.[test]'")
from tests.acceptance.member import ways
from tests.acceptance.member.gym import NAME, branch
from tests.acceptance.pages.visits import CHROMIUM
from tests.process import GatewayProcess

SEED = 1
pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}: apt-get install chromium"
)


@pytest.fixture(scope="module")
def gym() -> Iterator[GatewayProcess]:
    with branch() as process:
        yield process


@pytest.mark.parametrize("seed", [SEED, SEED + 1])
async def test_who_waits_is_rung_through_a_restart_of_the_gateway(
    gym: GatewayProcess, seed: int
) -> None:
    await ways.restarted(gym, seed)


async def test_what_became_free_without_wifi_rings_when_it_is_back(gym: GatewayProcess) -> None:
    await ways.cut_off(gym, SEED, seconds=6)


async def test_seven_tabs_have_one_stream_and_one_sound(gym: GatewayProcess) -> None:
    await ways.many_tabs(gym, SEED)


async def test_a_tab_that_crashed_is_followed_though_another_was_slow(gym: GatewayProcess) -> None:
    await ways.slow_tab(gym, SEED)


async def test_a_tab_that_hears_late_of_a_ring_sounds_not_again(gym: GatewayProcess) -> None:
    await ways.slow_ears(gym, SEED)


async def test_so_have_tabs_over_plain_http(gym: GatewayProcess) -> None:
    await ways.many_tabs(gym, SEED, NAME)


async def test_plain_http_by_a_name_rings_and_offers_ntfy(gym: GatewayProcess) -> None:
    await ways.plain_http(gym, SEED)


async def test_a_push_is_shown_by_the_worker_and_leads_to_the_machine() -> None:
    await ways.pushed(SEED)
