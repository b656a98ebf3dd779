"""Feed every driver with what no device sends: nothing escapes, and memory stays bounded.

`python -m tests.acceptance.fuzz [--cases 100000] [--seed 1] [driver …]` runs hypothesis on damaged
captures, on JSON with the right keys and wrong values, and on any bytes.
"""

import argparse
import json
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from sensors import catalog
from sensors.announcement import BadAnnouncementError, announced
from sensors.decoder import Decoder

CAPTURES = Path(__file__).parents[1] / "captures"
LARGEST_BUFFER = 1024  # bytes that a decoder may keep
OPTIONS: dict[str, dict[str, object]] = {
    "modbus": {"polls": [{"unit": 1, "address": 0}]},
    "ld2410": {"engineering": True},
}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)


def captured(driver: str) -> tuple[list[bytes], list[str], list[str]]:
    """(messages, topics, keys) that the driver knows."""
    lines = [
        json.loads(line)
        for line in (CAPTURES / "mqtt_families.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    own = [line for line in lines if line["driver"] == driver]
    payloads = [line["payload"] for line in own]
    messages = [(p if isinstance(p, str) else json.dumps(p)).encode() for p in payloads]
    radar = (CAPTURES / "ld2410.jsonl").read_text(encoding="utf-8").splitlines()
    if driver == "ld2410":
        messages = [bytes.fromhex(json.loads(line)["hex"]) for line in radar]
    keys = {key for payload in payloads if isinstance(payload, dict) for key in payload}
    return messages or [b"3,ON\n", b"ON"], [line["topic"] for line in own] or [""], sorted(keys)


def inputs(driver: str) -> st.SearchStrategy[tuple[bytes, str]]:
    """Messages and the topics they come on."""
    messages, topics, keys = captured(driver)
    damaged = st.builds(
        _damaged, st.sampled_from(messages), st.binary(max_size=6), st.integers(0, 500)
    )
    words = st.dictionaries(st.sampled_from(keys or ["id"]) | st.text(max_size=6), VALUES)
    objects = words.map(lambda said: json.dumps(said).encode())
    return st.tuples(
        damaged | objects | st.binary(max_size=200), st.sampled_from(topics) | st.text(max_size=20)
    )


def _damaged(message: bytes, damage: bytes, place: int) -> bytes:
    place %= len(message) + 1
    return message[:place] + damage + message[place + len(damage) // 2 :]


def campaign(driver: str, cases: int, start: int) -> float:
    """Seconds that it took; whatever escapes is raised."""
    kept = [_made(driver)]

    @seed(start)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(said=inputs(driver), now=st.floats(0, 1e6))
    def run(said: tuple[bytes, str], now: float) -> None:
        data, topic = said
        decoder = kept[0]
        decoder.outgoing(now)
        decoder.feed(data, topic)
        decoder.frame(data)
        assert (decoder.__len__() if hasattr(decoder, "__len__") else 0) <= LARGEST_BUFFER
        assert len(decoder.dropped) < 20
        try:
            announced(topic, data)
        except BadAnnouncementError:
            return

    began = time.monotonic()
    run()
    return time.monotonic() - began


def _made(driver: str) -> Decoder:
    return catalog.load(driver).decoder(OPTIONS.get(driver, {}))


def main() -> None:
    """Every driver, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("drivers", nargs="*", default=catalog.names())
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    for driver in asked.drivers:
        seconds = campaign(driver, asked.cases, asked.seed)
        print(f"{driver}: {asked.cases:,} cases, seed {asked.seed}, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
