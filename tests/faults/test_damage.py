"""What is damaged is named; what a fault leaves unacknowledged is kept for the next start."""

import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.process import broker_pids, gateway, native_config

CONFIG = native_config(1, occupancy="busy_after = 0\nfree_after = 0")


def started(folder: Path) -> subprocess.CompletedProcess[str]:
    """A start that is to fail."""
    (folder / "gateway.toml").write_text(CONFIG.format(http_port=0))
    command = [sys.executable, "-m", "gateway", "run", "--config", "gateway.toml"]
    env = {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize("name", ["history.db", "ledger.db"])
def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path, name: str) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / name).write_bytes(b"no database at all" * 100)
    done = started(tmp_path)
    assert done.returncode == 1
    assert f"var/{name} cannot be used" in done.stderr
    assert "move it aside" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_mark_is_no_traceback(tmp_path: Path) -> None:
    with gateway(tmp_path, CONFIG) as process:
        process.stop()
    with sqlite3.connect(tmp_path / "var/history.db") as conn:
        conn.execute("UPDATE marks SET value = x'05' WHERE name = 'Alive'")
    done = started(tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)


def test_after_a_fault_the_broker_stays_with_what_we_have_not_acknowledged(tmp_path: Path) -> None:
    with gateway(tmp_path, CONFIG) as process:
        process.wait_port_up()
        with sqlite3.connect(tmp_path / "var/history.db") as conn:
            conn.execute("DROP TABLE events")  # what the writer then does fails, as on a full disk
        process.publish("m000", occupied=True)
        assert process.wait(20) == 1
        assert len(broker_pids(tmp_path)) == 1


def test_being_told_again_and_again_to_stop_changes_nothing(tmp_path: Path) -> None:
    with gateway(tmp_path, CONFIG) as process:
        process.wait_port_up()
        while process.exit_code is None:
            process.send(signal.SIGTERM)
            time.sleep(0.003)
        assert process.exit_code == 0


def test_starts_that_fail_are_no_sign_of_life(tmp_path: Path) -> None:
    config = native_config(1, occupancy="busy_after = 0\nfree_after = 0\nstale_after = 4")
    with gateway(tmp_path, config) as process:
        process.wait_port_up()
        process.publish("m000", occupied=True)
        process.wait_status("m000", "occupied")
        process.kill()
        began = time.monotonic()
        with socket.create_server(("127.0.0.1", process.port)):
            while time.monotonic() - began < 6:
                with pytest.raises(AssertionError, match="another program listens"):
                    process.start()
        process.start()
        assert process.local("/machines/m000")["cause"] in {"start", "late"}
        assert process.status("m000") != "occupied"


def test_what_waited_while_we_stood_still_is_late(tmp_path: Path) -> None:
    with gateway(tmp_path, CONFIG) as process:
        process.wait_port_up()
        process.publish("m000", occupied=True)
        process.wait_status("m000", "occupied")
        process.send(signal.SIGSTOP)
        process.publish("m000", occupied=False)
        time.sleep(6.5)
        process.send(signal.SIGCONT)
        process.wait_status("m000", "free")
        assert process.local("/machines/m000")["cause"] == "late"


def test_the_database_may_lie_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "card").mkdir()
    (tmp_path / "var").mkdir()
    (tmp_path / "var/history.db").symlink_to(tmp_path / "card/history.db")
    with gateway(tmp_path, CONFIG) as process:
        process.wait_port_up()
        process.publish("m000", occupied=True)
        process.wait_status("m000", "occupied")
        assert process.stop() == 0


def test_a_closed_standard_error_is_no_reason_to_end(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(CONFIG.format(http_port=0))
    script = f"exec {sys.executable} -m gateway run --config gateway.toml 2>&-"
    env = {"PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(["sh", "-c", script], cwd=tmp_path, env=env)
    time.sleep(3)
    assert process.poll() is None
    process.terminate()
    assert process.wait(10) == 0
