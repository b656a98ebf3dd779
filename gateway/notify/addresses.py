"""Where a push may go: known services alone, and never into the LAN (no SSRF)."""

import socket
from collections.abc import Iterable
from errno import EACCES
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

KNOWN_SERVICES = (
    "fcm.googleapis.com",
    "updates.push.services.mozilla.com",
    "web.push.apple.com",
    "*.push.apple.com",
    "*.notify.windows.com",
)


class RefusedAddressError(OSError):
    """The name leads to where we do not go."""


def objection(url: str, named: Iterable[str]) -> str | None:
    """What is wrong with a push endpoint; `named` are the operators' hosts beside the known."""
    parts, allowed = urlsplit(url), (*KNOWN_SERVICES, *named)
    try:
        host, place = (parts.hostname or "").lower(), f"{parts.hostname}:{parts.port}"
    except ValueError:
        return "is no address: its port makes no sense"
    if place in allowed:
        return None  # the operators named host and port themselves
    if parts.scheme != "https" or parts.username is not None or parts.port not in {None, 443}:
        return "must be an https address of a push service"
    if not any(_matches(host, pattern.lower()) for pattern in allowed):
        return "is not of a push service known here; the operators may add it to push_hosts"
    return None


def _matches(host: str, pattern: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and host != pattern[1:]
    return host == pattern


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet's, and not of a LAN, ours or a tunnel's."""
    found = ip_address(address.partition("%")[0])
    if found.version == 6:  # noqa: PLR2004  the version
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo or (None, None))[1]
        found = inner or found
    return found.is_global and not found.is_multicast


class PublicOnly(AbstractResolver):
    """Looked up at each connect: a name that leads into the LAN by now is refused."""

    def __init__(self, exempt: Iterable[str]) -> None:
        """`exempt` are `host:port` as the operators named them."""
        self._inner = ThreadedResolver()
        self._exempt = frozenset(exempt)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises RefusedAddressError, OSError."""
        found = await self._inner.resolve(host, port, family)
        if f"{host}:{port}" in self._exempt:
            return found
        public = [one for one in found if is_public(one["host"])]
        if not public:
            raise RefusedAddressError(EACCES, f"{host} leads into a private network")
        return public

    async def close(self) -> None:
        """Nothing is held."""
        await self._inner.close()
