"""A real PostgreSQL in a folder of its own, on a Unix socket and a free port; it dies with us."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import psycopg

from tests.process import free_port

NOBODY = "nobody"  # it refuses to run as root
READY_WITHIN = 60.0  # seconds; initdb and a loaded machine
FAST = ("fsync=off", "max_connections=60", "shared_buffers=64MB", "autovacuum_naptime=10min")


def programs() -> Path:
    """Where the newest one that is installed keeps its programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    assert on_path, "PostgreSQL is not installed: sh tests/install.sh"
    return Path(on_path).parent


class Postgres:
    """Started, stopped, killed and started again; `database` makes a new one."""

    def __init__(self, settings: tuple[str, ...] = FAST) -> None:
        self._bin = programs()
        self._settings = settings
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self.port = free_port()
        self._owner = NOBODY if os.getuid() == 0 else None
        if self._owner is not None:
            shutil.chown(self.folder, self._owner)
        self._run("initdb", "-D", self._data, "-U", "hub", "-A", "trust", "--no-sync", "-E", "UTF8")
        self._databases = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def start(self) -> Self:
        options = [f"-c{setting}" for setting in self._settings]
        where = ["-D", self._data, "-k", str(self.folder), "-p", str(self.port)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._bin / "postgres"), *where, "-c", "listen_addresses=127.0.0.1", *options],
                stdout=log,
                stderr=log,
                cwd="/",
                user=self._owner,
            )
        end = time.monotonic() + READY_WITHIN
        while time.monotonic() < end:
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError:
                assert self._process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.05)
            else:
                return self
        raise TimeoutError((self.folder / "log").read_text())

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: at once and in order; SIGQUIT: as after a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def restart(self, how: signal.Signals = signal.SIGINT) -> None:
        self.stop(how)
        self.start()

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str) -> str:
        return f"postgresql://hub@127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        """The address of a new one."""
        self._databases += 1
        name = f"chain{self._databases}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
            conn.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._bin / program), *arguments],
            capture_output=True,
            check=False,
            cwd="/",
            user=self._owner,
        )
        assert done.returncode == 0, done.stderr.decode()
