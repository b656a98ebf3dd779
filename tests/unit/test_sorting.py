"""What a hub makes of messages: who may send, and in which order they are believed."""

from gateway.chain import Branch, Digest, bins_of, encode
from gateway.core.digests import Row
from gateway.hub.sorting import Message, Sorted, Sorter

NOW = 1_795_500_000.0
BRANCH = encode(Branch(gym_id="a", name="A", timezone="UTC", categories=(), machines=()))
BINS = encode(bins_of("a", [Row("m", 1_795_499_100, 0, 0, 9000, 0)]))
DIGEST = encode(Digest(gym_id="a", day="2026-11-24", as_of=NOW, hours=(None,) * 24))


def sort(*said: tuple[str, bytes], allowed: tuple[str, ...] = ()) -> Sorted:
    sorter = Sorter(allowed, (), lambda _gym: (), 1e9, lambda: NOW)
    return sorter.sort([Message(f"gyms/a/{kind}", payload, lambda: None) for kind, payload in said])


def test_a_branch_may_describe_itself_after_its_bins_have_come() -> None:
    found = sort(("bins", BINS), ("branch", BRANCH))
    assert (len(found.rows), found.letters) == (1, [])


def test_bins_of_a_branch_that_nobody_knows_are_a_letter() -> None:
    (letter,) = sort(("bins", BINS)).letters
    assert "has not described itself" in letter.reason


def test_a_proof_that_comes_before_its_branch_is_kept() -> None:
    assert len(sort(("digest/2026-11-24", DIGEST)).digests) == 1


def test_who_is_not_named_in_the_configuration_is_not_believed() -> None:
    found = sort(("branch", BRANCH), ("digest/2026-11-24", DIGEST), allowed=("b",))
    assert (len(found.letters), found.digests, found.rows) == (2, [], [])
