"""Where a push may go: known services alone, and never into the LAN (no SSRF)."""

import re
import socket
from collections.abc import Iterable
from errno import EACCES
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
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

_PLAIN = re.compile(r"[!-\[\]-~]+")  # no space, control sign, backslash or letter beyond ASCII
LABEL = 63  # characters between two dots of a name
_UNICAST = IPv6Network("2000::/3")  # what is out of it is no host of the internet
_NAT64 = IPv6Network("64:ff9b::/96")  # the last 4 bytes are the IPv4 address behind it


class RefusedAddressError(OSError):
    """The name leads to where we do not go."""


def objection(url: str, named: Iterable[str]) -> str | None:
    """What is wrong with a push endpoint; `named` are the operators' hosts beside the known."""
    if not _PLAIN.fullmatch(url):
        return "is no address: it has signs that must be escaped"
    allowed = [pattern.lower() for pattern in (*KNOWN_SERVICES, *named)]
    try:
        parts = urlsplit(url)
        host, port = _host_of(parts.hostname or ""), parts.port
    except ValueError:
        return "is no address: its host or port makes no sense"
    if parts.username is None and parts.netloc.lower() in allowed and port is not None:
        return _objection_to_scheme(parts.scheme, host)  # the operators named host and port
    if parts.scheme != "https" or parts.username is not None or port is not None:
        return "must be an https address of a push service, without user and port"
    if not any(_matches(host, pattern) for pattern in allowed) or _is_private(host):
        return "is not of a push service known here; the operators may add it to push_hosts"
    return None


def _host_of(name: str) -> str:
    """Within DNS's own bounds: no label is empty, or longer than 63. Raises ValueError."""
    if ":" not in name and not all(0 < len(label) <= LABEL for label in name.split(".")):
        raise ValueError(name)
    return name


def _objection_to_scheme(scheme: str, host: str) -> str | None:
    if scheme == "https" or (scheme == "http" and _is_loopback(host)):
        return None
    return "must be an https address"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_private(host: str) -> bool:
    """Of addresses; names are judged when they are looked up."""
    try:
        return not is_public(host)
    except ValueError:
        return False


def _matches(host: str, pattern: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and host != pattern[1:]
    return host == pattern


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet's, and not of a LAN, ours or a tunnel's."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        if found not in _NAT64 and found.ipv4_mapped is None:
            return found in _UNICAST and found.is_global and not (found.sixtofour or found.teredo)
        found = IPv4Address(found.packed[-4:])
    return found.is_global and not found.is_multicast


class PublicOnly(AbstractResolver):
    """Looked up at each connect: a name that leads into the LAN by now is refused."""

    def __init__(self, exempt: Iterable[str]) -> None:
        """`exempt` are `host:port` as the operators named them."""
        self._inner = ThreadedResolver()
        self._exempt = frozenset(place.lower() for place in exempt)

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
