"""Only the names we are known by are answered: a foreign page cannot rebind its name to us."""

import re
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.api.connection import connection_of

_HOST = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9_.-]+))(?::[0-9]{0,5})?")


NAMES_KEPT = 64  # our names and addresses, with and without a port


def only_known_hosts(allowed: Iterable[str]) -> Middleware:
    """Answer 421 to other names; what came through the Unix socket has no name to forge."""
    names = frozenset({"localhost", *(name.lower().rstrip(".") for name in allowed)})

    known: set[str] = set()  # only good ones: an address that is not ours may become so

    def is_known(host: str) -> bool:
        if host in known:
            return True
        if not _is_known(host, names):
            return False
        if len(known) < NAMES_KEPT:
            known.add(host)
        return True

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        hosts = request.headers.getall("Host", [])
        if connection_of(request).local or (len(hosts) == 1 and is_known(hosts[0])):
            return await handler(request)
        raise web.HTTPMisdirectedRequest(
            text="This gateway is not known by the host name you asked for;"
            " its names are [http] allowed_hosts in its configuration."
        )

    return check


def _is_known(host: str, names: frozenset[str]) -> bool:
    match = _HOST.fullmatch(host.lower())
    if match is None:
        return False
    name = match["v6"] or match["name"].rstrip(".")
    return name in names or _is_ours(name)


def _is_ours(text: str) -> bool:
    """Whether it is an address of this machine: only those can be bound."""
    try:
        address = ip_address(text)
        return address.is_loopback or (_is_single(address) and _can_bind(address))
    except (ValueError, OSError):
        return False


def _is_single(address: IPv4Address | IPv6Address) -> bool:
    return not (address.is_unspecified or address.is_multicast or address.is_reserved)


def _can_bind(address: IPv4Address | IPv6Address) -> bool:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004  IPv4
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as probe:
        probe.bind((str(address), 0))
    return True
