"""Where a broker may listen: addresses, free ports, and who is in the way."""

import errno
import ipaddress
import socket
from dataclasses import dataclass

from gateway.ports import holders

ANY_HOST = {"", "0.0.0.0", "::"}  # noqa: S104  names for "every address", compared only


@dataclass(frozen=True, slots=True)
class Listen:
    """Where sensors connect."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only programs on this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @classmethod
    def parse(cls, text: str) -> "Listen":
        """`127.0.0.1:1883` or `[::1]:1883`; ValueError if it is neither."""
        host, _, port = text.rpartition(":")
        return cls(host.strip("[]") or "127.0.0.1", int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def why_not(listen: Listen) -> str | None:
    """Why nobody can listen there, and what to do; None: it is free."""
    try:
        with socket.create_server((listen.host, listen.port), family=_family(listen.host)):
            return None
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            return f"nobody can listen on {listen} ({error.strerror}): correct `listen` in [mqtt]"
    return (
        f"{listen} is taken by {holders.of_port(listen.port)}: stop it, or give another port in "
        f'[mqtt] `listen`, or use it as the broker with `url = "mqtt://{listen}"`'
    )


def free_port(host: str) -> int:
    """A port that nobody uses now."""
    with socket.create_server((host, 0), family=_family(host)) as server:
        port: int = server.getsockname()[1]
        return port


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
