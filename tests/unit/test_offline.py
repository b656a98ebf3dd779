"""`gateway decode` and `gateway replay` on recorded data."""

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from tests.unit.test_ld2410 import basic

DOCS = Path(__file__).parents[2] / "docs" / "sensors.md"
TOPIC = "gyms/a/machines/b/occupancy"
Told = dict[str, object]
ON, OFF = basic(2, 81).hex(), basic(0, 81).hex()


def called(command: str, text: str | bytes) -> Result:
    return CliRunner().invoke(main, shlex.split(command), input=text)


def told(command: str, *lines: object) -> list[Told]:
    """What it prints as JSON about these lines: objects, or text as it stands."""
    text = "".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines)
    result = called(f"{command} --json", text)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def samples(line: Told) -> list[Told]:
    found = line["samples"]
    assert isinstance(found, list)
    return found


def message(payload: object, **more: object) -> Told:
    return {"topic": TOPIC, "payload": payload, **more}


def changes(command: str, *lines: object) -> list[tuple[object, ...]]:
    keys = ("line", "at", "status", "cause", "lastChange")
    return [tuple(change[key] for key in keys) for change in told(command, *lines)]


def test_decode_tells_of_each_line_what_it_said() -> None:
    assert told("decode native -", message("ON")) == [
        {
            "line": 1,
            "samples": [
                {
                    "active": True,
                    "strength": None,
                    "unit": None,
                    "levels": {},
                    "battery": None,
                    "signal": None,
                    "channel": 0,
                }
            ],
            "available": None,
            "dropped": 0,
        }
    ]


def test_lines_without_data_are_passed_over_but_numbered() -> None:
    lines = ({"source": "a header"}, "", {"t_ms": 5, "out": 1}, message("ON"))
    assert [line["line"] for line in told("decode native -", *lines)] == [4]


def test_what_cannot_be_used_is_counted_in_its_line() -> None:
    lines = told("decode native -", message("nonsense"), message("ON"), message("\ud800"))
    assert [line["dropped"] for line in lines] == [1, 0, 1]


def test_a_payload_may_be_a_json_value() -> None:
    (line,) = told("decode native -", message({"occupied": True, "seq": 1}))
    assert len(samples(line)) == 1


def test_availability_is_told() -> None:
    sibling = {"topic": TOPIC.replace("occupancy", "availability"), "payload": "offline"}
    lines = told("decode native -", sibling, message("ON"))
    assert [line["available"] for line in lines] == [False, None]


def test_a_frame_cut_between_two_lines_belongs_to_the_second() -> None:
    lines = told("decode ld2410 -", {"hex": ON[:20], "t_ms": 1}, {"hex": ON[20:] + ON})
    assert [len(samples(line)) for line in lines] == [0, 2]


def test_text_on_a_serial_line_may_stand_as_payload() -> None:
    (line,) = told("decode lines -", {"payload": "3,ON\n4,OFF\n"})
    assert [sample["channel"] for sample in samples(line)] == [3, 4]


def test_raw_bytes_are_decoded_in_pieces() -> None:
    result = called("decode ld2410 - --raw --json", basic(2, 81) * 400)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["line"] for line in lines] == [1, 2, 3]
    assert sum(len(line["samples"]) for line in lines) == 400


def test_empty_input_says_nothing_and_is_no_mistake() -> None:
    assert told("decode native -") == told("replay native -") == []


def test_an_option_may_be_text_and_the_last_of_a_key_counts() -> None:
    result = called("decode lines - --option repeats_every=never --option repeats_every=5", "")
    assert result.exit_code == 0


def test_without_json_it_speaks_to_people() -> None:
    result = called("decode ld2410 -", json.dumps({"hex": "00" + ON}) + "\n")
    assert result.stdout == "     1  channel 0 active 81.0 cm  dropped 1\n"


@pytest.mark.parametrize("command", ["decode", "replay"])
def test_an_unknown_driver_gets_a_hint(command: str) -> None:
    result = called(f"{command} ld241 -", "")
    assert result.exit_code == 2
    assert "Did you mean ld2410?" in result.output


@pytest.mark.parametrize("option", ["repeats_every", "repeats_every=never", "repeats=1"])
def test_a_wrong_option_is_a_mistake_in_usage(option: str) -> None:
    result = called(f"decode lines - --option {option}", "")
    assert result.exit_code == 2
    assert "--option" in result.output


def test_a_file_that_is_not_there_is_a_mistake_in_usage() -> None:
    assert called("decode lines no-such-file", "").exit_code == 2


@pytest.mark.parametrize(
    "line",
    [
        "3,ON",
        "[1]",
        '{"hex": "zz"}',
        '{"t_ms": NaN, "hex": ""}',
        '{"received": 1e999, "hex": ""}',
        '{"t_ms": 1' + "0" * 400 + ', "hex": ""}',
        '{"received": "soon", "hex": ""}',
        "[" * 100_000,
    ],
    ids=lambda line: line[:30],
)
def test_a_line_that_is_no_recording_is_told_with_its_number(line: str) -> None:
    result = called("decode lines -", '{"payload": "3,ON\\n"}\n' + line)
    assert result.exit_code == 1
    assert "line 2" in result.stderr
    assert "channel 3 active" in result.stdout


def test_replay_tells_each_change_with_its_own_time() -> None:
    lines = [message(word, received=at) for at, word in [(100, "ON"), (110, "OFF"), (300, "OFF")]]
    assert changes("replay native -", *lines) == [
        (1, 100, "unknown", "start", 100),
        (2, 105, "occupied", "observed", 100),
        (3, 200, "free", "observed", 110),
    ]


def test_without_times_each_line_is_a_second_after_the_one_before() -> None:
    command = "replay native - --busy-after 2 --free-after 0"
    assert changes(command, *map(message, ["ON", "ON", "ON", "OFF"]))[1:] == [
        (3, 2, "occupied", "observed", 0),
        (4, 3, "free", "observed", 3),
    ]


def test_received_may_be_written_as_a_date() -> None:
    line = message("ON", received="2024-01-02T03:04:05Z")
    assert changes("replay native - --busy-after 0", line)[-1][1] == 1704164645


def test_bytes_without_a_time_come_with_the_line_before() -> None:
    lines = ({"t_ms": 500, "out": 1}, {"hex": ON[:20]}, {"hex": ON[20:]})
    command = "replay ld2410 - --busy-after 0"
    assert changes(command, *lines)[-1] == (3, 0.5, "occupied", "observed", 0.5)


def test_a_step_back_restarts_the_sensor_and_not_the_detector() -> None:
    lines = ({"t_ms": 90_000, "hex": ON + ON[:20]}, {"t_ms": 200, "hex": ON[20:] + OFF})
    command = "replay ld2410 - --busy-after 0 --free-after 0"
    assert changes(command, *lines) == [
        (1, 90, "unknown", "start", 90),
        (1, 90, "occupied", "observed", 90),
        (2, 0.2, "free", "observed", 0.2),
    ]


def test_what_falls_due_before_a_step_back_has_the_time_of_before() -> None:
    lines = ({"t_ms": 90_000, "hex": ON}, {"t_ms": 200, "hex": ON})
    command = "replay ld2410 - --busy-after 0.2"
    assert changes(command, *lines)[1] == (2, 90.2, "occupied", "observed", 90)


def test_silence_becomes_unknown_at_its_time_and_never_free() -> None:
    lines = [{"t_ms": at, "hex": word} for at, word in [(0, ON), (100, OFF), (500_000, OFF)]]
    command = "replay ld2410 - --busy-after 0 --free-after 10"
    assert changes(command, *lines)[1:] == [
        (1, 0, "occupied", "observed", 0),
        (3, 300.1, "unknown", "silent", 300.1),
    ]


def test_time_ends_with_the_file() -> None:
    assert len(changes("replay ld2410 -", {"t_ms": 0, "hex": ON})) == 1


def test_each_channel_is_judged_for_itself() -> None:
    lines = told("replay lines - --busy-after 0", {"payload": "3,ON\nbike,OFF\n"})
    assert [(line["channel"], line["status"]) for line in lines if line["line"] == 1] == [
        (3, "unknown"),
        (3, "occupied"),
        ("bike", "unknown"),
    ]


def test_an_option_decides_whether_silence_means_anything() -> None:
    lines = [{"t_ms": at, "payload": "3,ON\n"} for at in (0, 1_000_000)]
    command = "replay lines - --busy-after 0"
    assert len(changes(command, *lines)) == 4
    assert len(changes(f"{command} --option repeats_every=0", *lines)) == 2


def test_replay_speaks_to_people_too() -> None:
    result = called("replay native - --busy-after 0", json.dumps(message("ON")))
    assert "channel 0  occupied (observed) since 0.0" in result.stdout


@pytest.mark.parametrize("seconds", ["-1", "soon"])
def test_a_delay_is_a_number_of_seconds(seconds: str) -> None:
    assert called(f"replay native - --busy-after {seconds}", "").exit_code == 2


def examples() -> list[tuple[str, str, str]]:
    """Of each `console` block in the docs: the text piped in, the command, what it prints."""
    blocks = DOCS.read_text(encoding="utf-8").split("```console\n")[1:]
    parts = [block.split("\n```", 1)[0].split("\n", 1) for block in blocks]
    piped = [(line.removeprefix("$ echo ").split(" | gateway "), shown) for line, shown in parts]
    return [(shlex.split(text)[0], command, shown) for (text, command), shown in piped]


@pytest.mark.parametrize(("text", "command", "shown"), examples())
def test_the_examples_in_the_docs_print_what_they_show(text: str, command: str, shown: str) -> None:
    printed = called(command, text).stdout.splitlines()
    assert [json.loads(line) for line in printed] == [json.loads(x) for x in shown.splitlines()]
