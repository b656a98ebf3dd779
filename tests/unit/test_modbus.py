"""Modbus RTU: one question at a time, its answer in any pieces, and nothing else."""

import struct
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors import catalog
from sensors.decoder import Decoder
from sensors.drivers.modbus import Poll, crc, parse, question
from sensors.sample import Sample

METER = {"unit": 1, "address": 12}


def asked(*polls: dict[str, Any], every: float = 1.0) -> Decoder:
    return catalog.load("modbus").decoder({"polls": list(polls) or [METER], "every": every})


def answer(unit: int, function: int, body: bytes) -> bytes:
    head = bytes((unit, function, len(body))) + body
    return head + crc(head)


WATTS = answer(1, 4, struct.pack(">f", 81.5))


@pytest.mark.parametrize(
    ("text", "unit", "address", "count"),
    [("1103007c00020743", 17, 124, 2), ("ff03007c0002100d", 255, 124, 2)],  # pymodbus, BSD
)
def test_a_question_is_taken_apart(text: str, unit: int, address: int, count: int) -> None:
    found = parse(bytes.fromhex(text))
    assert found is not None
    assert (found.unit, found.function, found.address, found.count) == (unit, 3, address, count)
    assert found.crc_ok


def test_our_question_is_the_standards() -> None:
    assert question(Poll(17, 124, function=3)).hex() == "1103007c00020743"


def test_an_answer_becomes_a_level_wherever_it_is_cut() -> None:
    for cut in range(len(WATTS) + 1):
        decoder = asked()
        assert decoder.outgoing(0.0) == question(Poll(1, 12))
        said = decoder.feed(WATTS[:cut]) + decoder.feed(WATTS[cut:])
        assert said == [Sample(None, 81.5, "W", {"power_w": 81.5})]


@pytest.mark.parametrize(
    ("poll", "body", "value"),
    [
        ({"function": 3, "format": "uint16", "scale": 0.5}, b"\x00\x03", 1.5),
        ({"function": 3, "format": "int16"}, b"\xff\xfe", -2.0),
        ({"function": 3, "format": "uint32"}, b"\x00\x01\x00\x00", 65536.0),
        ({"function": 3, "format": "int32", "swap": True}, b"\x00\x07\x00\x00", 7.0),
    ],
)
def test_formats_are_read(poll: dict[str, Any], body: bytes, value: float) -> None:
    decoder = asked(METER | poll)
    decoder.outgoing(0.0)
    (sample,) = decoder.feed(answer(1, 3, body))
    assert isinstance(sample, Sample)
    assert sample.strength == value


def test_an_input_says_whether_the_machine_is_used() -> None:
    decoder = asked(METER | {"function": 2, "format": "bit", "level": "input", "channel": 3})
    decoder.outgoing(0.0)
    assert decoder.feed(answer(1, 2, b"\x01")) == [
        Sample(active=True, levels={"input": 1.0}, channel=3)
    ]


def test_meters_are_asked_in_turn_and_no_faster_than_configured() -> None:
    other = {"unit": 2, "address": 0}
    decoder = asked(METER, other, every=2.0)
    first, second = question(Poll(1, 12)), question(Poll(2, 0))
    assert decoder.outgoing(0.0) == first
    assert decoder.outgoing(0.1) == b""  # it is being answered
    decoder.feed(WATTS)
    assert decoder.outgoing(0.2) == second
    decoder.feed(answer(2, 4, bytes(4)))
    assert decoder.outgoing(1.9) == b""
    assert decoder.outgoing(2.0) == first


def test_a_meter_that_does_not_answer_holds_up_no_other() -> None:
    decoder = asked(METER, {"unit": 2, "address": 0})
    decoder.outgoing(0.0)
    assert decoder.outgoing(0.5) == question(Poll(2, 0))
    assert decoder.dropped == {"no_answer": 1}


def test_an_exception_is_counted_and_the_next_is_asked() -> None:
    decoder = asked()
    decoder.outgoing(0.0)
    head = bytes((1, 0x84, 2))
    assert decoder.feed(head + crc(head)) == []
    assert decoder.dropped == {"refused": 1}
    assert decoder.outgoing(1.0) == question(Poll(1, 12))


@pytest.mark.parametrize(
    "wrong", [answer(2, 4, bytes(4)), answer(1, 3, bytes(4)), WATTS[:-1] + b"\0", b"\xff" * 300]
)
def test_what_does_not_fit_the_question_is_no_answer(wrong: bytes) -> None:
    decoder = asked()
    decoder.outgoing(0.0)
    assert decoder.feed(wrong) == []
    assert decoder.feed(WATTS) == [Sample(None, 81.5, "W", {"power_w": 81.5})]


def test_a_float_that_is_none_is_counted() -> None:
    decoder = asked()
    decoder.outgoing(0.0)
    assert decoder.feed(answer(1, 4, b"\x7f\xc0\x00\x00")) == []
    assert decoder.dropped == {"no_number": 1}


@given(pieces=st.lists(st.binary(max_size=40), max_size=20))
def test_no_bytes_raise_and_little_is_kept(pieces: list[bytes]) -> None:
    decoder = asked()
    for number, _ in pairwise([*pieces, b""]):
        decoder.outgoing(0.0)
        decoder.feed(number)
        decoder.frame(number)
        assert len(decoder) <= 256  # type: ignore[arg-type]  # it has a length
