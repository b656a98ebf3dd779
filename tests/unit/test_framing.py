"""Lines and frames out of a stream, cut anywhere, damaged anywhere."""

from collections import Counter

import pytest

from sensors.framing import Frames, Lines

HEAD, TAIL, OTHER, OTHER_TAIL = b"\xf4\xf3", b"\xf8\xf7", b"\xfd\xfc", b"\x04\x03"
LONGEST = 16


def frame(payload: bytes, head: bytes = HEAD, tail: bytes = TAIL) -> bytes:
    return head + len(payload).to_bytes(2, "little") + payload + tail


class Framed:
    def __init__(self) -> None:
        self.dropped: Counter[str] = Counter()
        self.frames = Frames({HEAD: TAIL, OTHER: OTHER_TAIL}, LONGEST, self.dropped)

    def payloads(self, *pieces: bytes) -> list[bytes]:
        return [payload for piece in pieces for _, payload in self.frames.feed(piece)]


class Lined:
    def __init__(self, longest: int = 8) -> None:
        self.dropped: Counter[str] = Counter()
        self.lines = Lines(longest, self.dropped)

    def feed(self, *pieces: bytes) -> list[bytes]:
        return [line for piece in pieces for line in self.lines.feed(piece)]


def test_a_frame_is_head_length_payload_and_tail() -> None:
    framed = Framed()
    assert framed.frames.feed(frame(b"one") + frame(b"", OTHER, OTHER_TAIL)) == [
        (HEAD, b"one"),
        (OTHER, b""),
    ]
    assert not framed.dropped


def test_a_tail_inside_the_payload_ends_nothing() -> None:
    assert Framed().payloads(frame(TAIL + b"x" + TAIL)) == [TAIL + b"x" + TAIL]


@pytest.mark.parametrize("noise", [b"\x00", b"\xf4", b"\xf4\xf4", b"\xf4\xfd"])
def test_noise_before_a_frame_costs_nothing_but_a_count(noise: bytes) -> None:
    framed = Framed()
    assert framed.payloads(noise + frame(b"one")) == [b"one"]
    assert framed.dropped == {"noise": 1}


@pytest.mark.parametrize(
    "damaged", [b"\xf4\xf3\x02\x00", b"\xf4\xf3\x05\x00a", b"\xf4\xf3\x00\x00"]
)
def test_a_good_frame_inside_a_rejected_one_is_found(damaged: bytes) -> None:
    framed = Framed()
    assert framed.payloads(damaged + frame(b"one") + frame(b"two")) == [b"one", b"two"]
    assert framed.dropped == {"bad_tail": 1}


def test_an_impossible_length_waits_for_no_bytes() -> None:
    framed = Framed()
    assert framed.payloads(HEAD + b"\xff\xff" + frame(b"one")) == [b"one"]
    assert framed.dropped == {"bad_length": 1}


def test_noise_that_goes_on_is_counted_once_until_the_next_good_frame() -> None:
    framed = Framed()
    framed.payloads(*[b"noise"] * 100, frame(b"one"), b"noise")
    assert framed.dropped == {"noise": 2}


def test_what_waits_in_a_frame_is_never_more_than_one_frame() -> None:
    framed = Framed()
    for junk in (b"\x00", HEAD, HEAD + b"\x10\x00", HEAD[:1], b"\xff\xff"):
        for _ in range(300):
            framed.payloads(junk)
            assert len(framed.frames) < len(frame(bytes(LONGEST)))


@pytest.mark.parametrize("unit", [HEAD + b"\x10\x00", b"\x00" + frame(b"one")])
def test_a_megabyte_at_once_is_read_in_one_pass(unit: bytes) -> None:
    framed = Framed()  # searched again for each frame this would take minutes
    said = framed.payloads(unit * (1_000_000 // len(unit)), frame(b"end") * 3)
    assert said[-1] == b"end"
    assert framed.dropped.total() > 99_000


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_lines_end_with_a_line_feed_and_perhaps_a_return(end: bytes) -> None:
    assert Lined().feed(b"one" + end + b"two" + end + b"half") == [b"one", b"two"]


def test_a_line_may_be_as_long_as_allowed() -> None:
    lined = Lined(longest=8)
    assert lined.feed(b"12345678\n123456789\nnext\n") == [b"12345678", b"next"]
    assert lined.dropped == {"line_too_long": 1}


def test_an_endless_line_is_dropped_until_its_end_and_counted_once() -> None:
    lined = Lined()
    assert lined.feed(*[b"endless " * 3] * 50) == []
    assert len(lined.lines) == 0
    assert lined.feed(b"still it\nnext\n") == [b"next"]
    assert lined.dropped == {"line_too_long": 1}


@pytest.mark.parametrize("cut", range(31))
def test_a_long_line_is_too_long_wherever_it_is_cut(cut: int) -> None:
    lined, text = Lined(), b"one\n123456789\ntwo\r\n12345678\nend"
    assert lined.feed(text[:cut], text[cut:]) == [b"one", b"two", b"12345678"]
    assert lined.dropped == {"line_too_long": 1}
