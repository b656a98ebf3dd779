"""`gateway calibrate` on a running gateway, with a plug that speaks over a real broker."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from gateway.cli.phases import longest_pause, on_rest, plot
from sensors.calibration import Calibration, Limit
from tests.process import GatewayProcess, gateway, native_config

PLUG = """
[[sensors]]
id = "plug"
machine = "m000"
source = "mqtt"
driver = "tasmota"
topic = "tele/plug/SENSOR"

[[sensors]]
id = "twin"
machine = "m001"
source = "mqtt"
driver = "tasmota"
topic = "tele/twin/SENSOR"
"""


class Plug:
    """Says its power ten times a second, or each `every` seconds."""

    def __init__(self, port: int, every: float = 0.1) -> None:
        self.watts = 2.0
        self._every = every
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._speak)
        self._thread.start()

    def _speak(self) -> None:
        turn = 0
        while not self._over.wait(self._every):
            turn += 1
            said = {"ENERGY": {"Power": self.watts * (1 + 0.1 * (turn % 3))}}
            self._client.publish("tele/plug/SENSOR", json.dumps(said), qos=1)

    def end(self) -> None:
        self._over.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def process(tmp_path: Path) -> Iterator[GatewayProcess]:
    config = native_config(2, occupancy="busy_after = 0\nfree_after = 0", extra=PLUG)
    with gateway(tmp_path, config) as running:
        running.wait_port_up()
        yield running


@pytest.fixture
def plug(process: GatewayProcess) -> Iterator[Plug]:
    found = Plug(process.broker_port())
    yield found
    found.end()


def command(process: GatewayProcess, *words: str) -> "subprocess.Popen[str]":
    return started(process, "calibrate", "plug", *words)


def started(process: GatewayProcess, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "gateway", *words],
        cwd=process.folder,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def calibrate(process: GatewayProcess, *words: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr)."""
    with command(process, *words) as running:
        said, complained = running.communicate(timeout=60)
        return running.returncode, said, complained


def taught(process: GatewayProcess, plug: Plug) -> tuple[int, str]:
    """Empty, then in use as soon as the command asks for it."""
    with command(process, "--empty", "2", "--busy", "3", "--yes", "--json") as running:
        assert running.stderr is not None
        assert running.stdout is not None
        for line in running.stderr:
            if line.startswith("Use the machine"):
                plug.watts = 180.0
        said = running.stdout.read()
    return running.returncode, said


def test_a_plug_is_taught_and_its_machine_is_known_from_then_on(
    process: GatewayProcess, plug: Plug
) -> None:
    assert process.status("m000") == "unknown"  # watts alone say nothing
    code, said = taught(process, plug)
    assert code == 0
    saved = json.loads(said)
    assert (saved["version"], [*saved["calibration"]["limits"]]) == (1, ["power_w"])
    process.wait_status("m000", "occupied")
    plug.watts = 2.0
    process.wait_status("m000", "free")
    assert process.local("/events")["events"][-1]["calibrationVersion"] == 1
    for words, told in (
        (["--versions"], "power_w"),
        (["--toml"], '[calibrations."plug"]'),
        (["--reset"], "version 2 counts"),
        (["--restore", "1"], "version 3 counts"),
    ):
        assert told in calibrate(process, *words)[1]


def test_a_recording_is_a_file_that_the_offline_tools_read(
    process: GatewayProcess, plug: Plug
) -> None:
    for watts, name in ((2.0, "empty"), (180.0, "busy")):
        plug.watts = watts
        time.sleep(0.3)
        done = gateway_command(
            process, "sensors", "record", "plug", "--seconds", "2", "--out", name
        )
        assert done.returncode == 0, done.stderr
        assert "samples of plug" in done.stderr
    fitted = gateway_command(
        process, "calibration", "fit", "--empty", "empty", "--busy", "busy", "--json"
    )
    (process.folder / "new.json").write_text(fitted.stdout)
    found = gateway_command(
        process, "calibration", "compare", "new.json", "busy", "--busy-after", "0", "--json"
    )
    assert json.loads(found.stdout.splitlines()[0])["then"] == "occupied"
    code, said, _ = calibrate(process, "--use", "new.json", "--yes", "--json")
    assert code == 0
    saved = json.loads(said)
    assert (saved["why"], saved["version"]) == ("as new.json", 1)
    assert saved["preview"]["now"]["sessions"] == 0
    (process.folder / "now.toml").write_text(calibrate(process, "--toml")[1])
    code, said, _ = calibrate(process, "--use", "now.toml", "--yes", "--json")
    assert json.loads(said)["calibration"] == saved["calibration"]
    copied = gateway_command(process, "calibrate", "twin", "--from", "plug", "--yes", "--json")
    assert json.loads(copied.stdout)["calibration"] == saved["calibration"]


def gateway_command(process: GatewayProcess, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "gateway", *words],
        cwd=process.folder,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_file_that_cannot_be_written_is_told_before_anything_is_recorded(
    process: GatewayProcess,
) -> None:
    done = gateway_command(process, "sensors", "record", "plug", "--out", "nowhere/busy")
    assert (done.returncode, "nowhere/busy" in done.stderr) == (2, True)
    assert process.local("/sensors/plug/recordings")["recordings"] == []


@pytest.mark.usefixtures("plug")
def test_ctrl_c_keeps_what_was_recorded_so_far(process: GatewayProcess) -> None:
    words = ["sensors", "record", "plug", "--seconds", "600", "--out", "some"]
    with started(process, *words) as running:
        while not process.local("/sensors/plug/recordings")["recordings"]:
            time.sleep(0.1)
        time.sleep(1)
        running.send_signal(signal.SIGINT)
        _, complained = running.communicate(timeout=20)
    assert running.returncode == 0, complained
    lines = (process.folder / "some").read_text().splitlines()
    assert json.loads(lines[0])["levels"].keys() == {"power_w"}
    assert f"{len(lines)} samples of plug" in complained


def test_a_copy_of_what_is_not_calibrated_changes_nothing(process: GatewayProcess) -> None:
    done = gateway_command(process, "calibrate", "twin", "--from", "plug", "--yes")
    assert (done.returncode, "no calibration" in done.stderr) == (1, True)


def test_what_looks_alike_changes_nothing(process: GatewayProcess, plug: Plug) -> None:
    plug.watts = 50.0
    code, _, complained = calibrate(process, "--empty", "2", "--busy", "2", "--yes")
    assert code == 1
    assert "look alike" in complained
    assert "The old calibration stays" in complained
    assert "never calibrated" in calibrate(process, "--versions")[1]


def test_a_sensor_that_says_nothing_is_told_so(process: GatewayProcess) -> None:
    began = time.monotonic()
    code, _, complained = calibrate(process, "--empty", "1", "--yes")
    assert code == 1
    assert "0 samples" in complained
    assert "does the sensor speak" in complained
    assert time.monotonic() - began < 20


def test_the_plot_shows_level_threshold_and_verdict() -> None:
    known = Calibration({"power_w": Limit(0.0, 100.0)})
    low, high = plot({"power_w": 20.0}, known), plot({"power_w": 150.0}, known)
    assert low.startswith("####")
    assert low.index("|") == high.index("|") == 20
    assert low.endswith(" 0.20 empty ")
    assert high.endswith(" 1.50 in use")
    assert len(low) <= 80
    assert plot({"power_w": 20.0}, None) == "power_w 20"


def test_a_rest_that_outlasts_the_patience_is_told_with_what_to_write() -> None:
    known = Calibration({"power_w": Limit(0.0, 100.0)})
    watts = [150.0, *[5.0] * 60, 150.0, *[5.0] * 20]
    pause = longest_pause([(float(at), {"power_w": w}) for at, w in enumerate(watts)], known)
    assert pause == 59
    assert on_rest(pause, 90.0).endswith("free_after is 90 s: enough.")
    assert "occupancy = { free_after = 88 }" in on_rest(pause, 30.0)
