"""Recorded radar data against what is known of it, through `gateway decode` and `gateway replay`.

    python tests/acceptance/serial.py DIRECTORY

DIRECTORY is laid out as the acceptance data: `serial/ld2410_frames.jsonl` (frames with what they
mean) and two `serial/ld2410b_capture_*.jsonl` (bytes beside the edges of the radar's OUT pin).
Prints the rate of each corpus and every line that fails; exits 1 if there is one.
"""

import json
import sys
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from gateway.cli import main as gateway

Told = Mapping[str, Any]
KINDS = ("ld2410-report", "ld2410-malformed", "ld2410-stream")
NO_DELAYS = ("--busy-after", "0", "--free-after", "0")
REPORT_HEAD = "f4f3f2f1"
PLAIN = ("moving_cm", "moving_energy", "still_cm", "still_energy", "detection_cm")
PERIOD = 0.11  # seconds: the pin changes up to a report (0.1 s, with jitter) before we can know
SILENT_AFTER = 0.3  # seconds: three periods


def main(folder: Path) -> int:
    """Judge every corpus; the number of those with a failure."""
    serial = folder / "serial"
    corpora = {
        "frames": frames(serial / "ld2410_frames.jsonl"),
        "replaced sensor, decode": decode_beside_pin(serial, "replaced_sensor"),
        "replaced sensor, replay": replay_beside_pin(serial, "replaced_sensor"),
        "faulty sensor, silent": silence(serial, "1"),
    }
    return sum([show(name, list(verdicts)) for name, verdicts in corpora.items()])


def show(name: str, verdicts: list[str | None]) -> bool:
    """Print one corpus; True if anything in it fails. A verdict is what is wrong, or None."""
    wrong = [verdict for verdict in verdicts if verdict is not None]
    good = len(verdicts) - len(wrong)
    print(f"{name}: {good}/{len(verdicts)} = {good / max(1, len(verdicts)):.2%}")
    print("".join(f"  {line}\n" for line in wrong), end="")
    return bool(wrong) or not verdicts


def called(*arguments: str, text: str | None = None) -> list[Told]:
    """What a `gateway` command prints as JSON."""
    result = CliRunner().invoke(gateway, [*arguments, "--json"], input=text)
    if result.exit_code:
        raise SystemExit(f"gateway {' '.join(arguments)}: {result.output}")
    return [json.loads(line) for line in result.stdout.splitlines()]


def frames(path: Path) -> Iterator[str | None]:
    """Every report, malformed and stream line, each with a decoder of its own."""
    for number, line in enumerate(read(path), 1):
        if line.get("kind") not in KINDS:
            continue
        told = called("decode", "ld2410", "-", text=json.dumps({"hex": line["hex"]}) + "\n")
        wrong = mismatch(told[0]["samples"], line)
        yield f"line {number} ({line.get('note', line['kind'])}): {wrong}" if wrong else None


def mismatch(samples: list[Told], line: Told) -> str | None:
    """What differs from `expect`; answers to commands count as frames but are no samples."""
    expect = line["expect"]
    if line["kind"] == "ld2410-stream":
        reports = str(line["hex"]).count(REPORT_HEAD) if "last" not in expect else expect["frames"]
        if len(samples) != reports:
            return f"{len(samples)} samples instead of {reports}"
        expect = expect.get("last", {})
    elif line["kind"] == "ld2410-malformed":
        return f"{len(samples)} samples instead of none" if samples else None
    elif len(samples) != 1:
        return f"{len(samples)} samples instead of one"
    wanted = levels(expect)
    found = {**samples[-1]["levels"], "presence": samples[-1]["active"]} if samples else {}
    differ = {name: found.get(name) for name in wanted if found.get(name) != wanted[name]}
    return f"{differ} instead of {wanted}" if differ else None


def levels(expect: Told) -> dict[str, object]:
    """`expect` in SPEC's names."""
    plain = (*PLAIN, "presence", "light", "out_pin")
    wanted = {name: expect[name] for name in plain if name in expect}
    for kind, gates in (("move", "moving_gates"), ("still", "still_gates")):
        energies = enumerate(expect.get(gates, ()))
        wanted |= {f"{kind}_g{gate}": energy for gate, energy in energies}
    return wanted


def decode_beside_pin(serial: Path, name: str) -> Iterator[str | None]:
    """Every sample says what the pin said, or what it will say within a report's period."""
    path = capture(serial, name)
    pin = Pin(path)
    at = times(path)
    for told in called("decode", "ld2410", str(path)):
        now = at[told["line"]]
        for sample in told["samples"] if pin.begin <= now <= at[-1] else ():
            near = pin.around(now, PERIOD)
            good = sample["active"] in near
            yield None if good else f"line {told['line']} at {now}: pin {near}, we {sample}"


def replay_beside_pin(serial: Path, name: str) -> Iterator[str | None]:
    """Without delays, each edge of the pin is a change of ours, and none is without an edge."""
    path = capture(serial, name)
    pin = Pin(path)
    changes = [c for c in called("replay", "ld2410", str(path), *NO_DELAYS) if c["at"] >= 0]
    ours = [(c["at"], c["status"] == "occupied") for c in changes if c["status"] != "unknown"]
    begun = [word for word in ours if word[0] >= pin.begin and word[0] <= times(path)[-1]]
    for edge in pin.edges[1:]:
        near = [w for w in begun if w[1] == edge[1] and abs(w[0] - edge[0]) <= PERIOD]
        yield None if near else f"edge {edge} has no change of ours"
    for word in begun:
        near = [e for e in pin.edges if e[1] == word[1] and abs(e[0] - word[0]) <= PERIOD]
        yield None if near else f"our change {word} has no edge"


def silence(serial: Path, name: str) -> Iterator[str | None]:
    """With any patience, the machine turns free only while the sensor speaks."""
    path = capture(serial, name)
    at = times(path)
    spoken = sorted(
        at[told["line"]] for told in called("decode", "ld2410", str(path)) if told["samples"]
    )
    for delays in (
        NO_DELAYS,
        (),
        ("--free-after", "5"),
        ("--free-after", "5", "--stale-after", "8"),
    ):
        for change in called("replay", "ld2410", str(path), *delays):
            last = bisect_right(spoken, change["at"]) - 1
            heard = last >= 0 and change["at"] - spoken[last] <= SILENT_AFTER
            silent = change["status"] == "free" and not heard
            yield f"free at {change['at']} in silence ({delays})" if silent else None


class Pin:
    """The radar's own OUT pin, by the file's clock: (seconds, active), oldest first."""

    def __init__(self, path: Path) -> None:
        edges = [(line["t_ms"] / 1000, bool(line["out"])) for line in read(path) if "out" in line]
        self.edges = edges
        self.begin = edges[0][0]

    def around(self, at: float, period: float) -> set[bool]:
        """What it said at `at` and one period to either side."""
        starts = [start for start, _ in self.edges]
        first = max(0, bisect_right(starts, at - period) - 1)
        return {active for _, active in self.edges[first : bisect_right(starts, at + period)]}


def capture(serial: Path, name: str) -> Path:
    return serial / f"ld2410b_capture_log_{name}.jsonl"


def read(path: Path) -> Iterator[Told]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def times(path: Path) -> list[float]:
    """By line number (from 1): seconds by the file's clock."""
    seconds = [0.0]
    for line in read(path):
        seconds.append(line["t_ms"] / 1000 if "t_ms" in line else seconds[-1])
    return seconds


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])) > 0)
