"""REST as SPEC's examples show it, over real sockets."""

import asyncio
import json
import logging
import socket
import stat
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest
from memory_model import GYM, NOW
from served import Served, raw, serving

from gateway.api.health import Health
from gateway.core.events import Status

HEADERS = (
    "X-Request-Id",
    "Content-Security-Policy",
    "X-Content-Type-Options",
    "Referrer-Policy",
    "Permissions-Policy",
)


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    async with serving(hosts=("gym.local",)) as served:
        yield served


# --- SPEC's examples ------------------------------------------------------------------------------


async def test_branches_have_coordinates_and_counts(api: Served) -> None:
    api.publish("leg-press-01", Status.OCCUPIED)
    reply = await api.json("/branches")
    (branch,) = reply["branches"]
    assert reply["asOf"] == NOW
    assert branch.pop("categories")[0] == {
        "category": "legs",
        "name": "Legs",
        "total": 2,
        "free": 0,
        "occupied": 1,
        "unknown": 1,
        "outOfService": 0,
    }
    assert branch == {
        "gymId": GYM,
        "name": "Central",
        "latitude": 22.2819,
        "longitude": 114.1582,
        "timezone": "Asia/Hong_Kong",
        "open": True,
        "source": "local",
        "asOf": NOW,
    }


async def test_a_branch_reads_as_in_the_list(api: Served) -> None:
    (branch,) = (await api.json("/branches"))["branches"]
    assert await api.json(f"/branches/{GYM}") == branch


async def test_a_category_lists_its_machines(api: Served) -> None:
    reply = await api.json(f"/branches/{GYM}/categories/legs/machines")
    assert (reply["gymId"], reply["category"], reply["asOf"]) == (GYM, "legs", NOW)
    assert [machine["machineId"] for machine in reply["machines"]] == [
        "leg-press-01",
        "leg-press-02",
    ]
    assert reply["machines"][0] == {
        "machineId": "leg-press-01",
        "gymId": GYM,
        "name": "Leg press 01",
        "category": "legs",
        "status": "unknown",
        "cause": "start",
        "timestamp": NOW,
        "lastChange": NOW - 40,
        "position": None,
        "metadata": {"maker": "Technogym"},
    }


async def test_a_machine_reads_the_same_by_its_short_and_its_full_path(api: Served) -> None:
    short = await api.json("/machines/leg-press-01")
    assert short["machineId"] == "leg-press-01"
    assert short["asOf"] == NOW
    assert await api.json(f"/branches/{GYM}/machines/leg-press-01") == short


async def test_history_has_bins_and_the_usual_week(api: Served) -> None:
    reply = await api.json("/machines/leg-press-01/history?hours=24")
    assert (reply["machineId"], reply["gymId"]) == ("leg-press-01", GYM)
    assert reply["to"] - reply["from"] == 86400
    assert reply["from"] % 900 == 0
    assert (reply["binSeconds"], reply["timezone"]) == (900, "Asia/Hong_Kong")
    assert reply["bins"][0] == {
        "start": reply["from"],
        "occupancyRatio": 0.53,
        "occupiedSeconds": 477,
        "observedSeconds": 900,
        "sessions": 2,
    }
    patterns = reply["patterns"]
    assert (len(patterns["weekday"]), len(patterns["weekday"][0])) == (7, 96)
    assert (patterns["busiest"], patterns["quietest"]) == (["18:00"], ["14:15"])


async def test_24_hours_are_96_bins_and_only_the_last_one_is_open(api: Served) -> None:
    bins = (await api.json("/machines/leg-press-01/history"))["bins"]
    assert len(bins) == 96
    assert [done.get("open", False) for done in bins] == [False] * 95 + [True]


async def test_history_takes_from_and_to(api: Served) -> None:
    reply = await api.json(
        f"/branches/{GYM}/machines/bench-01/history?from=1634482800&to=1634486400"
    )
    assert (reply["from"], reply["to"], len(reply["bins"])) == (1634482800, 1634486400, 4)


async def test_history_comes_as_csv_too(api: Served) -> None:
    reply = await api.get("/machines/bench-01/history?format=csv&hours=1")
    assert reply.headers["Content-Type"].startswith("text/csv")
    lines = (await reply.text()).splitlines()
    assert lines[0] == "start,occupancyRatio,occupiedSeconds,observedSeconds,sessions,open"
    assert lines[1].endswith(",0.53,477,900,2,false")
    assert lines[-1].endswith(",true")


@pytest.mark.parametrize(
    "path", ["/branches", f"/branches/{GYM}", "/machines/bench-01", "/machines/bench-01/history"]
)
async def test_replies_say_that_the_clock_is_not_right(api: Served, path: str) -> None:
    api.model.clock_is_right = False
    assert (await api.json(path))["clock"] == "unsynchronised"


# --- ready bytes ----------------------------------------------------------------------------------


async def test_who_has_the_newest_gets_304(api: Served) -> None:
    first = await api.get("/branches")
    assert first.headers["Cache-Control"] == "no-cache"
    assert not first.headers["ETag"].startswith("W/")
    again = await api.get("/branches", If_None_Match=first.headers["ETag"])
    assert (again.status, await again.read()) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]


async def test_an_event_makes_what_was_ready_old(api: Served) -> None:
    first = await api.get("/machines/bench-01")
    api.publish("bench-01", Status.OCCUPIED)
    again = await api.get("/machines/bench-01", If_None_Match=first.headers["ETag"])
    assert again.status == 200
    assert (await again.json())["status"] == "occupied"


async def test_what_is_ready_is_not_read_again(api: Served) -> None:
    await api.get("/branches")
    reads = api.model.reads
    await asyncio.gather(*(api.get("/branches") for _ in range(5)))
    assert api.model.reads == reads


async def test_a_correction_of_the_clock_drops_history_too(api: Served) -> None:
    api.model.clock_is_right = False
    await api.json("/machines/bench-01/history")
    api.model.clock_is_right = True
    api.server.reset_streams("clock")
    assert "clock" not in await api.json("/machines/bench-01/history")


# --- errors ---------------------------------------------------------------------------------------


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


# --- every reply ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/branches", "/nothing", "/health", "/web/phone/app.js"])
async def test_every_reply_has_an_id_and_the_security_headers(api: Served, path: str) -> None:
    reply = await api.get(path)
    assert all(reply.headers.get(name) for name in HEADERS)
    policy = reply.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert "frame-ancestors" in policy


async def test_streams_have_them_too(api: Served) -> None:
    async with api.stream() as stream:
        assert all(stream.reply.headers.get(name) for name in HEADERS)


async def test_each_request_has_an_id_of_its_own(api: Served) -> None:
    ids = {(await api.get("/health")).headers["X-Request-Id"] for _ in range(3)}
    assert len(ids) == 3


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:8080",
        "localhost.:1",
        "gym.local",
        "GYM.local.",
        "gym.local:8080",
        "127.0.0.1",
        "127.0.0.1:8080",
        "[::1]:8080",
    ],
)
async def test_we_answer_to_our_names(api: Served, host: str) -> None:
    assert (await api.get("/health", Host=host)).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "gym.local.evil.example",
        "notgym.local",
        "evil@localhost",
        "localhost:80:80",
        "localhost evil",
        "localhost/evil",
        "x.localhost",
        "8.8.8.8",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "2130706433",
        "127.1",
        "[::1",
        "[evil]",
        "..",
    ],
)
async def test_other_names_are_421(api: Served, host: str) -> None:
    reply = await api.get("/branches", Host=host)
    assert reply.status == 421
    assert (await reply.json(content_type=None))["code"] == "unknown_host"


@pytest.mark.parametrize("lines", [b"", b"Host:\r\n", b"Host: localhost\r\nHost: evil.example\r\n"])
async def test_no_name_and_two_names_are_refused(api: Served, lines: bytes) -> None:
    answer = await raw(
        api.server.port, b"GET /branches HTTP/1.1\r\n%bConnection: close\r\n\r\n" % lines
    )
    assert answer.split(b" ")[1] in {b"421", b"400"}


# --- health ---------------------------------------------------------------------------------------


async def test_health_tells_a_stranger_the_status_only(api: Served) -> None:
    api.health = Health(ready=True, degraded=True, parts={"mqtt": "no broker"}, details={"a": 1})
    assert await api.json("/health") == {"status": "degraded", "ready": True}


async def test_degraded_is_ready(api: Served) -> None:
    api.health = replace(api.health, degraded=True)
    assert (await api.json("/health/ready"))["status"] == "degraded"


async def test_not_ready_is_503_and_still_alive(api: Served) -> None:
    api.health = Health(ready=False, degraded=True)
    assert (await api.json("/health/ready", 503))["status"] == "unavailable"
    assert await api.json("/health/live") == {"status": "ok"}


# --- the local socket -----------------------------------------------------------------------------


async def local(api: Served, path: str, host: str = "localhost") -> aiohttp.ClientResponse:
    async with aiohttp.ClientSession(
        connector=aiohttp.UnixConnector(str(api.socket_path))
    ) as client:
        reply = await client.get("http://localhost" + path, headers={"Host": host})
        await reply.read()
        return reply


async def test_the_socket_is_for_owner_and_group(api: Served) -> None:
    assert stat.S_IMODE(api.socket_path.stat().st_mode) == 0o660


async def test_admin_exists_at_the_socket_only(api: Served) -> None:
    reply = await local(api, "/admin/sensors?after=3")
    assert await reply.json() == {"sensors": [], "after": "3"}
    assert (await local(api, "/admin/nothing")).status == 404


async def test_the_parts_are_told_at_the_socket(api: Served) -> None:
    api.health = Health(ready=True, degraded=True, parts={"mqtt": "no broker"})
    reply = await local(api, "/health")
    assert (await reply.json())["parts"] == {"mqtt": "no broker"}


async def test_the_socket_asks_for_no_name(api: Served) -> None:
    assert (await local(api, "/branches", host="evil.example")).status == 200


async def test_the_server_checks_itself(api: Served) -> None:
    assert await api.server.answers()
    api.socket_path.unlink()
    assert not await api.server.answers()


async def test_the_socket_is_gone_after_the_end() -> None:
    async with serving() as api:
        assert api.socket_path.exists()
        await api.server.stop()
        assert not api.socket_path.exists()


async def test_a_stale_socket_is_replaced_and_a_live_one_is_not(api: Served) -> None:
    from gateway.api.listeners import listen_locally  # noqa: PLC0415  only here

    with pytest.raises(OSError, match="already running"):
        await listen_locally(lambda: pytest.fail("nobody connects"), api.socket_path)
    stale = api.socket_path.with_name("stale.sock")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(stale))
    (await listen_locally(lambda: pytest.fail("nobody connects"), stale)).close()


async def test_a_taken_port_is_named_with_what_to_do(api: Served) -> None:
    from gateway.api.listeners import listen_tcp  # noqa: PLC0415  only here

    port = api.server.port
    with pytest.raises(OSError, match=rf"port {port}: another program .* set another"):
        await listen_tcp(lambda: pytest.fail("nobody connects"), "127.0.0.1", port)


# --- pages ----------------------------------------------------------------------------------------


async def test_the_page_and_its_files_have_their_types(api: Served) -> None:
    page = await api.get("/")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    script = await api.get("/web/phone/app.js")
    assert script.headers["Content-Type"] == "text/javascript; charset=utf-8"
    again = await api.get("/web/phone/app.js", If_None_Match=script.headers["ETag"])
    assert again.status == 304


async def test_the_page_needs_no_inline_code_and_no_other_site(api: Served) -> None:
    text = await (await api.get("/")).text()
    assert "http://" not in text
    assert "https://" not in text
    assert "style=" not in text
    assert " on" + "click" not in text
    assert text.count("<script") == text.count('<script type="module" src="/web/')
