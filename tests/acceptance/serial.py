"""Recorded radar data against what is known of it, through `gateway decode` and `gateway replay`.

    python tests/acceptance/serial.py DIRECTORY

DIRECTORY is laid out as the acceptance data: `serial/ld2410_frames.jsonl` (frames with what they
mean) and any `serial/ld2410b_capture_*.jsonl` (bytes beside the edges of the radar's OUT pin; a
first line whose `condition` says "faulty" excuses edges that the radar was silent about).
Prints the rate of each corpus and every line that fails; exits 1 if there is one, or no line at
all. Frames that hold nothing but commands and their answers come later: listed, not counted.
"""

import json
import re
import sys
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from gateway.cli import main as gateway

Told = Mapping[str, Any]
KINDS = ("ld2410-report", "ld2410-malformed", "ld2410-stream")
DELAYS = ((0, 0), (5, 5), (5, 20), (5, 90))  # seconds: busy_after, free_after
REPORT_HEAD = "f4f3f2f1"
ACK = re.compile("fdfcfbfa(?:..)*?04030201")
REPORT = re.compile(f"{REPORT_HEAD}0d0002aa.{{18}}5500f8f7f6f5")
PLAIN = ("moving_cm", "moving_energy", "still_cm", "still_energy", "detection_cm")
PERIOD = 0.11  # seconds: the pin changes up to a report (0.1 s, with jitter) before we can know
SILENT_AFTER = 0.3  # seconds: three periods


def main(folder: Path) -> int:
    """Judge every corpus; the number of those with a failure."""
    told = folder / "serial" / "ld2410_frames.jsonl"
    corpora: list[tuple[str, Iterator[str | None]]] = [("frames", frames(told))]
    for path in sorted(told.parent.glob("ld2410b_capture_*.jsonl")):
        corpora += [
            (f"{path.stem}, every whole report is one sample", whole_reports(path)),
            (f"{path.stem}, decode agrees with the pin", decode_beside_pin(path)),
            (f"{path.stem}, nothing turns free in silence", silence(path)),
        ]
        if "faulty" not in str(next(read(path)).get("condition")):
            corpora.append((f"{path.stem}, replay agrees with the pin", replay_beside_pin(path)))
    failures = sum([show(name, list(verdicts)) for name, verdicts in corpora])
    print("come later:", *later(told), sep="\n  ")
    return failures


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
    """Every line about reports, each with a decoder of its own."""
    for number, line in enumerate(read(path), 1):
        if about_reports(line):
            told = called("decode", "ld2410", "-", text=json.dumps({"hex": line["hex"]}) + "\n")
            wrong = mismatch(told[0]["samples"], line)
            yield f"line {number} ({named(line)}): {wrong}" if wrong else None


def later(path: Path) -> list[str]:
    """The radar's lines that hold no report."""
    lines = enumerate(read(path), 1)
    return [f"line {number} ({named(line)})" for number, line in lines if not about_reports(line)]


def about_reports(line: Told) -> bool:
    return line.get("kind") in KINDS and REPORT_HEAD in str(line["hex"]).lower()


def named(line: Told) -> str:
    return str(line.get("note") or f"{line.get('kind')} {line['expect'].get('name', '')}".strip())


def mismatch(samples: list[Told], line: Told) -> str | None:
    """What differs from `expect`; answers to commands count as frames there, and are no samples."""
    expect, kind = line["expect"], line["kind"]
    count = 0 if kind == "ld2410-malformed" else 1
    if kind == "ld2410-stream":
        count = expect["frames"] - len(ACK.findall(str(line["hex"]).lower()))
        expect = expect.get("last", {})
    if len(samples) != count:
        return f"{len(samples)} samples instead of {count}"
    if not samples:
        return None
    found = {**samples[-1]["levels"], "presence": samples[-1]["active"]}
    wanted = levels(expect)
    differ = {name: found.get(name) for name in wanted if found.get(name) != wanted[name]}
    gates = {name for name in found if "_g" in name} - set(wanted)
    if expect.get("type") == "basic" and gates:
        return f"gates {gates} in a basic report"
    return f"{differ} instead of {wanted}" if differ else None


def levels(expect: Told) -> dict[str, object]:
    """`expect` in SPEC's names."""
    plain = (*PLAIN, "presence", "light", "out_pin")
    wanted = {name: expect[name] for name in plain if name in expect}
    for kind, gates in (("move", "moving_gates"), ("still", "still_gates")):
        energies = enumerate(expect.get(gates, ()))
        wanted |= {f"{kind}_g{gate}": energy for gate, energy in energies}
    return wanted


def whole_reports(path: Path) -> Iterator[str | None]:
    """No basic report that stands whole in a line is lost."""
    whole = {
        number: len(REPORT.findall(str(line.get("hex", "")).lower()))
        for number, line in enumerate(read(path), 1)
    }
    found = {told["line"]: len(told["samples"]) for told in called("decode", "ld2410", str(path))}
    for number, count in whole.items():
        if count:
            good = found[number] >= count
            yield None if good else f"line {number}: {found[number]} samples instead of {count}"


def decode_beside_pin(path: Path) -> Iterator[str | None]:
    """Every sample says what the pin said, or what it will say within a report's period."""
    pin = Pin(path)
    at = times(path)
    for told in called("decode", "ld2410", str(path)):
        now = at[told["line"]]
        for sample in told["samples"] if pin.begin <= now <= at[-1] else ():
            near = pin.around(now, PERIOD)
            good = sample["active"] in near
            yield None if good else f"line {told['line']} at {now}: pin {near}, we {sample}"


def replay_beside_pin(path: Path) -> Iterator[str | None]:
    """Without delays, each edge of the pin is a change of ours, and none is without an edge."""
    pin = Pin(path)
    changes = replayed(path, 0, 0)
    ours = [(c["at"], c["status"] == "occupied") for c in changes if c["status"] != "unknown"]
    begun = [word for word in ours if word[0] >= pin.begin and word[0] <= times(path)[-1]]
    for edge in pin.edges[1:]:
        near = [w for w in begun if w[1] == edge[1] and abs(w[0] - edge[0]) <= PERIOD]
        yield None if near else f"edge {edge} has no change of ours"
    for word in begun:
        near = [e for e in pin.edges if e[1] == word[1] and abs(e[0] - word[0]) <= PERIOD]
        yield None if near else f"our change {word} has no edge"


def silence(path: Path) -> Iterator[str | None]:
    """With any patience, the machine turns free only while the sensor speaks, and since then."""
    at = times(path)
    spoken = sorted(at[number] for number, line in enumerate(read(path), 1) if line.get("hex"))
    for delays in DELAYS:
        for change in replayed(path, *delays):
            moments = (change["at"], change["lastChange"]) if change["status"] == "free" else ()
            silent = [moment for moment in moments if not heard(spoken, moment)]
            yield f"free in silence at {silent} with delays {delays}: {change}" if silent else None


def heard(spoken: list[float], moment: float) -> bool:
    """Whether bytes came within three periods before."""
    last = bisect_right(spoken, moment) - 1
    return last >= 0 and moment - spoken[last] <= SILENT_AFTER


def replayed(path: Path, busy_after: float, free_after: float) -> list[Told]:
    delays = ("--busy-after", str(busy_after), "--free-after", str(free_after))
    return called("replay", "ld2410", str(path), *delays)


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
