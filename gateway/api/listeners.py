"""Where we listen: a TCP port, and a Unix socket for who is local."""

import asyncio
import errno
import os
import resource
import socket
import ssl
import stat
from collections.abc import Callable
from pathlib import Path

from gateway.api.connection import Connection

BACKLOG = 512  # connections: a thousand phones come back within four seconds
MODE = 0o660
HANDSHAKE = 10.0  # seconds, as long as the head of a request may take
FAREWELL = 1.0  # seconds a client has to end TLS in order; a stop leaves no more
RESERVED = 128  # descriptors for the files, the broker, serial lines, and our own questions
LEAST = 16  # connections, however few descriptors we may have
_ADVICE = {
    errno.EADDRINUSE: "another program listens there; stop it, or set another [http] port",
    errno.EACCES: "ports below 1024 are for root; set another [http] port",
    errno.EADDRNOTAVAIL: "this machine has no such address; correct [http] host",
}


def room_for(connections: int) -> int:
    """How many of these may be open: one without a descriptor left would stop the database.

    Takes what the system grants beyond its first limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + RESERVED
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return (
        connections if soft == resource.RLIM_INFINITY else max(LEAST, min(wanted, soft) - RESERVED)
    )


async def listen_tcp(
    factory: Callable[[], Connection], host: str, port: int, tls: ssl.SSLContext | None = None
) -> asyncio.Server:
    """Take a TCP port, and answer once told to. Raises OSError that says what to do."""
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_server(
            factory,
            host,
            port,
            reuse_address=True,
            backlog=BACKLOG,
            start_serving=False,
            ssl=tls,
            ssl_handshake_timeout=HANDSHAKE if tls else None,
            ssl_shutdown_timeout=FAREWELL if tls else None,
        )
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, error.strerror or str(error))
        raise OSError(error.errno, f"cannot serve HTTP on {host} port {port}: {advice}") from None


async def listen_locally(factory: Callable[[], Connection], path: Path) -> asyncio.Server:
    """Take a Unix socket that only owner and group may open. Raises OSError."""
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        sock.bind(str(path))
        os.chmod(path, MODE)  # noqa: PTH101  before listen(): nobody was let in
        return await asyncio.get_running_loop().create_unix_server(
            factory, sock=sock, backlog=BACKLOG, start_serving=False
        )
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"cannot serve on the local socket {path}: {error}") from None


def _remove_stale(path: Path) -> None:
    """Remove what an earlier process left; one that still answers keeps its place."""
    if not path.exists() or not stat.S_ISSOCK(os.lstat(path).st_mode):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
        probe.setblocking(False)  # noqa: FBT003  the socket module's own way to say it
        refused = probe.connect_ex(str(path)) == errno.ECONNREFUSED
    if not refused:
        raise OSError(
            errno.EADDRINUSE, f"a gateway is already running: it answers at {path}; stop it first"
        )
    path.unlink()
