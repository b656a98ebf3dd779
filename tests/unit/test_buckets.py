import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.buckets import SHARED, Buckets, Policy, Verdict

DEFAULT = Policy("default", 100, 60)
PAIR = Policy("pair", 2, 10)


def test_headers_are_worded_as_the_draft_says() -> None:
    assert DEFAULT.header == '"default";q=100;w=60'
    assert Verdict(True, 87, 12, 0).header(DEFAULT) == '"default";r=87;t=12'


def test_a_new_client_may_use_its_whole_quota_at_once_and_no_more() -> None:
    buckets = Buckets()
    verdicts = [buckets.take(DEFAULT, "a", 5.0) for _ in range(101)]
    assert [verdict.allowed for verdict in verdicts] == [True] * 100 + [False]
    assert [verdict.remaining for verdict in verdicts] == [*range(99, -1, -1), 0]


def test_a_unit_comes_back_after_its_share_of_the_window() -> None:
    buckets = Buckets()
    buckets.take(PAIR, "a", 0.0)
    assert buckets.take(PAIR, "a", 0.0) == (True, 0, 10, 5)
    assert buckets.take(PAIR, "a", 4.9) == (False, 0, 6, 1)
    assert buckets.take(PAIR, "a", 5.0).allowed


def test_who_waits_as_long_as_told_is_served() -> None:
    buckets = Buckets()
    for _ in range(100):
        buckets.take(DEFAULT, "a", 0.3)
    refused = buckets.take(DEFAULT, "a", 0.3)
    assert not refused.allowed
    assert buckets.take(DEFAULT, "a", 0.3 + refused.retry_after).allowed


def test_a_refusal_costs_nothing() -> None:
    buckets = Buckets()
    for _ in range(50):
        buckets.take(PAIR, "a", 0.0)
    assert buckets.take(PAIR, "a", 5.0).allowed


def test_clients_and_policies_have_buckets_of_their_own() -> None:
    buckets = Buckets()
    for _ in range(3):
        buckets.take(PAIR, "a", 0.0)
    assert buckets.take(PAIR, "b", 0.0).allowed
    assert buckets.take(DEFAULT, "a", 0.0).allowed
    assert not buckets.take(PAIR, "a", 0.0).allowed


def test_looking_takes_nothing_and_says_what_taking_would() -> None:
    buckets = Buckets()
    looks = [buckets.look(PAIR, "a", 0.0) for _ in range(9)]
    assert looks == [(True, 2, 0, 0)] * 9
    buckets.take(PAIR, "a", 0.0)
    buckets.take(PAIR, "a", 0.0)
    assert buckets.look(PAIR, "a", 0.0) == buckets.take(PAIR, "a", 0.0)


def test_a_flood_of_new_keys_keeps_the_table_within_its_bound() -> None:
    buckets = Buckets(most=50)
    for number in range(5000):
        buckets.take(DEFAULT, f"flood-{number}", number / 1000)
    assert len(buckets) <= 51


def test_a_flood_of_new_keys_does_not_wash_out_an_exhausted_bucket() -> None:
    buckets = Buckets(most=50)
    for _ in range(100):
        buckets.take(DEFAULT, "a", 0.0)
    for number in range(500):
        buckets.take(DEFAULT, f"flood-{number}", 0.5)
    assert not buckets.take(DEFAULT, "a", 0.5).allowed


def test_newcomers_at_a_full_table_share_one_bucket() -> None:
    buckets = Buckets(most=1)
    buckets.take(PAIR, "a", 0.0)
    assert [buckets.take(PAIR, key, 0.0).allowed for key in "bcd"] == [True, True, False]
    assert buckets.look(PAIR, SHARED, 0.0).remaining == 0
    assert buckets.look(PAIR, "e", 0.0).remaining == 0
    assert buckets.take(PAIR, "a", 0.0).allowed


def test_a_full_table_makes_room_once_a_bucket_has_refilled() -> None:
    buckets = Buckets(most=1)
    buckets.take(PAIR, "a", 0.0)
    buckets.take(PAIR, "b", 1.0)
    assert buckets.take(PAIR, "c", 6.0).remaining == 1
    assert buckets.look(PAIR, "c", 6.0).remaining == 1


@pytest.mark.parametrize("policy", [DEFAULT, PAIR, Policy("third", 3, 1), Policy("day", 7, 86_400)])
@given(waits=st.lists(st.floats(0, 2), max_size=200))
def test_nobody_ever_gets_more_than_quota_and_refill(policy: Policy, waits: list[float]) -> None:
    buckets, now, given_out = Buckets(), 0.0, 0
    for wait in waits:
        now += wait
        given_out += buckets.take(policy, "a", now).allowed
    assert given_out <= policy.quota + now * policy.quota / policy.window + 1e-6
