"""What every driver promises, whatever its family: held against all that the catalog has."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors import catalog
from sensors.decoder import Decoder
from sensors.sample import Saying
from tests.unit.test_ld2410 import captured

ROOT = Path(__file__).parents[2]
SERIAL = [name for name in catalog.names() if catalog.load(name).transport == "serial"]
MQTT = [name for name in catalog.names() if catalog.load(name).transport == "mqtt"]
TOPICS = ["gyms/a/machines/b/occupancy", "gyms/a/machines/b/availability", "", "x"]
PATIENT = settings(deadline=None)  # a busy machine is no failure
LARGEST_BUFFER = 1024  # bytes: no line and no frame of any family is longer
REPORTS = (
    "engineering_light_out",
    "no_head",
    "ack_then_report",
    "bad_tail_then_ack",
    "engineering",
)
STREAMS = {
    "ld2410": b"\xf4\x12\x34" + b"".join(map(captured, REPORTS)) + b"\xf4\xf3",
    "lines": b'ON\n3,ON\r\n# x\n{"id": "a", "value": 0}\n' + b"x" * 600 + b"\n\n4,offline\n5,O",
}


def made(name: str) -> Decoder:
    return catalog.load(name).decoder({})


def said(name: str, *pieces: bytes) -> tuple[list[Saying], dict[str, int]]:
    decoder = made(name)
    return [saying for piece in pieces for saying in decoder.feed(piece)], dict(decoder.dropped)


def waiting(decoder: Decoder) -> int:
    return decoder.__len__() if hasattr(decoder, "__len__") else 0


@pytest.mark.parametrize("name", SERIAL)
def test_every_serial_driver_has_a_stream_to_be_cut(name: str) -> None:
    sayings, dropped = said(name, STREAMS[name])
    assert len(sayings) >= 3
    assert dropped


@pytest.mark.parametrize("name", SERIAL)
def test_a_stream_says_the_same_wherever_it_is_cut(name: str) -> None:
    stream = STREAMS[name]
    whole = said(name, stream)
    for cut in range(len(stream) + 1):
        assert said(name, stream[:cut], stream[cut:]) == whole


@pytest.mark.parametrize("name", SERIAL)
@PATIENT
@given(data=st.data())
def test_a_stream_says_the_same_in_any_pieces(name: str, data: st.DataObject) -> None:
    stream = STREAMS[name]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    ends = zip([0, *cuts], [*cuts, len(stream)], strict=True)
    assert said(name, *(stream[begin:end] for begin, end in ends)) == said(name, stream)


@pytest.mark.parametrize("name", SERIAL)
@PATIENT
@given(data=st.data())
def test_a_damaged_stream_says_the_same_in_any_two_pieces(name: str, data: st.DataObject) -> None:
    stream = bytearray(STREAMS[name])
    for place in data.draw(st.lists(st.integers(0, len(stream) - 1), max_size=9)):
        stream[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(stream)))
    assert said(name, bytes(stream[:cut]), bytes(stream[cut:])) == said(name, bytes(stream))


@pytest.mark.parametrize("name", SERIAL)
@PATIENT
@given(damage=st.binary(max_size=40), cut=st.integers(0, 10_000))
def test_the_stream_finds_its_way_again_behind_any_damage(
    name: str, damage: bytes, cut: int
) -> None:
    stream = STREAMS[name]
    heard, _ = said(name, stream[: cut % len(stream)] + damage, b"\n", stream, stream, stream)
    once, _ = said(name, stream)
    assert heard[-len(once) :] == once


@pytest.mark.parametrize("name", catalog.names())
@PATIENT
@given(pieces=st.lists(st.binary(max_size=300), max_size=20), topic=st.sampled_from(TOPICS))
def test_no_bytes_raise_and_little_is_kept(name: str, pieces: list[bytes], topic: str) -> None:
    decoder = made(name)
    for piece in pieces:
        decoder.feed(piece, topic)
        assert waiting(decoder) <= LARGEST_BUFFER


@pytest.mark.parametrize("name", catalog.names())
@pytest.mark.parametrize(
    "unit", [b"\x00", b"x", b"\xf4", b"\xf4\xf3\xf2\xf1\x40\x00", b"{[", b"\xff"]
)
def test_an_endless_stream_of_nonsense_is_counted_and_not_kept(name: str, unit: bytes) -> None:
    decoder = made(name)
    for _ in range(20):
        assert decoder.feed(unit * 1000, TOPICS[0]) == []
        assert waiting(decoder) <= LARGEST_BUFFER
    assert decoder.dropped.total() > 0


@pytest.mark.parametrize("name", catalog.names())
def test_ten_megabytes_at_once_are_no_trouble(name: str) -> None:
    decoder = made(name)
    assert decoder.feed(bytes(10_000_000), TOPICS[0]) == []
    assert waiting(decoder) <= LARGEST_BUFFER
    assert decoder.dropped.total() == 1


@pytest.mark.parametrize("name", MQTT)
@pytest.mark.parametrize("topic", TOPICS)
def test_an_empty_message_says_nothing(name: str, topic: str) -> None:
    assert made(name).feed(b"", topic) == []


@pytest.mark.parametrize("name", catalog.names())
def test_two_decoders_of_a_family_share_nothing(name: str) -> None:
    first, second = made(name), made(name)
    first.feed(b"\x00nonsense\n" * 100, TOPICS[0])
    assert first.dropped
    assert not second.dropped


@pytest.mark.parametrize("name", catalog.names())
def test_only_who_is_asked_to_speaks(name: str) -> None:
    assert made(name).outgoing(0.0) == b""


@pytest.mark.parametrize("name", catalog.names())
def test_every_driver_is_named_as_its_file_and_described(name: str) -> None:
    driver = catalog.load(name)
    assert driver.name == name
    assert driver.summary
    assert f"## `{name}`" in (ROOT / "docs" / "sensors.md").read_text(encoding="utf-8")
