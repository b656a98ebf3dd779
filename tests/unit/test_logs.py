import io
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from gateway.logs import Json, Text, formatter_for, without_secrets


def record(message: str, *values: object, level: int = logging.INFO, **extra: object) -> Any:
    made = logging.LogRecord("gateway.some", level, "f.py", 1, message, values, None)
    vars(made).update(extra)
    return made


def failure(text: str) -> Any:
    error = ValueError(text)
    trace = (ValueError, error, None)
    return record("it failed", level=logging.ERROR, exc_info=trace)


def test_a_line_is_one_json_object_with_what_is_known() -> None:
    said = json.loads(Json().format(record("took %d", 3, status=404, route="/m/{id}", other=1)))
    assert said.pop("time") > 1_600_000_000
    assert said == {
        "level": "info",
        "logger": "gateway.some",
        "message": "took 3",
        "route": "/m/{id}",
        "status": 404,
    }


def test_a_traceback_stays_within_its_line() -> None:
    line = Json().format(failure("broken\nin two"))
    assert "\n" not in line
    assert json.loads(line)["exception"].endswith("ValueError: broken\nin two")


@pytest.mark.parametrize(
    ("level", "number"), [("DEBUG", 7), ("INFO", 6), ("WARNING", 4), ("ERROR", 3), ("CRITICAL", 2)]
)
def test_the_journal_is_told_the_level_as_syslog_counts(level: str, number: int) -> None:
    line = Json(prefix=True).format(record("x", level=logging.getLevelName(level)))
    assert line.startswith(f'<{number}>{{"time"')


def test_only_the_journal_s_own_stream_gets_the_prefix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "log").open("w") as stream:
        assert not formatter_for(stream).format(record("x")).startswith("<")
        found = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        assert formatter_for(stream).format(record("x")).startswith("<6>{")
        assert not formatter_for(io.StringIO()).format(record("x")).startswith("<")


def test_a_terminal_gets_text() -> None:
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as terminal:
        assert formatter_for(terminal).format(record("hi")) == "INFO gateway.some: hi"
    os.close(master)


def test_nothing_that_is_logged_moves_a_terminal_s_cursor() -> None:
    assert Text().format(record("%s", "a\x1b[2Jb\rc")) == "INFO gateway.some: a�[2Jb�c"


SECRETS = [
    "GET /stream?ticket=S3CRET",
    "GET /ws?a=b&token=S3CRET&c=d",
    "Authorization: Bearer S3CRET",
    "{'Authorization': 'Bearer S3CRET', 'Accept': 'S3CRET'}",
    "(b'authorization', b'Basic S3CRETS3CRET')",
    "the header authorization=S3CRET",
    "Bearer S3CRETS3CRET",
    "Cookie: gateway_member=S3CRET; other=S3CRET",
    "Set-Cookie: gateway_member=S3CRET; Path=/",
    'X-API-Key: "S3CRET"',
    "the token gwk_S3CRET-S3CRET_ is not good",
    "https://app.example.org/?x=gwm_S3CRET",
    "cannot connect to mqtts://hub:S3CRET@broker.example.org:8883",
    "password=S3CRET",
    '{"token": "S3CRET", "a": 1}',
    "?api_key=S3CRET",
]


@pytest.mark.parametrize("text", SECRETS)
@pytest.mark.parametrize("formatter", [Json(), Text()])
def test_no_secret_is_written(text: str, formatter: logging.Formatter) -> None:
    assert "S3CRET" in text
    for line in (
        formatter.format(record("%s", text)),
        formatter.format(record(text)),
        formatter.format(failure(text)),
    ):
        assert "S3CRET" not in line


@pytest.mark.parametrize(
    "text",
    [
        "request 0123abcd failed: GET /machines/bench-01/history?hours=24",
        "the broker at mqtt://hub@broker.example.org:1883 does not answer",
        "3 sensors were heard; key pressed, basic rules",
        "cannot serve HTTP on 0.0.0.0 port 80: ports below 1024 are for root",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert without_secrets(text) == text


@pytest.mark.parametrize("made", [failure("x" * 100_000), record("x" * 100_000)])
def test_a_line_is_never_longer_than_the_journal_takes(made: Any) -> None:
    assert len(Json(prefix=True).format(made)) < 48 * 1024


def test_the_end_of_a_long_traceback_is_kept() -> None:
    assert "what happened" in Json().format(failure("x" * 100_000 + "what happened"))
