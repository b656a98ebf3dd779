"""One gateway per database: a lock that the kernel frees, however its holder ends."""

import fcntl
import os
from pathlib import Path


class InUseError(OSError):
    """Another gateway writes to this file."""


class Lock:
    """`path`.lock, held for as long as this object lives; a child process does not inherit it."""

    def __init__(self, path: Path) -> None:
        """Make the folder if it is absent. Raises InUseError, OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.with_name(f"{path.name}.lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise InUseError(
                f"{path} is in use by another gateway (pid {holder}): stop that one first,"
                " or give this one files of its own under [store]"
            ) from None
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def free(self) -> None:
        """Let the next one in; the end of the process does it too."""
        self._file.close()
