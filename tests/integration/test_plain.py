"""Pages without a script: what a sticker opens, and what is free."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.core.events import Status
from tests.integration.served import Served, serving

NASTY = '<script>alert("1")</script> {others} كرسي 🏋️'


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


async def test_a_sticker_opens_its_machines_page_with_what_is_free_instead(api: Served) -> None:
    api.publish("leg-press-01", Status.OCCUPIED)
    api.publish("leg-press-02")
    api.publish("bench-01")
    reply = await api.get("/m/leg-press-01")
    page = await reply.text()
    assert (reply.status, reply.content_type) == (200, "text/html")
    assert 'data-status="occupied"' in page
    assert 'href="/m/leg-press-02"' in page
    assert 'href="/m/bench-01"' not in page


async def test_it_is_as_of_the_newest_event(api: Served) -> None:
    api.publish("leg-press-01", Status.OCCUPIED)
    etag = (await api.get("/m/leg-press-01")).headers["ETag"]
    assert (await api.get("/m/leg-press-01", If_None_Match=etag)).status == 304
    api.publish("leg-press-01")
    page = await (await api.get("/m/leg-press-01", If_None_Match=etag)).text()
    assert ">Free</b>" in page


async def test_whatever_a_machine_is_called_is_text(api: Served) -> None:
    api.model.views["leg-press-01"] = replace(api.model.views["leg-press-01"], name=NASTY)
    assert "{others}" not in await (await api.get("/m/leg-press-01")).text()
    for path in ("/m/leg-press-01", "/m/leg-press-02", "/"):
        page = await (await api.get(path)).text()
        assert "<script>alert" not in page
        assert "{free}" not in page


async def test_a_machine_that_is_not_here_says_what_to_do(api: Served) -> None:
    reply = await api.get("/m/%3Cb%3Enowhere")
    page = await reply.text()
    assert (reply.status, reply.content_type) == (404, "text/html")
    assert "&lt;b&gt;nowhere" in page
    assert 'href="/"' in page


async def test_without_a_script_the_phones_page_lists_what_is_free(api: Served) -> None:
    assert "Nothing is known to be free now" in await (await api.get("/")).text()
    api.publish("bench-01")
    page = await (await api.get("/")).text()
    assert 'href="/m/bench-01"' in page.split("<noscript>")[-1]
