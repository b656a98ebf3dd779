"""A configuration is changed where it must be, and nowhere else."""

import tomllib
from difflib import ndiff
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.edit import CannotEditError, edited, entry, toml, with_changes, with_sensors

ROOT = Path(__file__).parents[2]
BRANCH = (ROOT / "config/examples/branch.toml").read_text(encoding="utf-8")
MIXED = """\
# the hall
[[sensors]]
id = "a"          # the old one
topic = "x/a"     # by the door
options = { polls = [
  1,              # first
] }

[[serial]]        # between two sensors
id = "wall"

[[sensors]]
id = "b"
# about nothing
"""
VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def lines_changed(old: str, new: str) -> list[str]:
    found = ndiff(old.splitlines(), new.splitlines())
    return [line for line in found if line.startswith(("-", "+"))]


@given(VALUES)
def test_what_is_written_is_read_again(value: object) -> None:
    try:
        written = toml(value)
    except CannotEditError:
        return  # a key with half a character
    assert tomllib.loads(f"v = {written}")["v"] == value


def test_one_key_changes_and_its_comment_stays() -> None:
    new = edited(MIXED, "sensors", 0, {"topic": "y"})
    assert lines_changed(MIXED, new) == [
        '- topic = "x/a"     # by the door',
        '+ topic = "y"     # by the door',
    ]


def test_a_value_of_several_lines_goes_as_a_whole() -> None:
    new = edited(MIXED, "sensors", 0, {"options": None, "channel": 3})
    assert tomllib.loads(new)["sensors"][0] == {"id": "a", "topic": "x/a", "channel": 3}
    assert len(lines_changed(MIXED, new)) == 4


def test_an_entry_behind_another_array_is_found_and_the_order_stays() -> None:
    new = edited(MIXED, "sensors", 1, {"topic": "y"})
    assert lines_changed(MIXED, new) == ['+ topic = "y"']
    assert new.index("y") < new.index("# about nothing")


def test_line_ends_of_windows_stay() -> None:
    new = edited(MIXED.replace("\n", "\r\n"), "sensors", 0, {"topic": "y"})
    assert new.count("\r\n") == new.count("\n") == MIXED.count("\n")
    assert with_sensors("a = 1\r\n", [entry("b", {"c": 1})]) == "a = 1\r\n\r\n[[b]]\r\nc = 1\r\n"


@pytest.mark.parametrize(
    "text",
    [
        'sensors = [{ id = "a", topic = "x" }]\n',
        '[[sensors]]\nid = "a"\n[sensors.topic]\nx = 1\n',
        '[[sensors]]\nid = "a"\ntopic.x = 1\n',
        'x = """\n[[sensors]]\n"""\n[[sensors]]\nid = "a"\ntopic = "x"\n',
    ],
)
def test_what_cannot_be_changed_safely_is_left_to_people(text: str) -> None:
    with pytest.raises(CannotEditError, match=r"by hand: topic = \"y\"|of its own"):
        edited(text, "sensors", 0, {"topic": "y"})


def test_a_quoted_key_and_a_hash_in_a_text_do_no_harm() -> None:
    text = '[[sensors]]\n"topic" = "a#b" # see #3\n'
    assert edited(text, "sensors", 0, {"topic": "c"}) == '[[sensors]]\ntopic = "c" # see #3\n'


def test_entries_are_appended_below_a_last_line_without_its_end() -> None:
    new = with_sensors(
        "[branch]\nid = 1", [entry("sensors", {"id": "a", "options": {"a b": [1.5]}})]
    )
    assert new == '[branch]\nid = 1\n\n[[sensors]]\nid = "a"\noptions = { "a b" = [1.5] }\n'


def test_sensors_and_lines_that_alternate_as_in_the_docs_stay_in_their_order() -> None:
    docs = (ROOT / "docs/sensors.md").read_text(encoding="utf-8")
    text = docs.partition("```toml\n")[2].partition("```")[0]
    new = with_changes(text, "sensors", "rower-01-motion", {"topic": "zigbee2mqtt/new"})
    assert lines_changed(text, new) == [
        '- topic = "zigbee2mqtt/rower-01"',
        '+ topic = "zigbee2mqtt/new"',
    ]
