"""What is refused, and how: RFC 9457, every fault at once, nothing of our insides."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import pytest

from tests.integration.memory_model import GYM
from tests.integration.served import Served, raw, serving


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    async with serving(hosts=("gym.local",)) as served:
        yield served


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/branches/nowhere", "unknown_id"),
        (f"/branches/{GYM}/categories/swimming/machines", "unknown_id"),
        ("/branches/nowhere/categories/legs/machines", "unknown_id"),
        ("/branches/nowhere/machines/bench-01", "unknown_id"),
        ("/machines/rower-99", "unknown_id"),
        ("/machines/rower-99/history", "unknown_id"),
        ("/branches/nowhere/machines/bench-01/history", "unknown_id"),
        ("/machines/%ff%00/history", "unknown_id"),
        ("/machines/" + "a" * 65, "unknown_id"),
        ("/machines/%2e%2e%2fetc", "unknown_id"),
        ("/admin/sensors", "no_such_page"),
        ("/web/phone/../../../setup.cfg", "no_such_page"),
        ("/web/%2e%2e/%2e%2e/setup.cfg", "no_such_page"),
        ("/nothing", "no_such_page"),
    ],
)
async def test_what_is_unknown_is_a_404_problem(api: Served, path: str, code: str) -> None:
    reply = await api.get(path)
    assert reply.status == 404
    assert reply.content_type == "application/problem+json"
    problem = await reply.json(content_type=None)
    assert problem["code"] == code
    assert problem["category"] == "not_found"
    assert problem["requestId"] == reply.headers["X-Request-Id"]
    assert set(problem) >= {"type", "title", "status", "detail", "errors"}


async def test_a_method_that_is_not_taken_is_405_with_what_is(api: Served) -> None:
    async with api.client.post(api.url + "/branches") as reply:
        assert reply.status == 405
        assert reply.headers["Allow"] == "GET,HEAD"
        assert (await reply.json(content_type=None))["code"] == "method_not_allowed"


async def test_every_wrong_parameter_is_named_at_once(api: Served) -> None:
    problem = await api.json("/machines/bench-01/history?hours=-1&format=pdf&fromm=3", 422)
    assert {fault["pointer"] for fault in problem["errors"]} == {"/hours", "/format", "/fromm"}
    (hint,) = [f["detail"] for f in problem["errors"] if f["pointer"] == "/fromm"]
    assert "did you mean from?" in hint


@pytest.mark.parametrize(
    "query",
    [
        "hours=nan",
        "hours=inf",
        "hours=745",
        "hours=",
        "hours=1&hours=2",
        "from=9e99",
        "from=1634486400&to=1634482800",
        "from=1600000000&to=1634482800",
        "hours=2&from=1634482800",
        "from=yesterday",
        "format=",
        "~/=1",
    ],
)
async def test_a_wrong_history_parameter_is_422(api: Served, query: str) -> None:
    problem = await api.json(f"/machines/bench-01/history?{query}", 422)
    assert (problem["code"], problem["category"]) == ("invalid_value", "client")
    assert len(problem["errors"]) == 1


@pytest.mark.parametrize("path", ["/branches", f"/branches/{GYM}", "/machines/bench-01"])
async def test_unknown_parameters_are_refused(api: Served, path: str) -> None:
    problem = await api.json(path + "?color=red", 422)
    assert problem["errors"][0]["pointer"] == "/color"


async def test_a_fault_of_ours_is_500_without_details_and_logged_once(
    api: Served, caplog: pytest.LogCaptureFixture
) -> None:
    api.model.fault = RuntimeError("secret path /etc/shadow")
    reply = await api.get("/machines/bench-01/history")
    text = await reply.text()
    assert reply.status == 500
    assert "secret" not in text
    assert "Traceback" not in text
    (record,) = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert json.loads(text)["requestId"] in record.getMessage()


async def test_a_store_that_hangs_is_503(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.api.history.PATIENCE", 0.05)
    api.model.stalled = asyncio.Event()
    problem = await api.json("/machines/bench-01/history", 503)
    assert (problem["code"], problem["category"]) == ("too_slow", "dependency")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /branches HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /branches HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_no_http_is_400_without_a_word_in_the_log(
    api: Served, request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await raw(api.server.port, request_bytes)
    assert answer.split(b" ")[1][:1] == b"4"
    assert b"application/problem+json" in answer
    assert b"X-Request-Id: " in answer
    assert [record.getMessage() for record in caplog.records] == []


async def test_an_expectation_we_do_not_know_is_a_problem(api: Served) -> None:
    reply = await api.get("/branches", Expect="a-miracle")
    assert reply.status == 417
    assert reply.content_type == "application/problem+json"
