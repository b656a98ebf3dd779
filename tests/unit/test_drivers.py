"""What every driver promises, whatever its family: held against all that the catalog has."""

import json
from math import isfinite
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.load import load
from sensors import catalog
from sensors.decoder import Decoder, Driver
from sensors.sample import Sample, Saying
from tests.acceptance.fuzz import campaign
from tests.unit.test_ld2410 import captured

DOCS = Path(__file__).parents[2] / "docs" / "sensors.md"
BRANCH = """
[branch]
id = "hk-central"
name = "Central"
[categories.all]
name = "All"
[[machines]]
id = "leg-press-01"
name = "Leg press 1"
category = "all"
[[machines]]
id = "rower-01"
name = "Rower 1"
category = "all"
"""
ASKED = {"modbus"}  # says nothing unless it was asked: its own tests cut its answers
SERIAL = [
    name
    for name in catalog.names()
    if catalog.load(name).transport == "serial" and name not in ASKED
]
MQTT = [name for name in catalog.names() if catalog.load(name).transport == "mqtt"]
TOPICS = ["gyms/a/machines/b/occupancy", "gyms/a/machines/b/availability", "", "x"]
PATIENT = settings(deadline=None)  # a busy machine is no failure
LARGEST_BUFFER = 1024  # bytes: no line and no frame of any family is longer
# what JSON can hold, numbers beyond 64 bits and beyond any float too
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)
KEYS = st.sampled_from(["occupied", "timestamp", "seq", "state", "value", "id", "battery"])
OUT_OF_RANGE = [
    *(f'{{"occupied": 1, "{key}": {2**70}}}' for key in ("seq", "timestamp", "occupied")),
    *(f'{{"occupied": 1, "{key}": 1e999}}' for key in ("seq", "timestamp", "occupied")),
    *('{"occupied": 1, "timestamp": NaN}', '{"occupied": -Infinity}', "1e999", "NaN"),
    *("[" * 4000, '{"occupied": ' * 300, '{"":' * 1000, "[" * 100_000),
]
REPORTS = (
    "engineering_light_out",
    "no_head",
    "ack_then_report",
    "bad_tail_then_ack",
    "engineering",
)
LD2450 = "aaff03000e03b186100040010000000000000000000000000000000055cc"  # the maker's manual, p. 13
STREAMS = {
    "ld2410": b"\xf4\x12\x34" + b"".join(map(captured, REPORTS)) + b"\xf4\xf3",
    "ld2450": b"\xaa\xff" + b"\x12".join(3 * [bytes.fromhex(LD2450)]) + b"\xaa\xff\x03",
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


def storable(saying: Saying) -> bool:
    """Whether its time is finite, and its number one that 64 bits hold."""
    if not isinstance(saying, Sample):
        return True
    return isfinite(saying.timestamp or 0) and -(2**63) <= (saying.seq or 0) < 2**63


@pytest.mark.parametrize("name", MQTT)
@PATIENT
@given(fields=st.dictionaries(KEYS, VALUES), topic=st.sampled_from(TOPICS) | st.text())
def test_any_json_says_what_can_be_stored_or_is_counted(
    name: str, fields: dict[str, object], topic: str
) -> None:
    decoder = made(name)
    sayings = decoder.feed(json.dumps(fields).encode(), topic)
    assert sayings or decoder.dropped
    assert all(map(storable, sayings))


@pytest.mark.parametrize("name", MQTT)
@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("payload", OUT_OF_RANGE, ids=lambda payload: payload[:40])
def test_numbers_out_of_range_and_endless_nesting_are_never_said(
    name: str, topic: str, payload: str
) -> None:
    decoder = made(name)
    sayings = decoder.feed(payload.encode(), topic)
    assert sayings or decoder.dropped
    assert all(map(storable, sayings))


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
    assert f"## `{name}`" in DOCS.read_text(encoding="utf-8")


def test_the_docs_entries_are_a_good_configuration_with_every_driver(tmp_path: Path) -> None:
    _, _, rest = DOCS.read_text(encoding="utf-8").partition("```toml\n")
    file = tmp_path / "gateway.toml"
    file.write_text(BRANCH + rest.partition("```")[0], encoding="utf-8")
    config = load(file)
    used = {entry.driver for entry in config.serial}
    used |= {sensor.driver for sensor in config.sensors if sensor.source == "mqtt"}
    assert used == set(catalog.names())


def test_the_docs_example_of_a_driver_works() -> None:
    _, _, rest = DOCS.read_text(encoding="utf-8").partition("```python\n")
    module: dict[str, Driver] = {}
    exec(rest.partition("```")[0], module)
    decoder = module["DRIVER"].decoder({})
    assert [decoder.feed(word) for word in (b"sat", b"what")] == [[Sample(active=True)], []]
    assert decoder.dropped == {"unknown_word": 1}


@pytest.mark.parametrize("name", catalog.names())
def test_a_short_campaign_of_nonsense_finds_nothing(name: str) -> None:
    campaign(name, 200, 7)
