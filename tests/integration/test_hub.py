"""The hub of a chain, in processes of its own, at a real broker and a real PostgreSQL."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from gateway.chain import Lost
from gateway.core.digests import DAY, Row
from tests.chain import ChainBroker, HubProcess, Speaker, a_day, day_of, until

YESTERDAY = int(time.time()) // DAY * DAY - DAY
Start = Callable[..., HubProcess]


@pytest.fixture
def upstream(short_path: Path) -> Iterator[ChainBroker]:
    broker = ChainBroker(short_path).start()
    yield broker
    broker.stop()


@pytest.fixture
def start(short_path: Path, chain: str, upstream: ChainBroker) -> Iterator[Start]:
    """Start a hub; `more` is of its configuration."""
    hubs: list[HubProcess] = []

    def start(more: str = "", silent: float = 2100) -> HubProcess:
        folder = short_path / f"hub{len(hubs)}"
        hubs.append(HubProcess(folder, chain, upstream.url, more, silent))
        hub = hubs[-1].start()
        until(lambda: any(one.consumes() for one in hubs if one.runs))
        return hub

    yield start
    for hub in hubs:
        hub.kill()


@pytest.fixture
def gym(upstream: ChainBroker) -> Iterator[Speaker]:
    speaker = Speaker(upstream)
    speaker.describe()
    yield speaker
    speaker.leave()


def stored(chain: str) -> int:
    with psycopg.connect(chain) as conn:
        row = conn.execute("SELECT count(*) FROM bins").fetchone()
    assert row is not None
    return int(row[0])


def status_of(hub: HubProcess, machine: str = "bench-01", gym: str = "hk-central") -> str:
    found: str = hub.get(f"/branches/{gym}/machines/{machine}")["status"]
    return found


def test_what_a_branch_sends_is_served_by_its_full_paths(start: Start, gym: Speaker) -> None:
    hub = start()
    gym.summarise(1, "free", "occupied")
    gym.send(*a_day(YESTERDAY))
    until(lambda: status_of(hub) == "free")
    branch = hub.get("/branches")["branches"][0]
    assert (branch["gymId"], branch["source"]) == ("hk-central", "remote")
    assert branch["publicUrl"] == "https://hk-central.example.org"
    assert branch["categories"][0]["occupied"] == 1
    until(lambda: hub.counts().get("bins") == 192)
    past = f"/branches/hk-central/machines/press-01/history?from={YESTERDAY}&to={YESTERDAY + DAY}"
    bins = hub.get(past)["bins"]
    assert (len(bins), bins[0]["occupiedSeconds"]) == (96, 1)
    assert "hk-central" not in hub.report()
    usual = hub.get("/branches/hk-central/usual")
    assert usual["timezone"] == "Asia/Hong_Kong"
    assert {ratio for day in usual["patterns"]["weekday"] for ratio in day} == {None, 0.001}
    assert hub.end() == 0


def test_bins_that_come_twice_are_stored_once_and_counted(
    start: Start, gym: Speaker, chain: str
) -> None:
    hub = start()
    gym.send(*a_day(YESTERDAY))
    gym.send(*a_day(YESTERDAY))
    until(lambda: hub.counts().get("duplicates") == 192)
    assert stored(chain) == 192


def test_what_cannot_be_used_is_kept_with_its_reason_and_stops_nothing(
    start: Start, gym: Speaker, chain: str
) -> None:
    hub = start()
    tomorrow = int(time.time()) // 900 * 900 + DAY
    gym.say("bins", b"{")
    gym.say("bins", b'{"v":2,"gymId":"hk-central","machines":["a"],"bins":[[0,0,900,0,0,0,0]]}')
    gym.say("bins", b'{"v":1,"gymId":"hk-central","machines":["a"],"bins":[[0,0,900,0,-5,0,0]]}')
    gym.say("bins", b'{"v":1,"gymId":"elsewhere","machines":["a"],"bins":[[0,0,900,0,0,0,0]]}')
    gym.say("bins", b'{"v":1,"gymId":"hk-central","machines":["a"],"bins":[[1,0,900,0,0,0,0]]}')
    gym.say("gateway", b"perhaps")
    gym.say("summary", b'{"v":1,"gymId":"hk-central"\0}')
    gym.send(Row("bench-01", tomorrow, 0, 0, 9000, 0))
    gym.send(*a_day(YESTERDAY))
    until(lambda: hub.counts().get("bins") == 192)
    letters = hub.doctor()["deadLetters"]
    reasons = "\n".join(letter["reason"] for letter in reversed(letters))
    for part in ("truncated", "2", ">= 0", "elsewhere", "index 1", "neither", "future"):
        assert part in reasons, reasons
    assert (len(letters), hub.counts()["deadLetters"], stored(chain)) == (8, 8, 192)


def test_a_gym_that_nobody_knows_is_not_listened_to(
    start: Start, gym: Speaker, upstream: ChainBroker
) -> None:
    hub = start()
    stranger = Speaker(upstream, "nowhere")
    stranger.send(*a_day(YESTERDAY))
    gym.send(*a_day(YESTERDAY))
    until(lambda: hub.counts().get("bins") == 192)
    stranger.leave()
    assert "has not described itself" in hub.doctor()["deadLetters"][0]["reason"]
    assert [one["gymId"] for one in hub.get("/branches")["branches"]] == ["hk-central"]


def test_two_boxes_that_run_as_one_branch_are_told(start: Start, gym: Speaker) -> None:
    hub = start()
    gym.send(Row("bench-01", YESTERDAY, 0, 10, 9000, 0))
    gym.send(Row("bench-01", YESTERDAY, 0, 11, 9000, 0))
    until(lambda: hub.counts().get("deadLetters"))
    assert "two boxes" in hub.doctor()["deadLetters"][0]["reason"]


def test_a_hole_is_asked_for_and_mended(start: Start, gym: Speaker) -> None:
    hub = start("[proof]\nsettle = 0\ncalm = 0\n")
    rows = a_day(YESTERDAY)
    gym.send(*[row for row in rows if not YESTERDAY + 3600 <= row.start < YESTERDAY + 7200])
    gym.prove(day_of(YESTERDAY), YESTERDAY, rows)
    asked = until(lambda: gym.asked)[0]
    assert (asked["day"], asked["hours"]) == (day_of(YESTERDAY), [1])
    assert hub.doctor()["holes"][0]["hours"] == [1]
    gym.send(*rows)
    until(lambda: hub.counts().get("holesMended") == 1)
    assert hub.counts()["holesFound"] == 1
    assert not hub.doctor()["holes"]
    assert len(gym.asked) == 1


def test_a_branch_that_is_away_is_asked_once_it_is_back(start: Start, gym: Speaker) -> None:
    hub = start("[proof]\nsettle = 0\ncalm = 1\n")
    gym.summarise(1, "free")
    gym.say("gateway", b"offline", retain=True)
    gym.prove(day_of(YESTERDAY), YESTERDAY, a_day(YESTERDAY))
    until(lambda: hub.doctor()["holes"])
    assert not gym.asked
    assert hub.doctor()["holes"][0]["asked"] == 0
    gym.summarise(2, "free")
    assert len(until(lambda: gym.asked)[0]["hours"]) == 24


def test_a_database_that_lost_rows_is_filled_up(start: Start, gym: Speaker, chain: str) -> None:
    hub = start("[proof]\nsettle = 0\ncalm = 0\nagain = 1\n")
    rows = a_day(YESTERDAY)
    gym.send(*rows)
    gym.prove(day_of(YESTERDAY), YESTERDAY, rows)
    until(lambda: hub.counts().get("bins") == len(rows))
    with psycopg.connect(chain) as conn:
        conn.execute("DELETE FROM bins WHERE start = %s", [YESTERDAY + 3600])
    assert until(lambda: gym.asked)[0]["hours"] == [1]


def test_hubs_that_run_show_what_a_restored_database_has(
    start: Start, gym: Speaker, chain: str
) -> None:
    hub = start()
    gym.summarise(1, "free", "occupied")
    until(lambda: status_of(hub) == "free")
    with psycopg.connect(chain) as conn:
        conn.execute("UPDATE branches SET summary = NULL, version = 0")
        conn.execute("UPDATE numbering SET epoch = md5(random()::text), version = 0")
    until(lambda: status_of(hub) == "unknown")


def test_what_is_declared_lost_is_kept_and_not_asked_for(start: Start, gym: Speaker) -> None:
    hub = start("[proof]\nsettle = 0\ncalm = 0\n")
    rows = a_day(YESTERDAY)
    gym.send(*[row for row in rows if row.start >= YESTERDAY + 7200])
    lost = (Lost(hour=0, bins=8, reason="the card was full"),)
    gym.prove(day_of(YESTERDAY), YESTERDAY, rows, lost=lost)
    assert until(lambda: gym.asked)[0]["hours"] == [1]
    told = hub.doctor()["lost"][0]
    assert (told["hour"], told["bins"], told["reason"]) == (0, 8, "the card was full")


def test_more_than_a_column_holds_may_be_declared_lost(start: Start, gym: Speaker) -> None:
    hub = start()
    many = [Lost(hour=0, bins=2**31 - 1, reason=reason) for reason in ("mislaid", "eaten")]
    gym.prove(day_of(YESTERDAY), YESTERDAY, [], tuple(many))
    until(lambda: len(hub.doctor()["lost"]) == 2)
    gym.send(*a_day(YESTERDAY))
    until(lambda: hub.counts().get("bins") == 192)


def test_a_broker_of_mqtt_3_that_goes_and_comes_loses_nothing(
    short_path: Path, chain: str, upstream: ChainBroker, gym: Speaker
) -> None:
    more = "[keep]\nbins_days = 1000\n"
    hub = HubProcess(short_path / "hub", chain, upstream.url, more, protocol="3.1.1")
    hub.start()
    try:
        until(hub.consumes)
        gym.send(*a_day(YESTERDAY)[:50])
        upstream.stop()
        upstream.start()
        gym.wait()
        gym.send(*a_day(YESTERDAY)[50:])
        until(lambda: hub.counts().get("bins") == 192)
    finally:
        hub.kill()
    assert stored(chain) == 192


def test_machines_of_a_branch_that_is_offline_are_unknown_until_it_speaks(
    start: Start, gym: Speaker
) -> None:
    hub = start()
    gym.summarise(1, "free", "occupied")
    until(lambda: status_of(hub) == "free")
    gym.say("gateway", b"offline", retain=True)
    until(lambda: status_of(hub) == "unknown")
    gym.say("gateway", b"online", retain=True)
    gym.summarise(1, "occupied", "free")
    until(lambda: status_of(hub) == "occupied")


def test_a_branch_that_says_nothing_is_unknown(start: Start, gym: Speaker) -> None:
    hub = start(silent=0.5)
    gym.summarise(1, "free")
    until(lambda: status_of(hub) == "free")
    until(lambda: status_of(hub) == "unknown")
    assert hub.get("/branches/hk-central/machines/bench-01")["cause"] == "silent"
    gym.summarise(2, "free")
    until(lambda: status_of(hub) == "free")


def test_what_the_broker_kept_does_not_bring_a_silent_branch_back(
    start: Start, gym: Speaker, upstream: ChainBroker
) -> None:
    hub = start(silent=0.5)
    gym.summarise(1, "free")
    until(lambda: status_of(hub) == "unknown")
    hub.kill()
    hub.start()
    until(hub.consumes)
    other = Speaker(upstream, "kowloon")
    other.describe()
    until(lambda: len(hub.get("/branches")["branches"]) == 2)
    other.leave()
    assert status_of(hub) == "unknown"


def test_an_alert_is_refused_with_the_branch_that_takes_it(start: Start, gym: Speaker) -> None:
    hub = start()
    until(lambda: hub.get("/branches")["branches"])
    status, told = hub.call("POST", "/alerts", {"machineId": "bench-01", "expiresIn": 60})
    assert (status, told["code"]) == (409, "at_the_branch")
    assert told["publicUrl"] == "https://hk-central.example.org"
    assert told["publicUrl"] in told["detail"]
    assert hub.call("POST", "/members")[0] == hub.call("GET", "/machines/bench-01")[0] == 409
    del gym


def test_branches_come_in_order_of_their_distance(
    start: Start, gym: Speaker, upstream: ChainBroker
) -> None:
    hub = start()
    far = Speaker(upstream, "tokyo")
    far.describe(35.68, 139.69)
    until(lambda: len(hub.get("/branches")["branches"]) == 2)
    found = hub.get("/branches?near=35.6,139.7")["branches"]
    assert [one["gymId"] for one in found] == ["tokyo", "hk-central"]
    assert 8 < found[0]["distanceKm"] < 10
    assert 2800 < found[1]["distanceKm"] < 3000
    assert hub.call("GET", "/branches?near=91,0")[0] == 422
    far.leave()
    del gym


def test_a_branch_that_takes_its_description_back_is_shown_no_more(
    start: Start, gym: Speaker
) -> None:
    hub = start()
    gym.send(*a_day(YESTERDAY))
    until(lambda: hub.get("/branches")["branches"])
    gym.say("branch", b"", retain=True)
    until(lambda: not hub.get("/branches")["branches"])
    gym.describe()
    until(lambda: hub.get("/branches")["branches"])
    assert hub.counts()["bins"] == 192


def test_machines_of_one_id_in_two_branches_are_two(
    start: Start, gym: Speaker, upstream: ChainBroker
) -> None:
    hub = start()
    other = Speaker(upstream, "tokyo")
    other.describe()
    gym.summarise(1, "free", "free")
    other.summarise(1, "occupied", "occupied")
    until(lambda: status_of(hub, gym="tokyo") == "occupied")
    until(lambda: status_of(hub) == "free")
    status, told = hub.call("POST", "/alerts", {"machineId": "bench-01"})
    assert (status, "publicUrl" in told) == (409, False)
    other.leave()


def test_merged_rows_are_shown_as_quarters_until_the_fine_ones_come(
    start: Start, gym: Speaker
) -> None:
    hub = start()
    gym.send(Row("bench-01", YESTERDAY, 0, 4000, 36_000, 4, 3600))
    gym.send(Row("bench-01", YESTERDAY, 0, 1000, 9000, 1))
    path = f"/branches/hk-central/machines/bench-01/history?from={YESTERDAY}&to={YESTERDAY + 3600}"
    until(lambda: hub.counts().get("bins") == 2)
    bins = hub.get(path)["bins"]
    assert [one["occupiedSeconds"] for one in bins] == [100, 100, 100, 100]
    assert sum(one["sessions"] for one in bins) == 4


def test_what_is_older_than_is_kept_is_counted_and_not_stored(
    start: Start, gym: Speaker, chain: str
) -> None:
    hub = start("[keep]\nbins_days = 30\n")
    gym.send(Row("bench-01", YESTERDAY - 60 * DAY, 0, 0, 9000, 0), *a_day(YESTERDAY))
    until(lambda: hub.counts().get("bins") == 192)
    assert (hub.counts()["outdated"], stored(chain)) == (1, 192)


def test_the_pages_show_every_branch_and_its_screen(start: Start, gym: Speaker) -> None:
    hub = start()
    gym.summarise(1, "free", "occupied")
    until(lambda: status_of(hub) == "free")
    status, page = hub.page("/")
    assert (status, "1 of 2 free" in page, "/kiosk?branch=hk-central" in page) == (200, True, True)
    status, page = hub.page("/kiosk?branch=hk-central")
    assert (status, 'data-gym="hk-central"' in page) == (200, True)
    assert hub.page("/branches/hk-central/qr.svg")[0] == 200
    assert (hub.page("/kiosk")[0], hub.header("/kiosk", "Location")) == (303, "/")
    assert "There is no branch “<bdi>&lt;b&gt;</bdi>”" in hub.page("/kiosk?branch=<b>")[1]
    assert hub.header("/kiosk?branch=hk-south", "Refresh") == "30"
    assert hub.page("/docs")[0] == hub.page("/openapi.json")[0] == 200


def test_a_branch_of_the_list_leads_to_its_machines_and_they_to_the_branch(
    start: Start, gym: Speaker
) -> None:
    hub = start()
    gym.summarise(1, "free", "occupied")
    until(lambda: status_of(hub) == "free")
    assert 'href="/b/hk-central"' in hub.page("/")[1]
    status, page = hub.page("/b/hk-central")
    assert (status, 'data-status="occupied"' in page) == (200, True)
    assert 'href="https://hk-central.example.org/m/bench-01"' in page
    assert hub.page("/b/elsewhere")[0] == 303


def test_a_branch_that_nobody_hears_is_unknown_in_the_list(start: Start, gym: Speaker) -> None:
    hub = start()
    gym.summarise(1, "free", "free", as_of=YESTERDAY + 3600.0)
    gym.say("gateway", b"offline", retain=True)
    until(lambda: status_of(hub) == "unknown")
    page = hub.page("/")[1]
    assert 'data-status="unknown"' in page
    assert '<p id="summary">0 of 2 free, 2 unknown</p>' in page
    assert f"2 unknown, as of {day_of(YESTERDAY)} 09:00" in page


def test_the_doctor_tells_of_a_hub_that_hears_nothing(start: Start, upstream: ChainBroker) -> None:
    hub = start()
    assert hub.doctor()["here"] == {"consumes": True, "broker": "connected"}
    upstream.stop()
    (problem,) = until(lambda: hub.doctor()["problems"])
    assert "hears nothing: " in problem


def test_a_key_of_a_hub_is_made_by_the_same_command(start: Start, chain: str) -> None:
    hub = start()
    made = hub.command("keys", "create", "--role", "metrics", "--json")
    assert made["role"] == "metrics"
    status, text = hub.page("/metrics")
    assert (status, "gateway_chain_consumes 1.0" in text) == (200, True)
    assert stored(chain) == 0
