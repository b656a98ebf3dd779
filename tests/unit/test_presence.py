"""Who can be reached is who has a stream, or had one a moment ago."""

from gateway.core.presence import MOST_KEPT, PASSED_OVER_AFTER, Presence


def test_an_open_stream_reaches_its_member_however_long() -> None:
    presence = Presence()
    presence.came("m1")
    assert presence.streams("m1")
    assert presence.near("m1", 1e6)


def test_two_minutes_after_the_last_stream_a_member_is_away() -> None:
    presence = Presence()
    presence.came("m1")
    presence.came("m1")
    presence.left("m1", 10.0)
    assert presence.streams("m1")
    presence.left("m1", 20.0)
    assert presence.near("m1", 140.0)
    assert not presence.near("m1", 140.1)


def test_who_was_seen_longest_ago_is_forgotten_first() -> None:
    presence = Presence()
    for number in range(MOST_KEPT + 1):
        presence.seen(f"m{number}", 0.0)
    assert not presence.near("m0", 0.0)
    assert presence.near("m1", 0.0)


def test_after_a_start_nobody_is_passed_over_before_it_could_come_back() -> None:
    presence = Presence(began=1000.0)
    assert presence.near("m1", 1000.0 + PASSED_OVER_AFTER)
    assert not presence.near("m1", 1001.0 + PASSED_OVER_AFTER)
