"""A child process that may outlive us, watched by the loop."""

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

PATIENCE = 1.5  # seconds after SIGTERM: Ctrl-C is to end everything within 2 s


class Child:
    """A process we started or adopted. The pidfd means this process, whoever gets its pid later."""

    def __init__(self, pid: int) -> None:
        """Watch `pid` (its descriptor is closed at its end); ProcessLookupError if it is gone."""
        self.pid = pid
        self._fd = os.pidfd_open(pid)
        self._gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._fd, self._ended)

    @property
    def alive(self) -> bool:
        """Whether it still runs, as far as the loop has heard."""
        return not self._gone.is_set()

    async def gone(self) -> None:
        """Return once it has ended, reaped if it was ours."""
        await self._gone.wait()

    def reload(self) -> None:
        """SIGHUP: read the files again."""
        if self.alive:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._fd, signal.SIGHUP)

    async def end(self) -> None:
        """SIGTERM, 1.5 s, SIGKILL; returns once it is gone."""
        for force in (signal.SIGTERM, signal.SIGKILL):
            if self.alive:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._fd, force)
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    return await self.gone()
        return None

    def _ended(self) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)
        with suppress(ChildProcessError):  # adopted: not ours to reap
            os.waitpid(self.pid, os.WNOHANG)
        self._gone.set()


def spawn(command: list[str], env: Mapping[str, str], log: Path) -> int:
    """Start a process in a session of its own, its words appended to `log`; returns the pid.

    In its own session Ctrl-C does not reach it; a file instead of a pipe lets it outlive us.
    """
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    return os.posix_spawn(command[0], command, env, file_actions=files, setsid=True)


def command_of(pid: int) -> list[str]:
    """The command line of a process; [] when there is none, or only a zombie."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return os.fsdecode(raw).split("\0")[:-1]
