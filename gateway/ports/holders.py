"""Which program holds a TCP port or a file: best effort, for messages, by `/proc`."""

import os
from collections.abc import Iterator
from pathlib import Path

LISTENING = "0A"  # the kernel's state number in /proc/net/tcp


def of_port(port: int) -> str:
    """`name (pid n)` of who listens on a TCP port; `another program` when it cannot be seen."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(port)}
    return next((_name(pid) for pid, link in _open_files() if link in sockets), UNSEEN)


def of_file(path: str) -> str:
    """`name (pid n)` of another process that has `path` open, or `another program`."""
    real, own = str(Path(path).resolve()), os.getpid()
    return next((_name(pid) for pid, link in _open_files() if link == real and pid != own), UNSEEN)


UNSEEN = "another program"


def _inodes(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[1].endswith(f":{port:04X}") and fields[3] == LISTENING:
                yield fields[9]


def _open_files() -> Iterator[tuple[int, str]]:
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            yield int(link.parts[2]), str(link.readlink())
        except OSError:
            continue  # ended meanwhile, or not ours to see


def _name(pid: int) -> str:
    try:
        return f"{Path(f'/proc/{pid}/comm').read_text(encoding='utf-8').strip()} (pid {pid})"
    except OSError:
        return f"pid {pid}"
