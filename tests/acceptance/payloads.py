"""Decode every recorded payload in a directory, and compare with what it is known to mean.

`python -m tests.acceptance.payloads DIRECTORY` takes JSON lines `{"topic", "payload", "expect"}`
from the files named below, prints the share that decodes for each, and each line that does not.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

DRIVERS = {  # a file's name begins with → its driver
    "zigbee2mqtt_exposes": None,
    "zigbee2mqtt": "zigbee2mqtt",
    "tasmota": "tasmota",
    "shelly_ha": "homeassistant",
    "shelly": "shelly",
    "esphome": "esphome",
    "ha_discovery": "homeassistant",
    "chirpstack": "chirpstack",
    "modbus": "modbus",
}
Told = Mapping[str, Any]
ON = {"ON": 1.0, "OFF": 0.0, "1": 1.0, "0": 0.0, True: 1.0, False: 0.0, None: None}


def level(name: str, scale: float = 1.0) -> Callable[[Told, Any], bool]:
    """A level; null means that it is not said."""

    def holds(told: Told, value: Any) -> bool:
        wanted = None if value is None else float(value) * scale
        found = [sample["levels"].get(name) for sample in told["samples"]]
        return any(one == wanted or (one is not None and near(one, wanted)) for one in found)

    return holds


def near(one: float, wanted: float | None) -> bool:
    """Up to the last digit of either."""
    return wanted is not None and abs(one - wanted) <= 1e-6 * max(1.0, abs(wanted))


def switch(name: str) -> Callable[[Told, Any], bool]:
    """A level that is 0 or 1."""
    return lambda told, value: level(name)(told, ON[value])


def of_sample(name: str) -> Callable[[Told, Any], bool]:
    """A key of a sample."""
    return lambda told, value: any(sample[name] == value for sample in told["samples"])


def state_topic(told: Told) -> str:
    """The announced one; the sets write it with `~` in the place of its base."""
    return str(told.get("discovered", {}).get("state_topic", ""))


def discovered(name: str) -> Callable[[Told, Any], bool]:
    """A key of an announcement."""
    return lambda told, value: told.get("discovered", {}).get(name) == value


KNOWN: dict[str, Callable[[Told, Any], bool]] = {
    "occupied": of_sample("active"),
    "contact_open": switch("contact_open"),
    "vibration": switch("vibration"),
    "power_w": level("power_w"),
    "voltage_v": level("voltage_v"),
    "voltage": level("voltage_v"),
    "current_a": level("current_a"),
    "current": level("current_a"),
    "energy_wh": level("energy_wh"),
    "energy_kwh": level("energy_wh", 1000.0),
    "target_distance_m": level("distance_m"),
    "wifi_rssi": level("rssi"),
    "relay": switch("relay"),
    "input": switch("input"),
    "switch1": switch("input"),
    "online": lambda told, value: told["available"] == value,
    "bridge_online": lambda told, value: told["available"] == value,
    "battery": of_sample("battery"),
    "battery_level": lambda told, value: value is None or of_sample("battery")(told, value),
    "linkquality": of_sample("signal"),
    "strength": of_sample("strength"),
    "channel": of_sample("channel"),
    "state_topic": lambda told, value: state_topic(told).endswith(value.removeprefix("~")),
    "field": discovered("field"),
    "device_class": discovered("device_class"),
    "unit": discovered("unit"),
    "availability_topic": discovered("availability_topic"),
    "online_payload": discovered("online"),
    "offline_payload": discovered("offline"),
    "error": discovered("error"),
}


def of_frame(name: str) -> Callable[[Told, Any], bool]:
    """A key of a Modbus frame."""
    return lambda told, value: told["frame"][name] == value


FRAME = {
    name: of_frame(name) for name in ("unit", "function", "address", "count", "registers", "crc_ok")
} | {
    "exception_to": of_frame("function"),
    "code": of_frame("exception"),
}


def expected(line: Told) -> dict[str, Any]:
    """Of what a line means, what we claim to understand."""
    known = FRAME if "hex" in line else KNOWN
    wanted = {name: value for name, value in line["expect"].items() if name in known}
    return wanted | ({"crc_ok": line["crc_ok"]} if "crc_ok" in line else {})


def judged(path: Path, driver: str) -> Iterator[tuple[str, bool, str]]:
    """(line, whether all of it holds, what does not) of every line that means something to us."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for number, (line, told) in enumerate(zip(lines, decoded(path, driver), strict=True), 1):
        wanted, known = expected(line), FRAME if "hex" in line else KNOWN
        wrong = {name: value for name, value in wanted.items() if not known[name](told, value)}
        if wanted:
            yield f"{path.name}:{number}", not wrong, f"{wrong} {line.get('topic')} -> {told}"


def decoded(path: Path, driver: str) -> list[Told]:
    """What the command says of each line."""
    command = [sys.executable, "-m", "gateway", "decode", driver, str(path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def main(directory: Path) -> int:
    """Every file that has a driver; returns how many lines do not hold."""
    failed = 0
    for path in sorted(directory.rglob("*.jsonl")):
        driver = next((DRIVERS[name] for name in DRIVERS if path.name.startswith(name)), None)
        if driver is None:
            continue
        found = list(judged(path, driver))
        good = sum(holds for _, holds, _ in found)
        failed += len(found) - good
        print(f"{path.name}: {good} of {len(found)} lines as expected, by {driver}")
        for where, holds, why in found:
            if not holds:
                print(f"  {where}: {why}"[:300])
    return failed


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])) > 0)
