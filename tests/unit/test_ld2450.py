"""The LD2450 says where people are; only those in the zone use the machine."""

import struct

import pytest

from sensors import catalog
from sensors.sample import Sample, Saying


def report(*places: tuple[float, float]) -> bytes:
    """Targets at (x, y) metres, as the radar writes them: the sign bit set means positive."""

    def signed(value: float) -> int:
        return round(abs(value) * 1000) | (0x8000 if value > 0 else 0)

    targets = [struct.pack("<HHHH", signed(x), signed(y), 0, 320) for x, y in places]
    body = b"".join(targets) + bytes(8 * (3 - len(targets)))
    return bytes.fromhex("aaff0300") + body + bytes.fromhex("55cc")


def said(data: bytes, **zone: object) -> list[Saying]:
    return catalog.load("ld2450").decoder(zone).feed(data)


def test_the_manuals_report_is_read() -> None:
    data = bytes.fromhex("aaff03000e03b186100040010000000000000000000000000000000055cc")
    assert said(data) == [Sample(True, 188.3, "cm", {"distance_m": 1.883})]  # x -0.782, y 1.713


def test_nobody_is_inactive() -> None:
    assert said(report()) == [Sample(active=False)]


@pytest.mark.parametrize(
    ("place", "active"), [((0.2, 1.0), True), ((-0.2, 1.0), True), ((0.9, 1.0), False)]
)
def test_only_who_is_in_the_zone_counts(place: tuple[float, float], *, active: bool) -> None:
    (sample,) = said(report((3.0, 4.0), place), x=[-0.5, 0.5], y=[0.3, 2.0])
    assert isinstance(sample, Sample)
    assert sample.active is active


def test_the_nearest_of_three_gives_the_distance() -> None:
    (sample,) = said(report((0.0, 3.0), (0.0, 1.2), (0.0, 2.0)))
    assert isinstance(sample, Sample)
    assert sample.strength == 120.0
