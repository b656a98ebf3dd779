"""The radar's reports, real and made up."""

import json
import struct
from pathlib import Path

import pytest

from sensors import catalog
from sensors.decoder import Decoder
from sensors.sample import Sample

CAPTURE = Path(__file__).parents[1] / "captures" / "ld2410.jsonl"
CAPTURED = [json.loads(line) for line in CAPTURE.read_text(encoding="utf-8").splitlines()]
ACKS = ("firmware_ack", "empty_payload")


def captured(name: str) -> bytes:
    return next(bytes.fromhex(line["hex"]) for line in CAPTURED if line["name"] == name)


def framed(payload: bytes) -> bytes:
    length = struct.pack("<H", len(payload))
    return bytes.fromhex("f4f3f2f1") + length + payload + bytes.fromhex("f8f7f6f5")


def basic(state: int, moving: int = 0, still: int = 0, detection: int = 0) -> bytes:
    numbers = struct.pack("<BHBHBH", state, moving, 50, still, 60, detection)
    return framed(b"\x02\xaa" + numbers + b"\x55\x00")


def engineering(gates: tuple[int, int], energies: bytes) -> bytes:
    return framed(b"\x01\xaa" + bytes(9) + bytes(gates) + energies + b"\x55\x00")


@pytest.fixture
def decoder() -> Decoder:
    return catalog.load("ld2410").decoder({})


def only(decoder: Decoder, data: bytes) -> Sample:
    (saying,) = decoder.feed(data)
    assert isinstance(saying, Sample)
    return saying


def named(expect: dict[str, object]) -> dict[str, object]:
    levels = {key: value for key, value in expect.items() if key not in {"active", "move", "still"}}
    for kind in ("move", "still"):
        energies = expect.get(kind, [])
        assert isinstance(energies, list)
        levels |= {f"{kind}_g{gate}": energy for gate, energy in enumerate(energies)}
    return levels


@pytest.mark.parametrize("line", CAPTURED, ids=[line["name"] for line in CAPTURED])
def test_a_captured_stream_says_what_its_source_says(
    decoder: Decoder, line: dict[str, str]
) -> None:
    said = decoder.feed(bytes.fromhex(line["hex"]))
    expect = line["expect"]
    if not isinstance(expect, dict):
        assert said == []
        return
    (sample,) = said
    assert isinstance(sample, Sample)
    assert (sample.active, sample.levels) == (expect["active"], named(expect))


@pytest.mark.parametrize("name", ACKS)
def test_an_answer_to_a_command_is_passed_over_and_not_counted(decoder: Decoder, name: str) -> None:
    assert decoder.feed(captured(name)) == []
    assert not decoder.dropped


@pytest.mark.parametrize(("state", "active"), [(0, False), (1, True), (2, True), (3, True)])
def test_any_target_is_presence(decoder: Decoder, state: int, *, active: bool) -> None:
    assert only(decoder, basic(state, 81, 90)).active is active


@pytest.mark.parametrize("state", [4, 5, 6, 255])
def test_a_state_that_is_none_says_nothing_about_presence(decoder: Decoder, state: int) -> None:
    sample = only(decoder, basic(state, 81))
    assert (sample.active, sample.strength, sample.unit) == (None, None, None)


DISTANCES = [
    (1, 81, 90, 81.0),
    (3, 81, 90, 81.0),
    (2, 81, 90, 90.0),
    (2, 81, 0, 81.0),
    (1, 0, 90, 90.0),
    (2, 0, 0, 66.0),
    (0, 81, 90, None),
]


@pytest.mark.parametrize(("state", "moving", "still", "strength"), DISTANCES)
def test_the_strength_is_the_distance_of_the_target_it_sees(
    decoder: Decoder, state: int, moving: int, still: int, strength: float | None
) -> None:
    sample = only(decoder, basic(state, moving, still, detection=66))
    assert sample.strength == strength
    assert sample.unit == (None if strength is None else "cm")


def test_a_tail_inside_the_report_ends_nothing(decoder: Decoder) -> None:
    sample = only(decoder, basic(2, 0xF7F8, 0xF5F6, 66))
    assert sample.levels["moving_cm"] == 0xF7F8
    assert not decoder.dropped


def test_fewer_gates_are_as_many_as_the_report_says(decoder: Decoder) -> None:
    levels = only(decoder, engineering((1, 0), bytes([7, 8, 9]))).levels
    gates = {name: level for name, level in levels.items() if "_g" in name}
    assert gates == {"move_g0": 7, "move_g1": 8, "still_g0": 9}


@pytest.mark.parametrize(("extra", "known"), [((85, 0), True), ((85, 1), True), ((3, 5), False)])
def test_light_and_out_count_only_where_out_is_a_pin(
    decoder: Decoder, extra: tuple[int, int], *, known: bool
) -> None:
    levels = only(decoder, engineering((0, 0), bytes([7, 9, *extra]))).levels
    found = (levels.get("light"), levels.get("out_pin"))
    assert found == (extra if known else (None, None))


BAD = {
    "short": framed(b"\x02\xaa\x02\x55\x00"),
    "empty": framed(b""),
    "no tail": basic(2).replace(b"\x55\x00", b"\x54\x00"),
    "unknown type": basic(2).replace(b"\x02\xaa", b"\x03\xaa"),
    "no gates": framed(b"\x01\xaa" + bytes(9) + b"\x55\x00"),
    "gates missing": engineering((8, 8), bytes(17)),
    "a gate too many": engineering((9, 8), bytes(19)),
}


@pytest.mark.parametrize("report", BAD.values(), ids=BAD.keys())
def test_a_report_that_contradicts_itself_is_dropped(decoder: Decoder, report: bytes) -> None:
    assert len(decoder.feed(report + basic(1, 81))) == 1
    assert decoder.dropped == {"bad_report": 1}


@pytest.mark.parametrize("missing", range(1, 23))
def test_a_report_that_breaks_off_costs_no_report_behind_it(decoder: Decoder, missing: int) -> None:
    said = decoder.feed(basic(2, 81)[:-missing] + basic(1, 11) + basic(1, 22) + basic(1, 33))
    strengths = [saying.strength for saying in said if isinstance(saying, Sample)]
    assert strengths == [11.0, 22.0, 33.0]


def test_it_repeats_ten_times_a_second(decoder: Decoder) -> None:
    assert decoder.repeats_every == 0.1


def setup_radar(**options: object) -> Decoder:
    return catalog.load("ld2410").decoder(options)


def ack(word: int, status: int = 0) -> bytes:
    body = bytes((word, 1)) + status.to_bytes(2, "little")
    return bytes.fromhex("fdfcfbfa") + len(body).to_bytes(2, "little") + body + TAIL_OF_ACK


TAIL_OF_ACK = bytes.fromhex("04030201")


def test_engineering_is_asked_for_step_by_step() -> None:
    decoder = setup_radar(engineering=True)
    said = []
    for word in (0xFF, 0x62, 0xFE):
        said.append(decoder.outgoing(0.0).hex())
        decoder.feed(ack(word))
    assert said == [
        "fdfcfbfa0400ff00010004030201",
        "fdfcfbfa0200620004030201",
        "fdfcfbfa0200fe0004030201",
    ]
    assert decoder.outgoing(1.0) == b""


def test_a_command_is_repeated_until_it_is_answered_and_then_left_for_a_while() -> None:
    decoder = setup_radar(engineering=True)
    moments = [at / 10 for at in range(150) if decoder.outgoing(at / 10)]
    assert moments[:5] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert moments[5] >= 12.0
    assert decoder.dropped["no_ack"] == 1


def test_a_command_that_is_refused_is_counted_and_the_next_is_said() -> None:
    decoder = setup_radar(farthest_gate=4, absent_after=5)
    decoder.outgoing(0.0)
    decoder.feed(ack(0xFF))
    ranged = decoder.outgoing(0.1).hex()
    assert ranged == "fdfcfbfa14006000000004000000010004000000020005000000" + "04030201"
    decoder.feed(ack(0x60, status=1))
    assert decoder.dropped == {"command_refused": 1}
    assert decoder.outgoing(0.2).hex() == "fdfcfbfa0200fe0004030201"


def test_a_radar_that_was_without_power_is_set_up_again() -> None:
    decoder = setup_radar(engineering=True)
    for word in (0xFF, 0x62, 0xFE):
        decoder.outgoing(0.0)
        decoder.feed(ack(word))
    decoder.feed(captured("engineering"))
    assert decoder.outgoing(10.0) == b""
    decoder.feed(bytes.fromhex("f4f3f2f10d0002aa0278000000003c00005500f8f7f6f5"))
    assert decoder.outgoing(10.1) != b""
