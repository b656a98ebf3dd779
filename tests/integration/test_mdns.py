"""The branch's address on the LAN, asked for as phones do; multicast on loopback only."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

pytest.importorskip("zeroconf", reason="zeroconf is not installed: pip install '.[test]'")
from zeroconf._services.info import AddressResolverIPv4
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from config.sections import Branch, Config, Http
from gateway.app.announcing import announcing
from gateway.ports import mdns

LOOPBACK = ["127.0.0.1"]
KIND = "_http._tcp.local."


@pytest.fixture
async def phone() -> AsyncIterator[AsyncZeroconf]:
    asked = AsyncZeroconf(interfaces=LOOPBACK)
    yield asked
    await asked.async_close()


@pytest.fixture
async def addresses() -> AsyncIterator[list[str]]:
    """What a running announcement tells; it looks at them anew."""
    found = ["192.0.2.7"]
    announcement = mdns.Announcement("Central", "http://gym.local:8080/", lambda: found, LOOPBACK)
    task = asyncio.create_task(announcement.run())
    yield found
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def resolved(phone: AsyncZeroconf) -> AsyncServiceInfo:
    info = AsyncServiceInfo(KIND, f"Central.{KIND}")
    assert await info.async_request(phone.zeroconf, 9000)
    return info


async def test_the_name_of_public_url_is_found(phone: AsyncZeroconf, addresses: list[str]) -> None:
    await resolved(phone)
    name = AddressResolverIPv4("gym.local.")
    assert await name.async_request(phone.zeroconf, 9000)
    assert name.parsed_addresses() == addresses


async def test_the_branch_is_in_lists_of_services(
    phone: AsyncZeroconf, addresses: list[str]
) -> None:
    info = await resolved(phone)
    assert (info.server, info.port, info.decoded_properties) == ("gym.local.", 8080, {"path": "/"})
    assert info.parsed_addresses() == addresses


async def test_another_lease_is_told(
    phone: AsyncZeroconf, addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mdns, "LOOKS", 0.1)
    await resolved(phone)
    addresses[:] = ["192.0.2.8"]
    async with asyncio.timeout(9):
        while (await resolved(phone)).parsed_addresses() != ["192.0.2.8"]:
            await asyncio.sleep(0.1)


async def test_without_a_network_it_waits_for_one(
    phone: AsyncZeroconf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mdns, "LOOKS", 0.1)
    interfaces = ["192.0.2.99"]
    announcement = mdns.Announcement("Central", "http://gym.local", lambda: LOOPBACK, interfaces)
    task = asyncio.create_task(announcement.run())
    await asyncio.sleep(0.3)
    interfaces[:] = LOOPBACK
    await resolved(phone)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert "cannot be announced by mDNS" in caplog.text


@pytest.mark.parametrize(
    ("url", "host", "is_told"),
    [
        ("http://gym.local:8080", "0.0.0.0", True),
        ("https://gym.local", "192.0.2.7", True),
        ("http://gym.example.org", "0.0.0.0", False),
        ("http://gym.local:8080", "127.0.0.1", False),
    ],
)
def test_only_a_local_name_that_others_can_reach_is_announced(
    url: str, host: str, is_told: bool
) -> None:
    branch = Branch(id="hk-central", name="Central", public_url=url)
    found = announcing(Config(branch=branch, http=Http(host=host)))
    assert (found is not None) == is_told


def test_a_long_name_of_a_branch_is_cut_to_what_a_service_may_be_called() -> None:
    info = mdns.Announcement("場" * 40, "http://gym.local", lambda: LOOPBACK)._info(LOOPBACK)
    assert len(info.name.removesuffix(f".{KIND}").encode()) <= 63
    assert socket.inet_ntoa(info.addresses[0]) == "127.0.0.1"
