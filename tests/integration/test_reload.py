"""`gateway reload`: what has changed is swapped, what has not does not notice."""

import http.client
import json
import os
import pty
import signal
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from tests.process import GatewayProcess, gateway, native_config

NOW = "busy_after = 0\nfree_after = 0"
MORE = '[[machines]]\nid = "extra"\nname = "Extra"\ncategory = "all"\n'
PRESS = 'id = "m001"\nname = "Machine 1"'


@pytest.fixture
def process(short_path: Path) -> Iterator[GatewayProcess]:
    with gateway(short_path, native_config(3, occupancy=NOW)) as running:
        running.wait_port_up()
        for machine in ("m000", "m001"):
            running.publish(machine, occupied=True)
            running.wait_status(machine, "occupied")
        yield running


def edit(process: GatewayProcess, old: str = "", new: str = "", more: str = "") -> None:
    path = process.folder / "gateway.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new) + more)


def reload(process: GatewayProcess, status: int = 200) -> Any:
    found, said = process.local_call("POST", "/admin/reload", None)
    assert found == status, said
    return said


def test_what_has_not_changed_is_not_touched(process: GatewayProcess) -> None:
    before = process.local("/events")["events"]
    assert reload(process) == {"swapped": [], "waiting": []}
    edit(process, "free_after = 0", "free_after = 1")
    assert reload(process)["swapped"] == ["[occupancy] free_after"]
    assert process.local("/events")["events"] == before
    assert process.status("m000") == "occupied"


def test_new_patience_counts_from_the_next_word_on(process: GatewayProcess) -> None:
    edit(process, "free_after = 0", "free_after = 3600")
    reload(process)
    process.publish("m000", occupied=False)
    time.sleep(0.5)
    assert process.status("m000") == "occupied"
    edit(process, "free_after = 3600", "free_after = 0")
    reload(process)
    process.wait_status("m000", "free")


def test_a_machine_that_is_added_is_heard_and_one_that_is_removed_is_gone(
    process: GatewayProcess,
) -> None:
    edit(process, more=MORE)
    assert reload(process)["swapped"] == ["[[machines]] extra"]
    assert process.status("extra") == "unknown"
    process.publish("extra", occupied=True)
    process.wait_status("extra", "occupied")
    edit(process, MORE, "")
    reload(process)
    assert process.local("/machines/extra")["status"] == 404
    assert process.local("/machines/extra/history")["machineId"] == "extra"
    assert process.status("m000") == "occupied"


def test_it_is_stored_as_if_it_had_always_been_so(process: GatewayProcess) -> None:
    edit(process, more=MORE)
    reload(process)
    process.publish("extra", occupied=True)
    process.wait_status("extra", "occupied")
    process.kill()
    process.start()
    assert process.status("extra") == "occupied"
    assert process.status("m000") == "occupied"


def test_a_file_with_a_mistake_changes_nothing_and_every_mistake_is_named(
    process: GatewayProcess,
) -> None:
    edit(process, PRESS, 'id = "m001"\nnam = "Machine 1"', more="[http2]\n")
    said = reload(process, 409)
    assert "Nothing has changed" in said["detail"]
    assert "nam" in said["detail"]
    assert "http2" in said["detail"]
    assert process.status("m001") == "occupied"


def test_what_cannot_be_swapped_is_named_and_waits_for_a_start(process: GatewayProcess) -> None:
    edit(process, 'name = "Test"', 'name = "Other"')
    edit(process, "[occupancy]", "[backup]\nkeep = 3\n[occupancy]")
    assert reload(process) == {"swapped": ["[branch] name"], "waiting": ["[backup] keep"]}
    assert process.local("/branches/test")["name"] == "Other"


def test_open_streams_stay_open_and_are_told_of_new_machines(process: GatewayProcess) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=10)
    connection.request("GET", "/stream")
    stream = connection.getresponse()
    edit(process, more=MORE)
    reload(process)
    process.publish("extra", occupied=True)
    found: Any = {}
    while found.get("machineId") != "extra" or found["status"] != "occupied":
        said = stream.readline().decode()
        found = json.loads(said.removeprefix("data: ")) if said.startswith("data: ") else {}
    stream.close()
    connection.close()


def statuses(process: GatewayProcess, times: int, **headers: str) -> list[int]:
    """Of calls on one connection."""
    found = []
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=10)
    for _ in range(times):
        connection.request("GET", "/branches", headers=headers)
        reply = connection.getresponse()
        reply.read()
        found.append(reply.status)
    connection.close()
    return found


def test_limits_and_names_count_at_once_and_open_streams_go_on(process: GatewayProcess) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=10)
    connection.request("GET", "/stream")
    stream = connection.getresponse()
    assert statuses(process, 3, Host="gym.example") == [421] * 3
    edit(process, 'host = "127.0.0.1"', 'host = "127.0.0.1"\nallowed_hosts = ["gym.example"]')
    edit(process, "[occupancy]", "[limits]\nrequests = 2\n[occupancy]")
    told = reload(process)
    assert told == {"swapped": ["[limits] requests", "[http] allowed_hosts"], "waiting": []}
    assert statuses(process, 3, Host="gym.example") == [200, 200, 429]
    process.publish("m000", occupied=False)
    while b'"free"' not in stream.readline():
        pass
    stream.close()
    connection.close()
    assert process.stop() == 0


def test_a_webhook_that_is_added_hears_of_the_next_ring(process: GatewayProcess) -> None:
    heard: list[bytes] = []
    with receiver(heard) as url:
        added = f'[notify]\nwebhooks = ["{url}"]\n[alerts]\nsettle = 0\n'
        edit(process, "[occupancy]", f"{added}[occupancy]")
        assert reload(process)["swapped"] == ["[alerts] settle", "[notify] webhooks"]
        _, member = call(process, "POST", "/members", {}, None)
        wish = {"machineId": "m000"}
        assert call(process, "POST", "/alerts", wish, member["token"])[0] == 201
        process.publish("m000", occupied=False)
        end = time.monotonic() + 20
        while not heard:
            assert time.monotonic() < end, process.log.read_text()
            time.sleep(0.05)
    assert json.loads(heard[0])["machineId"] == "m000"


def call(
    process: GatewayProcess, method: str, path: str, body: object, token: str | None
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=10)
    headers = {"Content-Type": "application/json"}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    connection.request(method, path, json.dumps(body), headers)
    reply = connection.getresponse()
    said = json.loads(reply.read())
    connection.close()
    return reply.status, said


@contextmanager
def receiver(heard: list[bytes]) -> Iterator[str]:
    """A webhook's far end."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Into no log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hook"
        server.shutdown()
        thread.join()


def test_screens_on_the_walls_get_another_look(process: GatewayProcess) -> None:
    edit(process, more='[kiosk]\ncolour = "#003f87"\n')
    assert reload(process)["swapped"] == ["[kiosk] colour"]
    assert 'data-colour="#003f87"' in process.local_page("/kiosk")[1]


def test_a_hangup_reloads_and_a_bad_file_is_told_in_the_log(process: GatewayProcess) -> None:
    edit(process, 'name = "Machine 2"', 'name = "Rower"')
    process.send(signal.SIGHUP)
    end = time.monotonic() + 10
    while process.local("/machines/m002")["name"] != "Rower":
        assert time.monotonic() < end
        time.sleep(0.02)
    edit(process, "[branch]", "[brunch]")
    process.send(signal.SIGHUP)
    while "is not reloaded" not in process.log.read_text():
        assert time.monotonic() < end
        time.sleep(0.02)
    assert process.exit_code is None


def test_a_sensor_that_moves_to_another_topic_leaves_its_machine_unknown(
    process: GatewayProcess,
) -> None:
    moved = '[[sensors]]\nid = "m001"\nmachine = "m001"\ntopic = "elsewhere/1"\n'
    edit(process, more=moved)
    reload(process)
    assert process.status("m001") == "unknown"
    assert process.status("m000") == "occupied"


def test_the_command_tells_what_has_changed(
    process: GatewayProcess, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(process.folder)
    edit(process, 'name = "Machine 2"', 'name = "Rower"')
    edit(process, "[occupancy]", "[store]\nsync_within = 9\n[occupancy]")
    main(["reload"], standalone_mode=False)
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "changed: [[machines]] m002"
    assert told[1] == "counts from the next start on: [store] sync_within"


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


def test_a_line_that_is_added_is_opened_and_one_that_is_removed_is_let_go(
    process: GatewayProcess, line: tuple[int, str]
) -> None:
    master, port = line
    added = (
        f'[[serial]]\nid = "usb"\nport = "{port}"\ndriver = "lines"\n'
        '[[sensors]]\nid = "plate"\nmachine = "m002"\nsource = "serial:usb"\nchannel = 1\n'
    )
    edit(process, more=added)
    assert reload(process)["swapped"] == ["[[sensors]] plate", "[[serial]] usb"]
    process.wait_port_up("usb")
    os.write(master, b"1,ON\n1,ON\n")
    process.wait_status("m002", "occupied")
    edit(process, added, "")
    reload(process)
    assert "usb" not in {port["id"] for port in process.local("/health")["details"]["ports"]}
    assert port not in open_files(process.pid)


def open_files(pid: int) -> list[str]:
    return [str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.exists()]
