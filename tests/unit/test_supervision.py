"""Parts that fail are started again; one that keeps dying ends the process."""

import asyncio
import logging
import socket
from pathlib import Path

import pytest

from gateway import supervision
from gateway.jobs import drain
from gateway.supervision import MOST_DEATHS, Supervisor, Systemd


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(supervision, "FIRST_PAUSE", 0.0)
    caplog.set_level(logging.CRITICAL)


async def test_a_part_that_fails_is_started_again_and_named_meanwhile() -> None:
    supervisor = Supervisor()
    runs: list[dict[str, str]] = []

    async def part() -> None:
        runs.append(dict(supervisor.faults))
        if len(runs) < 3:
            raise ValueError("no luck")
        await asyncio.sleep(60)

    task = asyncio.create_task(supervisor.keep("part", part))
    async with asyncio.timeout(2):
        while len(runs) < 3:
            await asyncio.sleep(0.001)
    task.cancel()
    assert supervisor.faults == {}


async def test_a_part_that_keeps_dying_ends_us() -> None:
    supervisor = Supervisor()
    deaths = 0

    async def part() -> None:
        nonlocal deaths
        deaths += 1
        raise ValueError(f"death {deaths}")

    with pytest.raises(ValueError, match=f"death {MOST_DEATHS}"):
        await supervisor.keep("part", part)
    assert supervisor.faults == {"part": f"ValueError: death {MOST_DEATHS}"}


def test_systemd_is_told_on_its_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        Systemd().tell("READY=1")
        assert systemd.recv(100) == b"READY=1"


async def test_the_watchdog_is_fed_only_while_all_parts_move(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, moved = tmp_path / "notify", [True, False, True]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        systemd.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        monkeypatch.setenv("WATCHDOG_USEC", "20000")

        async def all_moved(_within: float) -> bool:
            return moved.pop(0) if moved else False

        task = asyncio.create_task(Systemd().feed(all_moved))
        async with asyncio.timeout(2):
            while moved:
                await asyncio.sleep(0.005)
        task.cancel()
        assert [systemd.recv(100), systemd.recv(100)] == [b"WATCHDOG=1", b"WATCHDOG=1"]
        with pytest.raises(BlockingIOError):
            systemd.recv(100)


def test_without_systemd_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    systemd = Systemd()
    systemd.tell("READY=1")
    assert systemd.watchdog == 0


async def test_a_nightly_job_works_in_batches_until_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.jobs.PAUSE", 0.0)
    left = [100, 100, 7]

    async def batch() -> int:
        return left.pop(0) if left else 0

    await drain("purge", batch)
    assert left == []
