"""Ready bytes are bounded in time and in size."""

from gateway.api.ready import Ready, body_of


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_body_is_kept_for_its_time_only() -> None:
    clock = Clock()
    ready = Ready(15.0, 1000, clock)
    body = ready.put("a", body_of(b"x"))
    clock.now = 14.9
    assert ready.get("a") is body
    clock.now = 15.0
    assert ready.get("a") is None


def test_the_longest_unused_goes_first() -> None:
    ready = Ready(60.0, 30, Clock())
    for name in "abc":
        ready.put(name, body_of(b"0123456789"))
    ready.get("a")
    ready.put("d", body_of(b"0123456789"))
    assert [name for name in "abcd" if ready.get(name)] == ["a", "c", "d"]


def test_what_is_put_again_counts_once() -> None:
    ready = Ready(60.0, 30, Clock())
    for _ in range(100):
        ready.put("a", body_of(b"0123456789"))
    ready.put("b", body_of(b"01234567890123456789"))
    assert ready.get("a")
    assert ready.get("b")


def test_what_is_larger_than_all_there_is_is_not_kept() -> None:
    ready = Ready(60.0, 30, Clock())
    assert ready.put("a", body_of(b"0" * 31)).data == b"0" * 31
    assert ready.get("a") is None


def test_cleared_is_empty() -> None:
    ready = Ready(60.0, 30, Clock())
    ready.put("a", body_of(b"0" * 30))
    ready.clear()
    assert ready.get("a") is None
    ready.put("b", body_of(b"0" * 30))
    assert ready.get("b")


def test_equal_bytes_have_equal_tags() -> None:
    assert body_of(b"a").etag == body_of(b"a").etag != body_of(b"b").etag
