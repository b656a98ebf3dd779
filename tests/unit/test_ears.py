"""A hub notices that its broker tells it only a part."""

from gateway.hub.ears import Ears
from gateway.hub.sorting import Message


def said(*kinds: str) -> list[Message]:
    return [Message(f"gyms/a/{kind}", b"", lambda: None) for kind in kinds]


def test_who_hears_everything_is_not_deaf() -> None:
    ears = Ears(0, deaf_after=10, again=100)
    ears.hear(said("summary", "bins", "digest/2026-11-24"), 9)
    assert ears.deaf(12) == []


def test_a_kind_that_falls_silent_while_others_speak_is_subscribed_to_anew_once() -> None:
    ears = Ears(0, deaf_after=10, again=100)
    ears.hear(said("summary", "bins", "gateway"), 9)
    assert ears.deaf(12) == ["digest/+"]
    assert ears.deaf(13) == []


def test_bins_without_live_summaries_for_ten_minutes_are_a_lost_subscription() -> None:
    ears = Ears(0, deaf_after=7200, again=86400)
    ears.hear(said("bins"), 599)
    assert ears.deaf(599) == []
    ears.hear(said("digest/2026-11-24"), 601)
    assert ears.deaf(601) == ["summary"]
    assert ears.deaf(602) == []


def test_when_nobody_speaks_it_is_not_our_ears() -> None:
    assert Ears(0, deaf_after=10, again=100).deaf(12) == []


def test_a_topic_that_is_no_branchs_is_no_word() -> None:
    ears = Ears(0, deaf_after=10, again=100)
    ears.hear([Message("gyms", b"", lambda: None), *said("summary")], 9)
    assert ears.deaf(12) == ["bins", "digest/+"]


def test_digests_are_read_again_once_a_day_for_one_may_have_been_dropped() -> None:
    ears = Ears(0, deaf_after=10, again=100)
    assert [ears.should_reread(now) for now in (99, 100, 101, 200)] == [False, True, False, True]
