"""What one message costs to decode, beside parsing its JSON alone."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from sensors import catalog
from tests.bench.harness import Row

CAPTURES = Path(__file__).parents[1] / "captures"
RADAR = "engineering"  # the longest report


def bench(short: bool) -> list[Row]:
    """Every family over MQTT on its captures, then the radar on its longest report."""
    rounds = 20 if short else 2000
    return [*_families(rounds), _radar(rounds)]


def _families(rounds: int) -> list[Row]:
    lines = [json.loads(line) for line in _lines("mqtt_families.jsonl")]
    rows = []
    for name in sorted({line["driver"] for line in lines}):
        messages = [
            (line["topic"], _bytes(line["payload"])) for line in lines if line["driver"] == name
        ]
        decoder = catalog.load(name).decoder({})
        ours = _micro(lambda: [decoder.feed(data, topic) for topic, data in messages], rounds)  # noqa: B023
        bare = _micro(lambda: [_parsed(data) for _, data in messages], rounds)  # noqa: B023
        count = len(messages)
        rows.append(Row(f"{name}, a message", ours / count, "µs", "json", bare / count, "≤ 15 µs"))
    return rows


def _radar(rounds: int) -> Row:
    found = next(line for line in map(json.loads, _lines("ld2410.jsonl")) if line["name"] == RADAR)
    report, decoder = bytes.fromhex(found["hex"]), catalog.load("ld2410").decoder({})
    return Row(
        "ld2410, a report", _micro(lambda: decoder.feed(report), rounds), "µs", target="≤ 10 µs"
    )


def _lines(name: str) -> list[str]:
    return (CAPTURES / name).read_text(encoding="utf-8").splitlines()


def _bytes(payload: object) -> bytes:
    return (payload if isinstance(payload, str) else json.dumps(payload)).encode()


def _parsed(data: bytes) -> object:
    try:
        return json.loads(data)
    except ValueError:
        return None


def _micro(work: Callable[[], object], rounds: int) -> float:
    began = time.process_time()
    for _ in range(rounds):
        work()
    return (time.process_time() - began) / rounds * 1e6
