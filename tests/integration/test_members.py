"""Members, their cookie, and tickets."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from config.sections import Limits, Notify
from gateway.api.credentials import Credentials
from gateway.core.events import Status
from gateway.store import people
from tests.integration.served import Served, serving


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


async def join(api: Served) -> tuple[str, str]:
    reply = await api.call("POST", "/members")
    assert reply.status == 201
    made = await reply.json()
    api.client.cookie_jar.clear()
    return made["memberId"], made["token"]


async def test_a_new_members_cookie_is_for_our_pages_only(api: Served) -> None:
    reply = await api.call("POST", "/members")
    cookie = reply.headers["Set-Cookie"]
    assert (await reply.json())["token"] in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert reply.headers["Cache-Control"] == "no-store"


async def test_a_member_may_remove_itself_with_all_its_data(api: Served) -> None:
    _, token = await join(api)
    headers = {"Authorization": f"Bearer {token}"}
    await api.call("POST", "/machines/bench-01/wrong", {"note": "mine"}, **headers)
    assert (await api.call("DELETE", "/members/me", **headers)).status == 204
    assert (await api.call("DELETE", "/members/me", **headers)).status == 401
    assert people.read(api.ledger).members == {}
    assert "former" in api.ledger.execute("SELECT who FROM reports").fetchone()[0]


async def test_what_a_member_asks_for_while_it_leaves_is_refused_and_leaves_nothing() -> None:
    async with serving(notify=Notify(ntfy="https://ntfy.example.org")) as api:
        member, token = await join(api)
        api.publish("leg-press-01", Status.OCCUPIED)
        people.remove_member(api.ledger, member)  # in the same moment: its token is still known
        for path, body in (
            ("/alerts", {"machineId": "leg-press-01"}),
            ("/push-subscriptions", {"channel": "ntfy"}),
            ("/tickets", {}),
        ):
            reply = await api.call("POST", path, body, Authorization=f"Bearer {token}")
            assert (reply.status, path) == (401, path)
        for table in ("alerts", "targets", "tickets"):
            assert api.ledger.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


async def test_what_is_left_of_former_members_is_swept_out_at_a_start(api: Served) -> None:
    member, token = await join(api)
    api.publish("leg-press-01", Status.OCCUPIED)
    wish = {"machineId": "leg-press-01"}
    await api.call("POST", "/alerts", wish, Authorization=f"Bearer {token}")
    api.ledger.execute("DELETE FROM members WHERE id = ?", [member])
    people.sweep(api.ledger)
    assert api.ledger.execute("SELECT count(*) FROM alerts").fetchone() == (0,)


async def test_a_member_is_known_after_a_restart(api: Served) -> None:
    member, token = await join(api)

    async def nothing() -> None: ...

    again = Credentials(people.read(api.ledger), api.credentials._write, api.wall, nothing)
    assert again.find(token).id == member


async def test_the_cookie_counts_only_with_our_own_origin(api: Served) -> None:
    _, token = await join(api)
    cookie = {"Cookie": f"gateway_member={token}"}
    ours, foreign = api.url, "http://evil.example"
    assert (await api.call("POST", "/tickets", None, Origin=ours, **cookie)).status == 201
    assert (await api.call("POST", "/tickets", None, Origin=foreign, **cookie)).status == 403
    assert (await api.call("POST", "/tickets", None, **cookie)).status == 403
    assert (await api.get("/branches", **cookie)).status == 200


async def test_a_wrong_cookie_is_taken_from_the_browser(api: Served) -> None:
    reply = await api.get("/branches", Cookie="gateway_member=gone")
    assert reply.status == 401
    assert "Max-Age=0" in reply.headers["Set-Cookie"]


async def test_who_was_signed_out_still_gets_the_pages_and_their_parts(api: Served) -> None:
    page = await (await api.get("/", Cookie="gateway_member=gone")).text()
    parts = re.findall(r'"(/web/[0-9a-f]{12}/[^"]+)"', page)
    assert len(parts) > 10
    for path in ("/m/leg-press-01", "/worker.js", "/manifest.webmanifest", *parts):
        reply = await api.get(path, Cookie="gateway_member=gone")
        assert (path, reply.status) == (path, 200)


async def test_new_members_are_five_a_day_and_address() -> None:
    async with serving(limits=Limits(writes=100)) as api:
        statuses = [(await api.call("POST", "/members")).status for _ in range(1)]
        for _ in range(5):
            api.client.cookie_jar.clear()
            statuses.append((await api.call("POST", "/members")).status)
        assert statuses == [201] * 5 + [429]
        assert (await api.get("/branches")).status in {200, 401}


async def test_a_ticket_opens_a_stream_once_and_then_for_that_client_only(api: Served) -> None:
    _, token = await join(api)
    made = await api.call("POST", "/tickets", Authorization=f"Bearer {token}")
    ticket = (await made.json())["ticket"]
    async with api.stream(f"?ticket={ticket}", User_Agent="phone") as stream:
        assert (await stream.next()).event == "snapshot"
    async with api.stream(f"?ticket={ticket}", User_Agent="phone") as stream:
        assert (await stream.next()).event == "snapshot"
    assert (await api.get(f"/stream?ticket={ticket}", User_Agent="thief")).status == 401
    assert (await api.get(f"/branches?ticket={ticket}")).status == 422


async def test_a_ticket_must_be_used_within_a_minute_and_lasts_twelve_hours(api: Served) -> None:
    _, token = await join(api)
    late, used = [
        (await (await api.call("POST", "/tickets", Authorization=f"Bearer {token}")).json())[
            "ticket"
        ]
        for _ in range(2)
    ]
    began = api.wall()
    async with api.stream(f"?ticket={used}") as stream:
        await stream.next()
    api.wall.now = began + 61
    assert (await api.get(f"/stream?ticket={late}")).status == 401
    async with api.stream(f"?ticket={used}") as stream:
        await stream.next()
    api.wall.now = began + 12 * 3600 + 1
    assert (await api.get(f"/stream?ticket={used}")).status == 401


async def test_a_ticket_ends_with_its_holder(api: Served) -> None:
    _, token = await join(api)
    headers = {"Authorization": f"Bearer {token}"}
    ticket = (await (await api.call("POST", "/tickets", **headers)).json())["ticket"]
    await api.call("DELETE", "/members/me", **headers)
    assert (await api.get(f"/stream?ticket={ticket}")).status == 401


async def test_tickets_need_a_credential(api: Served) -> None:
    assert (await api.call("POST", "/tickets")).status == 401


async def test_members_unseen_for_half_a_year_are_forgotten(api: Served) -> None:
    _, token = await join(api)
    api.wall.now = api.wall() + 181 * 86_400
    while await api.credentials.forget_the_gone(api.wall()):
        await asyncio.sleep(0)
    assert (await api.get("/branches", Authorization=f"Bearer {token}")).status == 401
