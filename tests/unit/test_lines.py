"""Text lines with channels on a serial bus."""

import msgspec
import pytest

from sensors import catalog
from sensors.decoder import Decoder
from sensors.sample import Availability, Sample


@pytest.fixture
def decoder() -> Decoder:
    return catalog.load("lines").decoder({})


@pytest.mark.parametrize("line", [b"3,ON", b" 3 , on ", b"3,1", b"03,True"])
def test_a_line_is_a_channel_and_its_word(decoder: Decoder, line: bytes) -> None:
    assert decoder.feed(line + b"\r\n") == [Sample(active=True, channel=3)]


@pytest.mark.parametrize("key", ["value", "occupied", "active"])
@pytest.mark.parametrize("name", ["id", "channel"])
@pytest.mark.parametrize("word", ["0", "false", '"OFF"'])
def test_the_json_form_takes_the_word_under_any_of_its_keys(
    decoder: Decoder, name: str, key: str, word: str
) -> None:
    line = f'{{"{name}": 3, "{key}": {word}, "firmware": "2.1"}}\n'.encode()
    assert decoder.feed(line) == [Sample(active=False, channel=3)]


def test_json_may_add_battery_and_signal(decoder: Decoder) -> None:
    line = b'{"id": "bike", "value": 1, "battery": 97, "signal": -61.5}\n'
    assert decoder.feed(line) == [Sample(active=True, battery=97, signal=-61.5, channel="bike")]


@pytest.mark.parametrize("line", [b"bike-7,ON\n", b'{"id": "bike-7", "value": "on"}\n'])
def test_a_channel_may_have_a_name(decoder: Decoder, line: bytes) -> None:
    assert decoder.feed(line) == [Sample(active=True, channel="bike-7")]


def test_a_channel_can_come_and_go(decoder: Decoder) -> None:
    assert decoder.feed(b'3,online\n{"id": 4, "value": "offline"}\n') == [
        Availability(online=True, channel=3),
        Availability(online=False, channel=4),
    ]


def test_comments_and_empty_lines_say_nothing_and_are_not_counted(decoder: Decoder) -> None:
    assert decoder.feed(b"# started, ON\n\n   \r\n") == []
    assert not decoder.dropped


UNUSABLE = [
    (b"hello", "not_a_line"),
    (b"3", "not_a_line"),
    (b",ON", "not_a_line"),
    (b"\xff,ON", "not_a_line"),
    (b"{", "not_a_line"),
    (b'{"value": 1}', "not_a_line"),
    (b'{"id": true, "value": 1}', "not_a_line"),
    (b'{"id": 1, "value": 0.5}', "not_a_line"),
    (b'{"id": 1, "value": 1, "battery": 1e999}', "not_a_line"),
    (b'{"id": 1, "x": ' + b"[" * 400, "not_a_line"),
    (b"3,perhaps", "unknown_word"),
    (b"3,ON,4", "unknown_word"),
    (b'{"id": 1}', "unknown_word"),
    (b'{"id": 1, "value": 2}', "unknown_word"),
    (b'{"id": "", "value": 1}', "unknown_channel"),
    (b'{"id": "a\\u0000", "value": 1}', "unknown_channel"),
    (b"x" * 65 + b",ON", "unknown_channel"),
    (b"x" * 600, "line_too_long"),
]


@pytest.mark.parametrize(("line", "reason"), UNUSABLE, ids=lambda value: repr(value)[:40])
def test_a_bad_line_is_dropped_and_the_next_one_heard(
    decoder: Decoder, line: bytes, reason: str
) -> None:
    assert decoder.feed(line + b"\n5,ON\n") == [Sample(active=True, channel=5)]
    assert decoder.dropped == {reason: 1}


def test_it_repeats_every_second_unless_told_otherwise(decoder: Decoder) -> None:
    assert decoder.repeats_every == 1.0
    assert catalog.load("lines").decoder({"repeats_every": 5}).repeats_every == 5.0


def test_zero_means_that_it_speaks_on_change() -> None:
    assert catalog.load("lines").decoder({"repeats_every": 0}).repeats_every is None


@pytest.mark.parametrize("options", [{"repeats_every": -1}, {"repeats_every": "x"}, {"every": 1}])
def test_wrong_options_are_told(options: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        catalog.load("lines").decoder(options)
