"""Native sensors: SPEC's payloads, and whatever else a topic may carry."""

import pytest

from sensors import catalog
from sensors.decoder import Decoder
from sensors.sample import Availability, Sample

TOPIC = "gyms/hk-central/machines/leg-press-01/occupancy"
AVAILABILITY = "gyms/hk-central/machines/leg-press-01/availability"


@pytest.fixture
def decoder() -> Decoder:
    return catalog.load("native").decoder({})


def test_the_json_form_carries_time_and_number(decoder: Decoder) -> None:
    payload = b'{"occupied": true, "timestamp": 1634567890.5, "seq": 17, "more": [1]}'
    assert decoder.feed(payload, TOPIC) == [Sample(active=True, timestamp=1634567890.5, seq=17)]


@pytest.mark.parametrize("word", [b"ON", b"on", b" On\r\n", b"1", b"true", b"TRUE"])
def test_a_bare_word_means_occupied_in_any_case(decoder: Decoder, word: bytes) -> None:
    assert decoder.feed(word, TOPIC) == [Sample(active=True)]


@pytest.mark.parametrize("word", [b"OFF", b"off", b"0", b"false", b"False\n"])
def test_a_bare_word_means_free_in_any_case(decoder: Decoder, word: bytes) -> None:
    assert decoder.feed(word, TOPIC) == [Sample(active=False)]


@pytest.mark.parametrize(("value", "active"), [("1", True), ("0", False), ('"ON"', True)])
def test_the_same_words_are_understood_inside_json(
    decoder: Decoder, value: str, *, active: bool
) -> None:
    assert decoder.feed(f'{{"occupied": {value}}}'.encode(), TOPIC) == [Sample(active)]


def test_the_sibling_topic_tells_availability(decoder: Decoder) -> None:
    assert catalog.load("native").topics(TOPIC, {}) == (TOPIC, AVAILABILITY)
    assert decoder.feed(b"online", AVAILABILITY) == [Availability(online=True)]
    assert decoder.feed(b"offline", AVAILABILITY) == [Availability(online=False)]


def test_a_topic_of_ones_own_has_no_sibling() -> None:
    assert catalog.load("native").topics("my/topic", {}) == ("my/topic",)


def test_it_speaks_on_change(decoder: Decoder) -> None:
    assert decoder.repeats_every is None


UNUSABLE = [
    (b"", "unknown_word"),
    (b"hello", "unknown_word"),
    (b"\xff\xfe", "unknown_word"),
    (b'{"occupied": true', "unknown_word"),
    (b'{"occupied": true, "timestamp": NaN}', "unknown_word"),
    (b'{"occupied": "\\ud800"}', "unknown_word"),
    (b"{}", "wrong_value"),
    (b"[]", "wrong_value"),
    (b'{"occupied": null}', "wrong_value"),
    (b'{"occupied": 2}', "wrong_value"),
    (b'{"occupied": "perhaps"}', "wrong_value"),
    (b'{"occupied": true, "timestamp": "now"}', "wrong_value"),
    (b'{"occupied": true, "timestamp": 1e999}', "wrong_value"),
    (b'{"occupied": true, "seq": 1.5}', "wrong_value"),
    (b'{"occupied": true, "seq": 9223372036854775808}', "wrong_value"),
    (b'{"occupied": true, "seq": -9223372036854775809}', "wrong_value"),
    (b'{"occupied": true, "seq": ' + b"9" * 400 + b"}", "wrong_value"),
    (b'{"occupied": true}' + b" " * 4096, "too_large"),
    (bytes(10_000_000), "too_large"),
]


@pytest.mark.parametrize(("payload", "reason"), UNUSABLE, ids=lambda value: repr(value)[:40])
def test_what_is_no_word_is_dropped_with_its_reason(
    decoder: Decoder, payload: bytes, reason: str
) -> None:
    assert decoder.feed(payload, TOPIC) == []
    assert decoder.dropped == {reason: 1}


def test_deep_nesting_is_a_word_or_counted_but_never_raises(decoder: Decoder) -> None:
    deep = b'{"occupied": true, "x": ' + b"[" * 1900 + b"]" * 1900 + b"}"
    said = decoder.feed(deep, TOPIC)
    assert len(said) + decoder.dropped["unknown_word"] == 1  # how deep depends on the Python


@pytest.mark.parametrize("payload", [b"", b"ON", b"\xff", b'{"state": "online"}', b"x" * 5000])
def test_availability_is_one_of_two_words(decoder: Decoder, payload: bytes) -> None:
    assert decoder.feed(payload, AVAILABILITY) == []
    assert decoder.dropped.total() == 1


@pytest.mark.parametrize("seq", [-(2**63), 0, 2**63 - 1])
def test_a_number_may_fill_64_bits(decoder: Decoder, seq: int) -> None:
    payload = f'{{"occupied": false, "seq": {seq}}}'.encode()
    assert decoder.feed(payload, TOPIC) == [Sample(active=False, seq=seq)]
