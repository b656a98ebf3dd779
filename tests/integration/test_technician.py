"""A technician's session in a real terminal, at two sizes; the screens in the docs are such."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt import publish

from tests.integration.test_cli_calibrate import Plug
from tests.process import GatewayProcess, gateway, native_config
from tests.terminal import Terminal, terminal

DOCS = Path(__file__).parents[2] / "docs/calibrating.md"
SENSOR = "treadmill-02-plug"
PLUG = f"""
[[sensors]]
id = "{SENSOR}"
machine = "treadmill-02"
source = "mqtt"
driver = "tasmota"
topic = "tele/plug/SENSOR"

[[sensors]]
id = "elsewhere"
machine = "bench-01"
source = "mqtt"
driver = "zigbee2mqtt"
topic = "zigbee2mqtt"
"""
PLOT = re.compile(r"[#.:| ]{30,}")
NUMBER = re.compile(r"\d+(?:[.:-]\d+)*")
ADDRESS = re.compile(r"unix://\S+")
SIZES = [(80, 24), (120, 40)]


@pytest.fixture
def process(short_path: Path) -> Iterator[GatewayProcess]:
    config = native_config(2, occupancy="busy_after = 0\nfree_after = 90", extra=PLUG)
    config = config.replace("m000", "treadmill-02").replace("m001", "bench-01")
    with gateway(short_path, config) as running:
        running.wait_port_up()
        yield running


@pytest.fixture
def plug(process: GatewayProcess) -> Iterator[Plug]:
    found = Plug(process.broker_port(), every=0.04)
    yield found
    found.end()


def session(process: GatewayProcess, plug: Plug, seen: Terminal) -> list[list[str]]:
    """Discover, watch, calibrate, look what there was, go back: each command's screen."""
    said = json.dumps({"occupancy": True, "linkquality": 90})
    publish.single("zigbee2mqtt/bench-01", said, qos=1, retain=True, port=process.broker_port())
    screens = [seen.type("gateway sensors discover --seconds 2 --no-serial").done()]
    seen.type(f"gateway sensors watch {SENSOR}").wait_for("power_w=")
    screens.append(seen.press("C-c").done())
    screens.append(calibrated(plug, seen))
    screens.append(seen.type(f"gateway calibrate {SENSOR} --versions").done())
    screens.append(seen.type(f"gateway calibrate {SENSOR} --restore 1").done())
    return screens


def calibrated(plug: Plug, seen: Terminal) -> list[str]:
    # more than ten seconds in use: of such a time the preview remembers a sample
    seen.type(f"gateway calibrate {SENSOR} --empty 2 --busy 11 --rest 1")
    for asked, watts in (("Leave", 2.0), ("Use", 180.0), ("Rest as", 2.0)):
        seen.wait_for(asked)
        plug.watts = watts
        time.sleep(0.5)  # what was said before the key was pressed counts for nothing
        seen.press("Space")
    seen.wait_for("Save this")
    return seen.press("Enter").done()


def shape(lines: list[str]) -> list[str]:
    """Without what differs each time: numbers, bars, addresses, and how often a line came."""
    plain = [NUMBER.sub("0", ADDRESS.sub("unix://", PLOT.sub(" ~ ", line))) for line in lines]
    told = [line.rstrip() for line in plain if line.strip()]
    return [line for n, line in enumerate(told) if n == 0 or line != told[n - 1]]


def documented() -> list[list[str]]:
    blocks = DOCS.read_text(encoding="utf-8").split("```text\n")[1:]
    return [block.split("\n```")[0].split("\n") for block in blocks]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_session_looks_as_documented_and_fits(
    process: GatewayProcess, plug: Plug, width: int, height: int
) -> None:
    with terminal(process.folder, width, height) as seen:
        screens = session(process, plug, seen)
    assert [shape(screen) for screen in screens] == [shape(screen) for screen in documented()]
    told = [line for screen in screens[1:] for line in screen]
    assert max(map(len, told)) <= 80


def test_the_plot_stays_on_its_line_and_an_interrupted_session_changes_nothing(
    process: GatewayProcess, plug: Plug
) -> None:
    limits = {"power_w": {"floor": 2.0, "limit": 90.0}}
    path = f"/sensors/{SENSOR}/calibration"
    assert process.local_call("PUT", path, {"limits": limits})[0] == 200
    plug.watts = 60.0
    with terminal(process.folder, *SIZES[0]) as seen:
        seen.type(f"gateway calibrate {SENSOR} --empty 30").wait_for("any key")
        seen.press_until("Space", "|")
        time.sleep(1)
        bars = [line for line in seen.screen(joined=False) if "|" in line]
        assert [line.split()[-1] for line in bars] == ["empty"]
        screen = seen.press("C-c").done()
    assert screen[-1] == "Stopped; nothing was changed."
    assert len(process.local(f"{path}s")["versions"]) == 1
