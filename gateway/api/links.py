"""The IPv6 links that we are on ourselves."""

from ipaddress import IPv6Network
from pathlib import Path

ADDRESSES = Path("/proc/net/if_inet6")
FIELDS = 6  # address, interface number, prefix length, scope, flags, interface; numbers in hex
MOST = 64  # links: a box has two; each is looked at for each request


def own_links(path: Path = ADDRESSES) -> tuple[IPv6Network, ...]:
    """The networks of our own addresses; none where IPv6 is off. IPv4 needs no such list."""
    try:
        rows = [line.split() for line in path.read_text(encoding="ascii").splitlines()]
    except OSError:
        return ()
    found = {
        IPv6Network((int(row[0], 16), int(row[2], 16)), strict=False)
        for row in rows
        if len(row) == FIELDS
    }
    return tuple(sorted(found, key=lambda link: -link.prefixlen))[:MOST]
