"""Which driver fits the bytes of a serial line."""

import json
from pathlib import Path

from sensors.serial_discovery import fit, speeds

CAPTURED = Path("tests/captures/ld2410.jsonl").read_text(encoding="utf-8").splitlines()
RADAR = bytes.fromhex(json.loads(CAPTURED[0])["hex"])
BUS = b"".join(b"%d,%s\r\n" % (channel, word) for word in (b"ON", b"OFF") for channel in (1, 2, 7))


def test_a_radar_is_told_by_its_frames() -> None:
    found = fit(RADAR * 3, 256_000)
    assert found is not None
    assert (found.driver, found.channels, found.dropped) == ("ld2410", (0,), 0)


def test_a_bus_is_told_with_its_channels() -> None:
    found = fit(BUS, 115_200)
    assert found is not None
    assert (found.driver, found.channels, found.confidence) == ("lines", (1, 2, 7), "high")


def test_noise_and_silence_are_nobody() -> None:
    noise = bytes(range(256)) * 40
    assert [fit(noise, speed) for speed in speeds()] == [None] * len(speeds())
    assert fit(b"", 115_200) is None


def test_half_of_it_being_noise_is_no_high_confidence() -> None:
    found = fit(BUS + b"?\n" * 6, 115_200)
    assert found is not None
    assert found.confidence == "medium"
