"""What people say of machines, and the log of it all."""

from collections.abc import AsyncIterator

import pytest

from gateway.core.events import Status
from tests.integration.served import Served, serving


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


async def test_staff_take_a_machine_out_of_service_with_a_note(api: Served) -> None:
    staff = {"Authorization": f"Bearer {await api.key('staff')}"}
    body = {"outOfService": True, "note": "The cable is torn."}
    reply = await api.call("PUT", "/machines/bench-01/service", body, **staff)
    assert (reply.status, (await reply.json())["status"]) == (200, "out_of_service")
    assert api.ledger.execute("SELECT machine, note FROM service").fetchall() == [
        ("bench-01", "The cable is torn.")
    ]
    await api.call("PUT", "/machines/bench-01/service", {"outOfService": False}, **staff)
    assert api.ledger.execute("SELECT count(*) FROM service").fetchone() == (0,)


async def test_members_and_guests_cannot_take_a_machine_out_of_service(api: Served) -> None:
    token = (await (await api.call("POST", "/members")).json())["token"]
    api.client.cookie_jar.clear()
    path, body = "/machines/bench-01/service", {"outOfService": True}
    assert (await api.call("PUT", path, body)).status == 401
    assert (await api.call("PUT", path, body, Authorization=f"Bearer {token}")).status == 403


async def test_who_changed_what_is_audited(api: Served) -> None:
    secret = await api.key("staff")
    body = {"outOfService": True, "note": "torn"}
    await api.call("PUT", "/machines/bench-01/service", body, X_API_Key=secret)
    entry = (await api.locally("GET", "/admin/audit"))["entries"][0]
    assert (entry["what"], entry["target"]) == ("out of service", "bench-01")
    assert entry["who"].startswith("staff:k")


async def test_anybody_may_say_that_we_are_wrong(api: Served) -> None:
    api.publish("bench-01", Status.OCCUPIED)
    reply = await api.call("POST", "/machines/bench-01/wrong", {"actually": "free"})
    assert reply.status == 201
    said = await reply.json()
    assert (said["shown"], said["actually"]) == ("occupied", "free")
    assert api.ledger.execute("SELECT machine, shown, who FROM reports").fetchone() == (
        "bench-01",
        "occupied",
        "anonymous",
    )


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"actually": "busy", "note": 5, "x": 1}, {"/actually", "/note", "/x"}),
        ([], {""}),
        ({"note": "x" * 501}, {"/note"}),
    ],
)
async def test_a_wrong_body_names_every_wrong_field(
    api: Served, body: object, pointers: set[str]
) -> None:
    reply = await api.call("POST", "/machines/bench-01/wrong", body)
    assert reply.status == 422
    assert {error["pointer"] for error in (await reply.json())["errors"]} == pointers


async def test_a_body_must_be_json_of_a_bearable_size(api: Served) -> None:
    async def post(data: bytes, kind: str = "application/json") -> int:
        headers = {"Content-Type": kind}
        url = f"{api.url}/machines/bench-01/wrong"
        async with api.client.post(url, data=data, headers=headers) as reply:
            return reply.status

    assert await post(b"{}", "text/plain") == 415
    assert await post(b"{") == 400
    assert await post(b'"\xff\xfe"') == 400
    assert await post(b"[" * 60_000) == 400
    assert await post(b'{"note": NaN}') == 400
    assert await post(b" " * 70_000) == 413


async def test_an_unknown_machine_is_404(api: Served) -> None:
    assert (await api.call("POST", "/machines/nothing/wrong", {})).status == 404


async def test_the_log_is_read_in_pages(api: Served) -> None:
    for _ in range(5):
        api.publish("bench-01")
    staff = {"Authorization": f"Bearer {await api.key('staff')}"}
    first = await (await api.get("/events?limit=2", **staff)).json()
    then = await (await api.get(f"/events?limit=2&after={first['next']}", **staff)).json()
    seqs = [int(event["id"].rpartition("-")[2]) for event in first["events"] + then["events"]]
    assert seqs == sorted(set(seqs))
    assert len(seqs) == 4


@pytest.mark.parametrize("query", ["after=x", "limit=0", "limit=1001", "after=é-1", "until=3"])
async def test_a_wrong_page_is_422(api: Served, query: str) -> None:
    staff = {"Authorization": f"Bearer {await api.key('staff')}"}
    assert (await api.get(f"/events?{query}", **staff)).status == 422
