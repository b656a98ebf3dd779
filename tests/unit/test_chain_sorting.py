"""Messages of branches: read, or kept as a letter that says why not."""

from typing import Any

import msgspec
import pytest

from gateway.hub.sorting import MOST_MACHINES, Message, Sorted, Sorter

NOW, DAY = 1_800_000_000, 86_400
HOURS = [None] * 24
LOST = {"hour": 0, "bins": 4, "reason": "mislaid"}


def sorter(*allowed: str, machines: tuple[str, ...] = ()) -> Sorter:
    return Sorter(allowed, ["g"], lambda _gym: machines, 30 * DAY, lambda: NOW)


def sort(topic: str, payload: bytes | dict[str, Any], by: Sorter | None = None) -> Sorted:
    data = payload if isinstance(payload, bytes) else msgspec.json.encode({"v": 1, **payload})
    return (by or sorter()).sort([Message(topic, data, lambda: None)])


def bins(**more: Any) -> dict[str, Any]:
    return {
        "gymId": "g",
        "machines": ["a"],
        "bins": [[0, NOW // 900 * 900, 900, 0, 0, 0, 0]],
    } | more


def branch(**more: Any) -> dict[str, Any]:
    told = {
        "gymId": "g",
        "name": "G",
        "timezone": "Asia/Hong_Kong",
        "categories": [],
        "machines": [],
    }
    return told | more


def summary(**more: Any) -> dict[str, Any]:
    told = {"gymId": "g", "epoch": "e", "seq": 1, "asOf": NOW, "open": True, "categories": []}
    return told | {"machines": {}} | more


def digest(day: str, **more: Any) -> dict[str, Any]:
    return {"gymId": "g", "day": day, "asOf": NOW, "hours": HOURS} | more


DEEP = b'{"v":1,"gymId":"g","more":' + b"[" * 30_000 + b"]" * 30_000 + b"}"
BAD = [
    ("gyms/g/bins", DEEP, "recursion"),
    ("gyms/g/bins", b"\xff\xfe", ""),
    ("gyms/g/bins", b'{"v":1', "truncated"),
    ("gyms/g/bins", b'{"v":1}' + b" " * 70_000, "at most 65536"),
    ("gyms/G%2F/bins", bins(), "no branch's"),
    ("gyms/g/occupancy", b"1", "nothing is known"),
    ("elsewhere", b"1", "no branch's"),
    ("gyms/x/bins", bins(gymId="x"), "not described itself"),
    ("gyms/g/bins", bins(gymId="x"), "under the topic of 'g'"),
    ("gyms/g/bins", bins(bins=[[0, 10**30, 900, 0, 0, 0, 0]]), ""),
    ("gyms/g/bins", bins(bins=[[0, 2_000_000_000 // 900 * 900, 900, 0, 0, 0, 0]]), "future"),
    ("gyms/g/bins", bins(bins=[[0, 900, 900, 0, 10, 5, 0]]), "10 of 5 tenths"),
    ("gyms/g/branch", branch(timezone="Mars/Olympus"), "timezone"),
    ("gyms/g/branch", branch(timezone="../../etc/passwd"), "timezone"),
    ("gyms/g/branch", branch(openingHours={"mon": "late"}), "openingHours"),
    ("gyms/g/branch", branch(openingHours={"someday": "06:00-23:00"}), "openingHours"),
    ("gyms/g/branch", branch(openingHours={"mon": "00:00-99999999999999:00"}), "time of day"),
    ("gyms/g/branch", branch(holidays=["soon"]), "holidays"),
    ("gyms/g/branch", branch(publicUrl="javascript:alert(1)"), "publicUrl"),
    ("gyms/g/branch", branch(latitude=91), "not on Earth"),
    ("gyms/g/summary", summary(asOf=NOW + 7200), "future"),
    ("gyms/g/summary", summary(asOf=-1e15), ">= 0"),
    ("gyms/g/summary", summary(machines={"a": ["free", -1.0, None]}), ">= 0"),
    ("gyms/g/summary", summary(machines={"a": ["tired", None, None]}), "no status"),
    ("gyms/g/summary", summary(machines={"a": ["free", NOW * 2, None]}), "future"),
    ("gyms/g/digest/2027-01-14", digest("2027-01-13"), "under the topic of '2027-01-14'"),
    ("gyms/g/digest/2027-13-01", digest("2027-13-01"), "no day"),
    ("gyms/g/digest/2027-01-14", digest("2027-01-14", lost=[LOST] * 385), "<= 384"),
    ("gyms/g/digest/2030-01-01", digest("2030-01-01"), "future"),
    ("gyms/g/gateway", b"maybe", "neither online nor offline"),
]


@pytest.mark.parametrize(("topic", "payload", "reason"), BAD)
def test_what_breaks_a_rule_is_a_letter_with_its_reason(
    topic: str, payload: bytes | dict[str, Any], reason: str
) -> None:
    found = sort(topic, payload)
    (letter,) = found.letters
    assert reason in letter.reason
    assert found == Sorted(letters=[letter])


def test_more_machines_than_any_gym_has_are_refused() -> None:
    full = sorter(machines=tuple(f"m{n}" for n in range(MOST_MACHINES)))
    made_up = summary(machines={"a": ["free", None, None]})
    for kind, told in (("bins", bins()), ("summary", made_up)):
        assert "more than 5000 machines" in sort(f"gyms/g/{kind}", told, full).letters[0].reason


def test_only_the_named_branches_may_send_where_some_are_named() -> None:
    named = sorter("h")
    assert sort("gyms/g/bins", bins(), named).letters
    assert sort("gyms/g/branch", branch(), named).letters
    assert sort("gyms/h/bins", bins(gymId="h"), named).rows


def test_who_describes_itself_is_heard_from_then_on() -> None:
    anyone = sorter()
    sort("gyms/new/branch", branch(gymId="new"), anyone)
    assert sort("gyms/new/bins", bins(gymId="new"), anyone).rows


def test_a_summary_that_overtook_the_description_is_heard_with_it() -> None:
    now = [NOW]
    anyone = Sorter((), [], lambda _gym: (), 30 * DAY, lambda: now[0])
    assert sort("gyms/g/summary", summary(), anyone) == Sorted()
    assert [type(one.word).__name__ for one in sort("gyms/g/branch", branch(), anyone).told] == [
        "Branch",
        "Summary",
    ]
    strange = [sort("gyms/x/summary", summary(gymId="x"), anyone)]
    now[0] += 61
    strange.append(sort("gyms/x/summary", summary(gymId="x"), anyone))
    assert [len(found.letters) for found in strange] == [0, 1]


def test_what_the_broker_kept_is_no_word_of_now() -> None:
    payload = msgspec.json.encode({"v": 1, **summary()})
    found = sorter().sort([Message("gyms/g/summary", payload, lambda: None, retained=True)])
    assert (len(found.told), found.told[0].retained, found.heard) == (1, True, set())


def test_what_is_cleared_or_long_past_says_nothing_and_is_no_fault() -> None:
    assert sort("gyms/g/digest/2026-01-01", b"") == Sorted()
    assert sort("gyms/g/digest/2026-01-01", digest("2026-01-01")) == Sorted(heard={"g"})
    assert sort("gyms/g/bins", bins(bins=[[0, 900, 900, 0, 0, 0, 0]])).outdated == 1


def test_a_branch_whose_description_is_taken_back_is_gone() -> None:
    one = sorter()
    (told,) = sort("gyms/g/branch", b"", one).told
    assert told.word is None
    assert sort("gyms/g/bins", bins(), one).letters
    assert sort("gyms/g/branch", b"", one) == Sorted()


def test_the_last_words_of_a_branch_that_leaves_are_heard() -> None:
    last = Message("gyms/g/bins", msgspec.json.encode({"v": 1, **bins()}), lambda: None)
    found = sorter().sort([last, Message("gyms/g/branch", b"", lambda: None)])
    assert (len(found.rows), len(found.letters)) == (1, 0)


def test_epochs_that_take_turns_are_two_boxes() -> None:
    one = sorter()
    letters = [sort("gyms/g/summary", summary(epoch=epoch), one).letters for epoch in "aabaab"]
    assert [len(found) for found in letters] == [0, 0, 0, 1, 0, 1]


def test_a_bin_of_the_future_takes_no_other_along() -> None:
    ahead = 2_000_000_000 // 900 * 900
    rows = [[0, start, 900, 0, 0, 0, 0] for start in (NOW // 900 * 900 - 900, ahead)]
    found = sort("gyms/g/bins", bins(bins=rows))
    assert [row.start for _, row in found.rows] == [rows[0][1]]
    assert [letter.reason for letter in found.letters] == [
        f"1 of 2 bins lie in the future, as {ahead}"
    ]
