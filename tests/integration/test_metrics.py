import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from gateway.api.metrics import KNOWN, Metrics, MetricsRoutes, bytes_written
from gateway.api.middleware.observe import CATEGORY, LINES, observe
from gateway.core.access import Role

Client = TestClient[Any, Any]


async def _machine(request: web.Request) -> web.Response:
    request[CATEGORY] = "not_found"
    return web.Response(status=200 if request.match_info["id"] == "here" else 404)


async def _slow(_request: web.Request) -> web.Response:
    await asyncio.sleep(1.01)
    return web.Response()


async def _stream(request: web.Request) -> web.StreamResponse:
    await (reply := web.StreamResponse()).prepare(request)
    return reply


async def _fails(_request: web.Request) -> web.Response:
    raise ConnectionResetError("the client went away")


@asynccontextmanager
async def site(metrics: Metrics) -> AsyncIterator[Client]:
    app = web.Application(middlewares=[observe(metrics)])
    for path, handler in {
        "/machines/{id}": _machine,
        "/slow": _slow,
        "/stream": _stream,
        "/fails": _fails,
        "/metrics": MetricsRoutes(metrics).show_metrics,
    }.items():
        app.router.add_get(path, handler)
    async with TestClient(TestServer(app)) as client:
        yield client


async def scraped(client: Client) -> dict[tuple[str, ...], float]:
    """(name, label values …) → value, as another program reads the reply."""
    reply = await client.get("/metrics")
    assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(await reply.text())
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


async def test_requests_are_counted_by_pattern_and_status_never_by_path() -> None:
    async with site(Metrics()) as client:
        for name in ("here", "here", "gone", "%2f%00", "gone?token=secret"):
            await client.get(f"/machines/{name}")
        await client.get("/no/such/page")
        found = await scraped(client)
        text = await (await client.get("/metrics")).text()
    assert found["gateway_requests_total", "GET", "/machines/{id}", "200"] == 2
    assert found["gateway_requests_total", "GET", "/machines/{id}", "404"] == 3
    assert found["gateway_requests_total", "GET", "none", "404"] == 1
    assert found["gateway_request_seconds_count", "GET", "/machines/{id}"] == 5
    assert "gone" not in text
    assert "such" not in text


async def test_how_long_a_request_took_falls_into_its_bucket() -> None:
    async with site(metrics := Metrics()) as client:
        await client.get("/slow")
    name, labels = "gateway_request_seconds_bucket", {"method": "GET", "route": "/slow"}
    assert value(metrics, name, **labels, le="0.5") == 0
    assert value(metrics, name, **labels, le="2.0") == 1


async def test_a_stream_is_counted_and_its_hours_are_no_latency() -> None:
    async with site(metrics := Metrics()) as client:
        await client.get("/stream")
    assert value(metrics, "gateway_request_seconds_count", method="GET", route="/stream") == 0
    labels = {"method": "GET", "route": "/stream", "status": "200"}
    assert value(metrics, "gateway_requests_total", **labels) == 1


async def test_a_client_that_went_away_is_counted_as_gone() -> None:
    async with site(metrics := Metrics()) as client:
        await client.get("/fails")
    labels = {"method": "GET", "route": "/fails", "status": "499"}
    assert value(metrics, "gateway_requests_total", **labels) == 1


def test_methods_that_clients_make_up_are_one() -> None:
    metrics = Metrics()
    for number in range(100):
        metrics.request(f"M{number}", "none", 405, 0.001)
    labels = {"method": "other", "route": "none", "status": "405"}
    assert value(metrics, "gateway_requests_total", **labels) == 100
    assert len(metrics._children) == 0


# --- what others know -----------------------------------------------------------------------------


async def test_sources_are_asked_at_the_scrape_and_not_before() -> None:
    metrics, asked = Metrics(), [0]

    def streams() -> dict[str, float]:
        asked[0] += 1
        return {"sse": 3, "websocket": 2}

    metrics.ask(streams=streams, commits=lambda: 7)
    assert asked == [0]
    async with site(metrics) as client:
        found = await scraped(client)
    assert found["gateway_streams", "sse"] == 3
    assert found["gateway_streams", "websocket"] == 2
    assert found["gateway_commits_total",] == 7
    assert asked == [1]


async def test_everything_that_is_known_has_a_name_type_and_text() -> None:
    metrics = Metrics()
    metrics.ask(**{known.name: lambda known=known: _some(known.label) for known in KNOWN})
    async with site(metrics) as client:
        text = await (await client.get("/metrics")).text()
    for known in KNOWN:
        name = f"gateway_{known.name}" + ("_total" if known.kind == "counter" else "")
        assert f"# HELP {name} {known.text}\n# TYPE {name} {known.kind}\n{name}" in text


def _some(label: str | None) -> Any:
    return {"some": 1.0} if label else 1.0


def test_a_source_for_what_nobody_knows_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no such metrics: steams"):
        Metrics().ask(steams=lambda: 1)


async def test_the_process_tells_its_memory_and_no_interpreter_trivia() -> None:
    async with site(Metrics()) as client:
        found = await scraped(client)
    assert found["process_resident_memory_bytes",] > 2**20
    assert not [name for name, *_ in found if name.startswith("python_")]


def test_bytes_written_are_the_kernel_s_count(tmp_path: Path) -> None:
    (tmp_path / "io").write_text("rchar: 1\nwrite_bytes: 4096\ncancelled_write_bytes: 9\n")
    assert bytes_written(tmp_path / "io") == 4096
    assert bytes_written(tmp_path / "none") == 0


def test_the_scrape_is_for_who_may_read_metrics() -> None:
    (operation,) = MetricsRoutes(Metrics()).operations()
    assert (operation.method, operation.path) == ("GET", "/metrics")
    assert (operation.who, operation.media) == (Role.METRICS, "text/plain")


# --- statements -----------------------------------------------------------------------------------


def test_statements_are_timed_from_any_thread() -> None:
    metrics = Metrics()

    def work() -> None:
        for _ in range(500):
            with metrics.timings.time("some"):
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value(metrics, "gateway_statement_seconds_count", statement="some") == 2000


def test_a_statement_that_fails_is_timed_too() -> None:
    metrics = Metrics()
    with pytest.raises(OSError, match="disk"), metrics.timings.time("some"):
        raise OSError("disk")
    assert value(metrics, "gateway_statement_seconds_count", statement="some") == 1


def test_a_slow_statement_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    timings = Metrics().timings
    for seconds in (0.199, 0.3, 0.4):
        timings.add("events_after", seconds)
    timings.add("bins", 0.5)
    assert [row.getMessage() for row in caplog.records] == [
        "the statement events_after took 300 ms",
        "the statement bins took 500 ms",
    ]


# --- lines ----------------------------------------------------------------------------------------


async def lines(
    caplog: pytest.LogCaptureFixture, *paths: str, level: int = logging.INFO
) -> list[logging.LogRecord]:
    caplog.set_level(level, "gateway.api.middleware.observe")
    async with site(Metrics()) as client:
        for path in paths:
            await client.get(path)
    return told(caplog)


def told(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [row for row in caplog.records if row.name == "gateway.api.middleware.observe"]


async def test_a_good_request_wears_no_card(caplog: pytest.LogCaptureFixture) -> None:
    assert await lines(caplog, "/machines/here", "/stream", "/metrics") == []


async def test_a_refused_request_is_told_with_all_that_helps(
    caplog: pytest.LogCaptureFixture,
) -> None:
    (row,) = await lines(caplog, "/machines/gone?ticket=secret")
    said = vars(row)
    assert (said["method"], said["route"], said["status"]) == ("GET", "/machines/{id}", 404)
    assert said["category"] == "not_found"
    assert len(said["requestId"]) == 16
    assert 0 <= said["latencyMs"] < 1000
    assert "secret" not in row.getMessage()


async def test_a_slow_request_is_told(caplog: pytest.LogCaptureFixture) -> None:
    (row,) = await lines(caplog, "/slow")
    assert row.levelno == logging.INFO


async def test_who_asks_for_it_is_told_of_every_request(caplog: pytest.LogCaptureFixture) -> None:
    assert len(await lines(caplog, "/machines/here", "/stream", level=logging.DEBUG)) == 2


async def test_a_flood_of_refusals_does_not_flood_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("gateway.api.middleware.observe.monotonic", lambda: now)
    caplog.set_level(logging.INFO)
    async with site(Metrics()) as client:
        for _ in range(LINES.quota + 25):
            await client.get("/machines/gone")
        assert len(told(caplog)) == LINES.quota
        now = 1.0
        await client.get("/machines/gone")
    assert told(caplog)[-1].getMessage().endswith("(25 more like it were not told)")
