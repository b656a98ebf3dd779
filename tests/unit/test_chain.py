"""What goes up to the chain: payloads, their rules, and the proof over an hour."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from gateway.chain import (
    Bins,
    Branch,
    ChainError,
    Digest,
    bins_of,
    decode,
    encode,
    json_schema,
    rows_of,
)
from gateway.core.bins import Bin
from gateway.core.digests import Row, hour_digest, row_of

NINE = 1_634_544_000
ROWS = [
    Row("leg-press-01", NINE + 900, 1, 4770, 9000, 2),
    Row("leg-press-01", NINE, 0, 0, 9000, 0),
    Row("bench-02", NINE, 3, 10, 20, 1),
]


def test_rows_come_back_as_they_were_sent() -> None:
    payload = encode(bins_of("hk-central", ROWS))
    assert rows_of(decode(Bins, payload, "hk-central")) == ROWS


def test_five_hundred_rows_are_a_small_message() -> None:
    rows = [
        Row(f"machine-{n % 60:02}", NINE + n // 60 * 900, 1, 8999, 9000, 12) for n in range(500)
    ]
    assert len(encode(bins_of("hk-central", rows))) < 20_000


def test_the_order_of_rows_does_not_change_the_proof() -> None:
    lines = (
        b"bench-02,%d,3,10,20,1\n" % NINE
        + b"leg-press-01,%d,0,0,9000,0\n" % NINE
        + b"leg-press-01,%d,1,4770,9000,2\n" % (NINE + 900)
    )
    assert hour_digest(ROWS) == hour_digest(ROWS[::-1])
    assert hour_digest(ROWS) == (3, hashlib.sha256(lines).hexdigest())


def test_merged_rows_are_no_proof() -> None:
    assert hour_digest([*ROWS, Row("bench-02", NINE, 4, 1, 2, 0, 3600)]) == hour_digest(ROWS)


def test_a_bin_travels_in_whole_tenths() -> None:
    assert row_of(Bin("bench-02", NINE, 12.34, 900.0, 1, 2)) == Row(
        "bench-02", NINE, 2, 123, 9000, 1
    )


@pytest.mark.parametrize(
    ("bins", "reason"),
    [
        ("[[1,0,900,0,0,0,0]]", "no machine of index 1"),
        ("[[0,1,900,0,0,0,0]]", "no start of 900 seconds"),
        ("[[0,900,3600,0,0,0,0]]", "no start of 3600 seconds"),
        ("[[0,0,900,0,5,4,0]]", "5 of 4 tenths"),
        ("[[0,0,900,0,5,9001,0]]", "9001 tenths"),
        ("[[0,0,900,-1,0,0,0]]", ">= 0"),
        ("[[0,0,901,0,0,0,0]]", "Invalid enum value 901"),
        ("[[0,-900,900,0,0,0,0]]", ">= 0"),
        ("[]", "length >= 1"),
        (f"[{','.join(['[0,0,900,0,0,0,0]'] * 501)}]", "length <= 500"),
    ],
)
def test_a_row_that_breaks_a_rule_is_named(bins: str, reason: str) -> None:
    payload = f'{{"v":1,"gymId":"a","machines":["b"],"bins":{bins}}}'.encode()
    with pytest.raises(ChainError, match=reason):
        rows_of(decode(Bins, payload, "a"))


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "truncated"),
        (b"\xff", "malformed"),
        (b"[]", "Expected `object`"),
        (b'{"v":2,"gymId":"a","machines":[],"bins":[]}', "enum value 2"),
        (b'{"v":1,"gymId":"b","machines":["b"],"bins":[[0,0,900,0,0,0,0]]}', "under the topic"),
        (b" " * 70_000, "70000 bytes; at most"),
    ],
)
def test_what_is_no_payload_says_why(payload: bytes, reason: str) -> None:
    with pytest.raises(ChainError, match=reason):
        decode(Bins, payload, "a", most=65_536)


def test_a_branch_and_a_digest_come_back_as_they_were_told() -> None:
    branch = Branch(gym_id="a", name="A", timezone="UTC", categories=(), machines=())
    digest = Digest(gym_id="a", day="2026-11-24", as_of=1.5, hours=((4, "00"), *[None] * 23))
    assert decode(Branch, encode(branch), "a") == branch
    assert decode(Digest, encode(digest), "a") == digest


PAGE = Path(__file__).parents[2] / "docs/upstream.md"


def test_the_example_in_the_docs_is_what_travels_and_its_proof() -> None:
    page = PAGE.read_text(encoding="utf-8")
    payload, lines, entry = re.findall(
        r"```(?:json)?\n(.*?)```", page.split("A message, and")[1], re.DOTALL
    )[:3]
    rows = rows_of(decode(Bins, payload.encode(), "hk-central"))
    assert rows == ROWS
    assert hour_digest(rows) == tuple(json.loads(entry))
    assert hashlib.sha256(lines.encode()).hexdigest() == json.loads(entry)[1]


SCHEMA = Path(__file__).parents[2] / "docs/upstream.schema.json"


def test_the_schema_in_the_docs_is_that_of_the_payloads() -> None:
    """To write it anew: python -c "import json; from gateway.chain import json_schema as s;
    print(json.dumps(s(), indent=2))" > docs/upstream.schema.json"""
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == json.loads(json.dumps(json_schema()))
