"""Alerts from the outside: subscribing, being rung, confirming, and what is refused."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from config.sections import Alerts, Limits
from gateway.core.alerts import State
from gateway.core.events import Status
from tests.integration.served import Served, Stream, serving, settled

AT_ONCE = Alerts(settle=0.05, head_start=0.2, per_member=3)
PRESS: dict[str, Any] = {"machineId": "leg-press-01"}


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    async with serving(rules=AT_ONCE) as served:
        for machine in served.model.views:
            served.publish(machine, Status.OCCUPIED)
        yield served


async def member(api: Served) -> str:
    reply = await api.call("POST", "/members")
    token: str = (await reply.json())["token"]
    return f"Bearer {token}"


async def subscribe(api: Served, who: str, status: int = 201, **wish: object) -> Any:
    reply = await api.call("POST", "/alerts", wish or PRESS, Authorization=who)
    assert reply.status == status, await reply.text()
    return await reply.json()


async def show(api: Served, who: str, alert: str) -> Any:
    reply = await api.call("GET", f"/alerts/{alert}", Authorization=who)
    return await reply.json()


async def rung(stream: Stream) -> Any:
    while (said := await stream.next()).event != "alert":
        pass
    assert said.id is None
    return said.data


async def test_a_member_is_rung_when_the_machine_becomes_free(api: Served) -> None:
    who = await member(api)
    alert = await subscribe(api, who)
    async with api.stream(Authorization=who) as stream:
        api.publish("leg-press-01")
        said = await rung(stream)
    assert said["alertId"] == alert["alertId"]
    assert (said["machineId"], said["place"], said["alternatives"]) == ("leg-press-01", 1, [])
    assert (await show(api, who, alert["alertId"]))["status"] == "fired"


async def test_other_machines_that_are_free_are_named(api: Served) -> None:
    who = await member(api)
    await subscribe(api, who)
    api.publish("leg-press-02")
    async with api.stream(Authorization=who) as stream:
        api.publish("leg-press-01")
        said = await rung(stream)
    assert [other["machineId"] for other in said["alternatives"]] == ["leg-press-02"]


async def test_the_next_in_the_queue_hears_of_it_after_the_head_start(api: Served) -> None:
    first, second = await member(api), await member(api)
    await subscribe(api, first)
    assert (await subscribe(api, second))["place"] == 2
    async with (
        api.stream(Authorization=first) as one,
        api.stream(Authorization=second) as other,
    ):
        api.publish("leg-press-01")
        await rung(one)
        at = time.monotonic()
        await rung(other)
    assert time.monotonic() - at > 0.15


async def test_what_is_not_confirmed_is_told_again_until_it_is(api: Served) -> None:
    who = await member(api)
    alert = await subscribe(api, who)
    api.publish("leg-press-01")
    for _ in range(2):
        async with api.stream(Authorization=who) as stream:
            assert (await rung(stream))["alertId"] == alert["alertId"]
    reply = await api.call("POST", f"/alerts/{alert['alertId']}/seen", Authorization=who)
    assert reply.status == 204
    assert api.alerts.ringing.unconfirmed(alert["alertId"]) == []
    async with api.stream(Authorization=who) as stream:
        assert [(await stream.next()).event] == ["snapshot"]
        api.publish("bench-01")
        assert (await stream.next()).event == "machine_update"


async def test_who_was_not_told_before_it_was_taken_waits_again(api: Served) -> None:
    who = await member(api)
    alert = await subscribe(api, who)
    api.publish("leg-press-01")
    await settled(lambda: not [*api.alerts.desk._book])  # it has rung, into the void
    api.publish("leg-press-01", Status.OCCUPIED)
    await settled(lambda: [*api.alerts.desk._book])
    assert (await show(api, who, alert["alertId"]))["status"] == "armed"
    async with api.stream(Authorization=who) as stream:
        api.publish("leg-press-01")
        await rung(stream)


async def test_a_websocket_rings_too(api: Served) -> None:
    who = await member(api)
    await subscribe(api, who)
    async with api.client.ws_connect(f"{api.url}/ws", headers={"Authorization": who}) as ws:
        await ws.send_json({"action": "ping"})
        assert (await ws.receive_json(timeout=5))["type"] == "pong"
        api.publish("leg-press-01")
        assert (await ws.receive_json(timeout=5))["type"] == "alert"


async def test_a_category_rings_for_its_first_machine(api: Served) -> None:
    who = await member(api)
    await subscribe(api, who, category="legs")
    async with api.stream(Authorization=who) as stream:
        api.publish("leg-press-02")
        assert (await rung(stream))["machineId"] == "leg-press-02"


async def test_a_free_machine_is_said_to_be_free_and_rings_the_next_time_if_asked(
    api: Served,
) -> None:
    who = await member(api)
    api.publish("leg-press-01")
    problem = await subscribe(api, who, 409)
    assert "is free now" in problem["detail"]
    assert '"next": true' in problem["detail"]
    assert (await subscribe(api, who, **PRESS, next=True))["status"] == "armed"


async def test_a_machine_tells_whether_and_why_it_takes_no_alert(api: Served) -> None:
    api.publish("leg-press-01")
    api.publish("leg-press-02", Status.OUT_OF_SERVICE)
    told = {
        row["machineId"]: (row["alertEligible"], row["alertIneligibleReason"])
        for row in (await api.json("/branches/hk-central/categories/legs/machines"))["machines"]
    }
    assert told["leg-press-01"] == (False, "free_now")
    assert told["leg-press-02"] == (False, "out_of_service")
    assert (await api.json("/machines/bench-01"))["alertEligible"] is True


async def test_out_of_service_nobody_can_wait_for_it(api: Served) -> None:
    api.publish("leg-press-01", Status.OUT_OF_SERVICE)
    problem = await subscribe(api, await member(api), 409)
    assert "out of service" in problem["detail"]


async def test_an_alert_shows_its_terms_as_kept(api: Served) -> None:
    before = time.time()
    quiet = {"start": 22, "end": "07:00", "days": ["fri", "sat"]}
    alert = await subscribe(
        api, await member(api), **PRESS, quietHours=quiet, expiresIn=7200, note="after rowing"
    )
    assert alert["quietHours"] == {"start": "22:00", "end": "07:00", "days": ["fri", "sat"]}
    assert before + 7199 < alert["expiresAt"] < before + 7210
    assert (alert["repeat"], alert["cooldown"], alert["note"]) == (False, 300, "after rowing")
    assert (alert["gymId"], alert["firedAt"]) == ("hk-central", None)


async def test_terms_can_be_changed_and_the_place_stays(api: Served) -> None:
    first, second = await member(api), await member(api)
    alert = await subscribe(api, first)
    await subscribe(api, second)
    path = f"/alerts/{alert['alertId']}"
    terms = {"repeat": True, "cooldown": 60, "quietHours": None, "note": "x", "expiresIn": 60}
    reply = await api.call("PATCH", path, terms, Authorization=first)
    changed = await reply.json()
    assert (changed["repeat"], changed["cooldown"], changed["note"]) == (True, 60, "x")
    assert changed["place"] == 1
    assert await show(api, first, alert["alertId"]) == changed


async def test_a_cancelled_alert_rings_no_more(api: Served) -> None:
    who = await member(api)
    alert = await subscribe(api, who)
    reply = await api.call("DELETE", f"/alerts/{alert['alertId']}", Authorization=who)
    assert reply.status == 204
    async with api.stream(Authorization=who) as stream:
        api.publish("leg-press-01")
        await stream.next()
        await stream.next()
        await settled(lambda: api.alerts.ringing._rings.next_due() > time.monotonic() + 60)
    assert (await show(api, who, alert["alertId"]))["status"] == "cancelled"
    reply = await api.call("PATCH", f"/alerts/{alert['alertId']}", {}, Authorization=who)
    assert reply.status == 409


@pytest.mark.parametrize(
    ("wish", "pointer"),
    [
        ({}, "/machineId"),
        ({"machineId": "leg-press-01", "category": "legs"}, "/machineId"),
        ({"machineId": "leg-press-99"}, "/machineId"),
        ({"category": "arms"}, "/category"),
        ({**PRESS, "quietHours": {"start": "25:00", "end": 7}}, "/quietHours/start"),
        ({**PRESS, "quietHours": {"start": 22, "end": 25}}, "/quietHours/end"),
        ({**PRESS, "quietHours": {"start": 22, "end": 7, "days": []}}, "/quietHours/days"),
        ({**PRESS, "quietHours": {"start": 22, "end": 7, "days": ["x"]}}, "/quietHours/days"),
        ({**PRESS, "expiresAt": 1.0}, "/expiresAt"),
        ({**PRESS, "expiresAt": 4e9}, "/expiresAt"),
        ({**PRESS, "expiresIn": 0}, "/expiresIn"),
        ({**PRESS, "expiresIn": 60, "expiresAt": 4e9}, "/expiresIn"),
        ({**PRESS, "cooldown": -1}, "/cooldown"),
        ({**PRESS, "note": "x" * 201}, "/note"),
        ({**PRESS, "machine": "x"}, "/machine"),
    ],
)
async def test_a_wrong_wish_is_named_and_nothing_is_stored(
    api: Served, wish: dict[str, object], pointer: str
) -> None:
    who = await member(api)
    reply = await api.call("POST", "/alerts", wish, Authorization=who)
    problem = await reply.json()
    assert reply.status == 422
    assert pointer in [fault["pointer"].removesuffix("/0") for fault in problem["errors"]]
    assert (await (await api.call("GET", "/alerts", Authorization=who)).json())["alerts"] == []


async def test_a_word_that_is_not_known_is_told_those_that_are(api: Served) -> None:
    wish = PRESS | {"quietHours": {"start": 22, "end": 7, "days": ["xyz"]}}
    refused = await subscribe(api, await member(api), 422, **wish)
    assert "there is: mon, tue" in refused["detail"]
    assert (
        "7776000"
        in (await subscribe(api, await member(api), 422, **PRESS, expiresIn=1e9))["detail"]
    )


async def test_others_alerts_do_not_exist(api: Served) -> None:
    alert = await subscribe(api, await member(api))
    other = await member(api)
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {}),
        ("DELETE", "", None),
        ("POST", "/seen", None),
    ):
        whole = f"/alerts/{alert['alertId']}{path}"
        assert (await api.call(method, whole, body, Authorization=other)).status == 404


async def test_one_member_has_so_many_alerts_and_no_more(api: Served) -> None:
    who = await member(api)
    for number in range(3):
        await subscribe(api, who, machineId=(*api.model.views,)[number])
    problem = await subscribe(api, who, 409, category="legs")
    assert "3 machines already" in problem["detail"]


async def test_nobody_waits_twice_for_the_same(api: Served) -> None:
    who = await member(api)
    alert = await subscribe(api, who)
    assert "already" in (await subscribe(api, who, 409))["detail"]
    await api.call("DELETE", f"/alerts/{alert['alertId']}", Authorization=who)
    await subscribe(api, who)


async def test_who_waits_for_a_machine_and_its_category_is_rung_once_and_takes_one_place(
    api: Served,
) -> None:
    who, other = await member(api), await member(api)
    first = await subscribe(api, who)
    second = await subscribe(api, who, category="legs")
    assert (await subscribe(api, other))["place"] == 2
    async with api.stream(Authorization=who) as mine, api.stream(Authorization=other) as theirs:
        api.publish("leg-press-01")
        assert (await rung(mine))["alertId"] == first["alertId"]
        assert (await rung(theirs))["place"] == 2
    shown = await show(api, who, second["alertId"])
    assert (shown["status"], shown["suppressed"]) == ("armed", {"told": 1})


async def test_what_expires_takes_no_room_and_no_place_from_that_moment_on(api: Served) -> None:
    who = await member(api)
    for number in range(3):
        await subscribe(api, who, machineId=(*api.model.views,)[number], expiresIn=10)
    api.wall.now = api.wall() + 11
    assert (await subscribe(api, await member(api)))["place"] == 1
    await subscribe(api, who)
    listed = (await (await api.call("GET", "/alerts", Authorization=who)).json())["alerts"]
    assert Counter(alert["status"] for alert in listed) == {"expired": 3, "armed": 1}


async def test_two_changes_at_once_are_both_made(api: Served) -> None:
    who = await member(api)
    alert = await subscribe(api, who)
    path = f"/alerts/{alert['alertId']}"
    changes = ({"note": "after the warm-up"}, {"cooldown": 7}, {"quietHours": None})
    await asyncio.gather(*(api.call("PATCH", path, one, Authorization=who) for one in changes))
    stored = api.ledger.execute("SELECT note, cooldown, quiet FROM alerts").fetchone()
    assert stored == ("after the warm-up", 7, None)


async def test_an_alert_that_is_cancelled_while_it_rings_is_over_after_a_restart(
    api: Served,
) -> None:
    who = await member(api)
    alert = await subscribe(api, who)
    armed = next(iter(api.alerts.desk._book))
    api.publish("leg-press-01")
    await settled(lambda: api.alerts.ringing.fired)
    await api.alerts.ringing.end([armed], State.CANCELLED)  # the row is there; nobody was told yet
    await api.alerts.ringing.load()
    assert api.alerts.ringing.unconfirmed(armed.member) == []
    assert (await show(api, who, alert["alertId"]))["status"] == "cancelled"


async def test_who_leaves_leaves_nothing(api: Served) -> None:
    who = await member(api)
    await subscribe(api, who)
    api.publish("leg-press-01")
    await settled(lambda: not [*api.alerts.desk._book])
    assert (await api.call("DELETE", "/members/me", Authorization=who)).status == 204
    for table in ("members", "alerts", "firings", "deliveries", "targets"):
        assert api.ledger.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


async def test_staff_see_how_alerts_fare(api: Served) -> None:
    who = await member(api)
    await subscribe(api, who)
    await subscribe(api, who, machineId="bench-01")
    async with api.stream(Authorization=who) as stream:
        api.publish("leg-press-01")
        await rung(stream)
    told = await (
        await api.call(
            "GET", "/alerts/statistics", Authorization=f"Bearer {await api.key('staff')}"
        )
    ).json()
    assert (told["created"], told["fired"], told["armed"]) == (2, 1, 1)
    assert told["delivered"] == {"stream": 1}
    assert told["timeToFire"]["median"] >= 0
    assert (await api.call("GET", "/alerts/statistics", Authorization=who)).status == 403


async def test_without_a_credential_there_are_no_alerts(api: Served) -> None:
    assert (await api.call("POST", "/alerts", PRESS)).status == 401
    assert (await api.get("/alerts")).status == 401


async def test_many_at_once_ring_all_at_once() -> None:
    rules = Alerts(settle=0.05, all_at_once=True)
    limits = Limits(members_per_address=1000, streams_per_address=1000, exempt=("127.0.0.1",))
    async with serving(rules=rules, limits=limits) as api:
        api.publish("leg-press-01", Status.OCCUPIED)
        members = [await member(api) for _ in range(20)]
        for who in members:
            await subscribe(api, who)
        async with (
            api.stream(Authorization=members[0]) as one,
            api.stream(Authorization=members[-1]) as other,
        ):
            api.publish("leg-press-01")
            assert (await rung(one))["place"] == 1
            assert (await rung(other))["place"] == 2  # open pages are told before all others


async def test_what_was_dated_before_time_was_known_is_put_right(api: Served) -> None:
    who, days = await member(api), 5 * 86_400.0
    api.wall.synchronised = False
    before = await subscribe(api, who, **PRESS, expiresIn=3600)
    api.wall.now, api.wall.synchronised = time.time() + days, True
    api.alerts.ringing.redate(days)
    after = await subscribe(api, who, machineId="leg-press-02", expiresIn=3600)
    await settled(
        lambda: api.ledger.execute("SELECT min(created) FROM alerts").fetchone()[0] > days
    )
    put_right = await show(api, who, before["alertId"])
    assert put_right["expiresAt"] == before["expiresAt"] + days
    assert (await show(api, who, after["alertId"]))["expiresAt"] == after["expiresAt"]
    assert sorted(a.expires for a in api.alerts.desk._book) == pytest.approx(
        [put_right["expiresAt"], after["expiresAt"]], abs=0.01
    )


async def test_until_time_is_known_an_hour_of_the_clock_says_nothing(api: Served) -> None:
    who = await member(api)
    api.wall.synchronised = False
    refused = await subscribe(api, who, 409, **PRESS, expiresAt=time.time() + 3600)
    assert "expiresIn" in refused["detail"]
    await subscribe(api, who, **PRESS, expiresIn=3600)


async def test_an_alert_that_the_ledger_knows_as_ended_does_not_ring(api: Served) -> None:
    who = await member(api)
    alert = await subscribe(api, who)
    api.ledger.execute("UPDATE alerts SET state = 'cancelled'")  # and memory does not know
    async with api.stream(Authorization=who) as stream:
        api.publish("leg-press-01")
        api.publish("bench-01")
        events = [(await stream.next()).event for _ in range(3)]
    assert "alert" not in events
    assert (await show(api, who, alert["alertId"]))["firedAt"] is None
