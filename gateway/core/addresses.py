"""Clients' addresses: as whose they count, and which of a proxy's claims are believed."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

HOUSEHOLD, SITE = 64, 48  # bits of IPv6 that one customer, and one company, has at the least
SUBNET = 24  # bits: of an IPv4 address elsewhere, its neighbours share the rest
MOST_HOPS = 20  # in one header; nobody has more proxies in a row


def bucket_key(address: str, own_links: Sequence[Network]) -> str:
    """As whom a client counts: its address, or its /64 where it may choose the rest itself.

    What is no address (`local`) counts as it is written.
    """
    found = parse(address)
    if found is None or found.version == 4 or _link(found, own_links):  # noqa: PLR2004  IPv4
        return str(found or address)
    return str(IPv6Network((int(found), HOUSEHOLD), strict=False))


def link_of(address: str, own_links: Sequence[Network]) -> str:
    """The link a client is on: one of ours, or what is likely one place elsewhere."""
    found = parse(address)
    if found is None:
        return address
    link = _link(found, own_links)
    if link is not None:
        return str(link)
    if isinstance(found, IPv4Address):
        return str(IPv4Network((int(found), SUBNET), strict=False))
    return str(IPv6Network((int(found), SITE), strict=False))


def client_of(peer: str, forwarded_for: str | None, trusted: Sequence[Network]) -> tuple[str, bool]:
    """Who asks, and whether a proxy that we trust says so.

    `forwarded_for` is X-Forwarded-For, its lines joined by commas. Each proxy adds on the right
    whom it heard from: the rightmost that is no proxy of ours is the client; what stands left of
    it anyone may have written. A hop that is no address makes the claim worth nothing.
    """
    near = parse(peer)
    if forwarded_for is None or near is None or _link(near, trusted) is None:
        return str(near or peer), False
    hops = [parse(_bare(hop)) for hop in forwarded_for.rsplit(",", MOST_HOPS)]
    for hop in reversed(hops):
        if hop is None:
            break
        if _link(hop, trusted) is None:
            return str(hop), True
    return str(near), True


def parse(text: str) -> Address | None:
    """The address without its scope; an IPv4 one that is mapped into IPv6 as what it is."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))


def _bare(hop: str) -> str:
    """Without the port and the brackets that some proxies write."""
    host = hop.strip()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host


def _link(address: Address, links: Sequence[Network]) -> Network | None:
    return next((link for link in links if address in link), None)
