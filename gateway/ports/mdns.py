"""Tells the LAN by mDNS where the branch is: its name under `.local`, and its service."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from ifaddr import get_adapters
from zeroconf import Error, InterfaceChoice
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

LOOKS = 60.0  # seconds between two looks at our addresses: a lease may bring another
LONGEST = 63  # bytes of a name (RFC 6763)
ENDS = ".local"
PORTS = {"http": 80, "https": 443}

log = logging.getLogger(__name__)

Addresses = Callable[[], Sequence[str]]


class Announcement:
    """As long as it runs, `public_url` is found on the LAN without anybody's DNS."""

    def __init__(
        self,
        name: str,
        public_url: str,
        addresses: Addresses,
        interfaces: Sequence[str] | InterfaceChoice = InterfaceChoice.All,
    ) -> None:
        """`name` is what lists of services show; `addresses` are those that we serve on."""
        self._name = name.encode()[:LONGEST].decode(errors="ignore").replace(".", " ")
        self._url = urlsplit(public_url)
        self._addresses = addresses
        self._interfaces = interfaces

    async def run(self) -> None:
        """Announce for ever; without a network, once there is one."""
        while True:
            try:
                await self._announce()
            except (OSError, Error) as error:
                log.warning("%s cannot be announced by mDNS: %s", self._url.geturl(), error)
                await asyncio.sleep(LOOKS)

    async def _announce(self) -> None:
        told = tuple(self._addresses())
        zeroconf = AsyncZeroconf(interfaces=self._interfaces)
        try:
            await zeroconf.async_register_service(self._info(told), allow_name_change=True)
            await self._change_of(told)
        finally:
            await zeroconf.async_close()  # says goodbye

    async def _change_of(self, told: tuple[str, ...]) -> None:
        while True:
            await asyncio.sleep(LOOKS)
            if tuple(self._addresses()) != told:
                return

    def _info(self, addresses: Sequence[str]) -> AsyncServiceInfo:
        kind = f"_{self._url.scheme}._tcp.local."
        return AsyncServiceInfo(
            kind,
            f"{self._name}.{kind}",
            port=self._url.port or PORTS[self._url.scheme],
            server=f"{self._url.hostname}.",
            parsed_addresses=list(addresses),
            properties={"path": self._url.path or "/"},
        )


def can_be_announced(public_url: str) -> bool:
    """Whether it has a name that mDNS is asked for."""
    return (urlsplit(public_url).hostname or "").endswith(ENDS)


def own_addresses() -> list[str]:
    """Where others of the LAN can reach this machine, IPv4."""
    found = (address.ip for adapter in get_adapters() for address in adapter.ips if address.is_IPv4)
    return sorted(ip for ip in found if isinstance(ip, str) and not ip.startswith("127."))
