"""Whether and how the branch's address is announced on the LAN."""

import logging
from collections.abc import Awaitable, Callable

from config.sections import Config
from gateway.ports.addresses import ANY_HOST, Listen

log = logging.getLogger(__name__)


def announcing(config: Config) -> Callable[[], Awaitable[None]] | None:
    """What announces `public_url`; None where nobody would ask, or nobody could come."""
    try:
        from gateway.ports import mdns  # noqa: PLC0415  an extra
    except ImportError:
        log.debug("public_url is not announced: pip install 'gym-gateway[mdns]'")
        return None
    branch, host = config.branch, config.http.host
    if Listen(host, 0).loopback or not mdns.can_be_announced(branch.public_url):
        return None
    addresses = mdns.own_addresses if host in ANY_HOST else lambda: [host]
    return mdns.Announcement(branch.name, branch.public_url, addresses).run
