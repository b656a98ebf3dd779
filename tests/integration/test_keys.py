"""Who may come in: keys, their roles, their end."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing

import pytest

from gateway.store import people
from tests.integration.served import Served, serving

LADDER = ["kiosk", "staff", "technician", "admin"]
STAFF_CALLS = ["/events", "/connections"]


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def test_a_key_is_shown_once_and_stored_hashed(api: Served) -> None:
    secret = await api.key("staff", name="Front desk")
    assert secret not in str(await api.locally("GET", "/admin/keys"))
    with closing(sqlite3.connect(api.socket_path.parent / "ledger.db")) as conn:
        assert secret not in "\n".join(map(str, conn.iterdump()))


@pytest.mark.parametrize("role", LADDER)
async def test_a_role_includes_those_below_it(api: Served, role: str) -> None:
    reply = await api.get("/events", **bearer(await api.key(role)))
    assert reply.status == (200 if LADDER.index(role) >= LADDER.index("staff") else 403)


@pytest.mark.parametrize("role", ["metrics", "sensor"])
async def test_some_roles_stand_alone(api: Served, role: str) -> None:
    topics = ["zigbee2mqtt/leg-press-01"] if role == "sensor" else []
    secret = await api.key(role, topics=topics)
    reply = await api.get("/events", **bearer(secret))
    assert reply.status == (403 if role == "metrics" else 401)


@pytest.mark.parametrize("path", STAFF_CALLS)
async def test_without_a_key_staff_calls_are_401_and_say_what_is_needed(
    api: Served, path: str
) -> None:
    reply = await api.get(path)
    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert "the role staff" in (await reply.json())["detail"]


async def test_a_key_may_stand_in_either_header(api: Served) -> None:
    secret = await api.key("staff")
    assert (await api.get("/events", X_API_Key=secret)).status == 200
    assert (await api.get("/events", **bearer(secret))).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic Zm9vOmJhcg=="},
        {"Authorization": "Bearer"},
        {"X_API_Key": "gwk_" + "x" * 43},
        {"Cookie": "gateway_member=gone"},
    ],
)
async def test_a_wrong_credential_is_401_on_every_call(
    api: Served, headers: dict[str, str]
) -> None:
    for path in ("/branches", "/health", "/nowhere"):
        assert (await api.get(path, **headers)).status == 401
    assert (await api.get("/branches")).status == 200  # the address is not blocked


async def test_a_revoked_key_is_no_good_at_once(api: Served) -> None:
    secret = await api.key("staff")
    key = (await api.locally("GET", "/admin/keys"))["keys"][0]["id"]
    await api.locally("DELETE", f"/admin/keys/{key}")
    reply = await api.get("/branches", **bearer(secret))
    assert reply.status == 401
    assert "revoked" in (await reply.json())["detail"]
    again = await api.locally("DELETE", f"/admin/keys/{key}")
    assert (again["status"], again["code"]) == (409, "conflict")


async def test_a_key_ends_when_it_expires(api: Served) -> None:
    secret = await api.key("staff", expiresIn=60)
    assert (await api.get("/events", **bearer(secret))).status == 200
    api.wall.now = api.wall() + 61
    assert (await api.get("/events", **bearer(secret))).status == 401


async def test_the_list_says_when_a_key_was_last_used(api: Served) -> None:
    secret = await api.key("kiosk")
    assert (await api.locally("GET", "/admin/keys"))["keys"][0]["lastUsed"] is None
    await api.get("/branches", **bearer(secret))
    used = (await api.locally("GET", "/admin/keys"))["keys"][0]["lastUsed"]
    assert used == pytest.approx(api.wall(), abs=5)
    await api.credentials.note_use()
    assert next(iter(people.read(api.ledger).keys.values())).last_used == used


async def test_keys_are_made_at_the_local_socket_only(api: Served) -> None:
    secret = await api.key("admin")
    for method in ("GET", "POST"):
        reply = await api.call(method, "/admin/keys", {"role": "admin"}, **bearer(secret))
        assert reply.status == 404


async def test_who_made_and_ended_keys_stands_in_the_audit_log(api: Served) -> None:
    await api.key("staff", name="Front desk")
    key = (await api.locally("GET", "/admin/keys"))["keys"][0]["id"]
    await api.locally("DELETE", f"/admin/keys/{key}")
    entries = (await api.locally("GET", "/admin/audit"))["entries"]
    told = [(entry["what"], entry["target"], entry["detail"]) for entry in entries]
    assert told == [
        ("key revoked", key, "staff Front desk"),
        ("key created", key, "staff Front desk"),
    ]


@pytest.mark.parametrize(
    ("asked", "pointers"),
    [
        ({"role": "king", "name": 5, "colour": "red"}, {"/role", "/name", "/colour"}),
        ({"role": "member"}, {"/role"}),
        ({"role": "sensor"}, {"/topics"}),
        ({"role": "staff", "topics": ["a/b"]}, {"/topics"}),
        (
            {"role": "sensor", "topics": ["#", "gyms/other/machines/m/occupancy"]},
            {"/topics/0", "/topics/1"},
        ),
        ({"role": "sensor", "topics": ["gyms/hk-central/machines/bench-01/status"]}, {"/topics/0"}),
        ({"role": "sensor", "topics": ["homeassistant/device/x/config"]}, {"/topics/0"}),
        ({}, {"/role"}),
    ],
)
async def test_every_wrong_field_of_a_new_key_is_named(
    api: Served, asked: object, pointers: set[str]
) -> None:
    problem = await api.locally("POST", "/admin/keys", asked)
    assert problem["status"] == 422
    assert {error["pointer"] for error in problem["errors"]} == pointers


async def test_a_sensors_key_is_the_brokers_user(api: Served) -> None:
    topics = ["zigbee2mqtt/#", "gyms/hk-central/machines/bench-01/occupancy"]
    await api.key("sensor", topics=topics)
    ((_, password, may_write),) = people.sensor_users(api.ledger, api.wall())
    assert password.startswith("hash of ")
    assert list(may_write) == topics
    assert api.broker_told == 1


async def test_signed_keys_need_a_master_secret_and_say_how_to_make_one(api: Served) -> None:
    problem = await api.locally("POST", "/admin/keys", {"role": "admin", "signed": True})
    assert problem["status"] == 409
    assert "systemd credential `master`" in problem["detail"]


@pytest.mark.parametrize("who", ["key", "member"])
async def test_who_may_come_in_no_more_is_cut_off_at_once(api: Served, who: str) -> None:
    if who == "key":
        made = await api.locally("POST", "/admin/keys", {"role": "staff"})
        secret = made["secret"]
    else:
        secret = (await (await api.call("POST", "/members")).json())["token"]
    async with api.stream(**bearer(secret)) as stream, api.stream() as other:
        await stream.next()
        await other.next()
        if who == "key":
            await api.locally("DELETE", f"/admin/keys/{made['id']}")
        else:
            await api.call("DELETE", "/members/me", **bearer(secret))
        await asyncio.wait_for(stream.reply.content.read(), 10)  # to its end
        api.publish("bench-01")
        assert (await other.next()).event == "machine_update"
