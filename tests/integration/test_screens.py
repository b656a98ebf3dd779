"""Pages as the gateway writes them: before any script, in the reader's language, packed."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from yarl import URL

from gateway.api.pages import FOLDER
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
    for path in ("/m/leg-press-01", "/m/leg-press-02", "/"):
        page = await (await api.get(path)).text()
        assert "<script>alert" not in page
        assert page.count("</html>") == 1


async def test_a_machine_that_is_not_here_says_what_to_do(api: Served) -> None:
    for path in ("/m/%3Cb%3Enowhere", "/m/%3Cb%3Enowhere/at/all", "/m/"):
        reply = await api.get(path)
        page = await reply.text()
        assert (reply.status, reply.content_type) == (404, "text/html")
        assert ("&lt;b&gt;nowhere" in page) == ("nowhere" in path)
        assert 'href="/"' in page


async def test_the_way_to_each_category_is_there_before_any_script(api: Served) -> None:
    api.publish("bench-01")
    page = await (await api.get("/")).text()
    assert '<a href="#category-chest"><span dir="auto">Chest</span> <b>1</b></a>' in page
    assert '<a href="#category-legs"><span dir="auto">Legs</span> <b class="none">0</b></a>' in page
    assert '<h2 id="category-legs"' in page


async def test_without_a_script_the_phones_page_shows_every_machine(api: Served) -> None:
    assert "0 of 4 machines free" in await (await api.get("/")).text()
    api.publish("bench-01")
    page = await (await api.get("/")).text()
    assert "1 of 4 machines free" in page
    assert "<strong>1 free</strong> of 4<" in page
    assert page.count('href="/m/') == 4


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ({}, "en"),
        ({"Accept-Language": "zh-HK,zh;q=0.9,en;q=0.8"}, "zh-Hant"),
        ({"Accept-Language": "de, en-GB;q=0.7, zh;q=0.3"}, "en"),
        ({"Accept-Language": "zh;q=0, *;q=x"}, "en"),
        ({"Accept-Language": "de, zh-HK ; q=0.9, en;q=0.8"}, "zh-Hant"),
        ({"Accept-Language": "en", "Cookie": "language=zh-Hant"}, "zh-Hant"),
        ({"Cookie": "language=<b>"}, "en"),
    ],
)
async def test_a_page_is_in_the_language_its_reader_wants(
    api: Served, headers: dict[str, str], language: str
) -> None:
    for path in ("/", "/m/leg-press-01", "/m/nowhere"):
        reply = await api.client.get(f"{api.url}{path}", headers=headers)
        assert f'<html lang="{language}">' in await reply.text()


async def test_a_language_that_was_chosen_is_kept_on_the_phone(api: Served) -> None:
    reply = await api.client.get(f"{api.url}/m/bench-01?lang=zh-Hant", allow_redirects=False)
    assert (reply.status, reply.headers["Location"]) == (303, "/m/bench-01")
    assert reply.cookies["language"].value == "zh-Hant"


async def test_a_language_is_chosen_at_any_address(api: Served) -> None:
    for path in ("/m/%0d%0aX-Evil:%201", "/m/%E8%85%BF%20%3F"):
        address = URL(f"{api.url}{path}?lang=en", encoded=True)
        reply = await api.client.get(address, allow_redirects=False)
        assert (reply.status, reply.headers["Location"]) == (303, path)


async def test_what_others_hang_on_a_pages_address_harms_nothing(api: Served) -> None:
    assert (await api.get("/m/leg-press-01/")).status == 200
    for path in ("/", "/m/leg-press-01", "/technician"):
        reply = await api.get(f"{path}?fbclid=abc&utm_source=story")
        assert (path, reply.status, reply.content_type) == (path, 200, "text/html")


async def test_pages_are_packed_for_who_takes_it_under_a_tag_of_their_own(api: Served) -> None:
    packed = await api.get("/", Accept_Encoding="gzip")
    plain = await api.get("/", Accept_Encoding="gzip;q=0, identity")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert await packed.text() == await plain.text()
    again = await api.get("/", Accept_Encoding="gzip", If_None_Match=packed.headers["ETag"])
    assert again.status == 304


async def test_the_parts_of_this_version_are_kept_for_ever_others_are_not(api: Served) -> None:
    page = await (await api.get("/")).text()
    (part,) = re.findall(r'src="(/web/[0-9a-f]{12}/phone/app\.js)"', page)
    kept = await api.get(part)
    assert "immutable" in kept.headers["Cache-Control"]
    other = await api.get("/web/000000000000/phone/app.js")
    assert (other.status, other.headers["Cache-Control"]) == (200, "no-cache")


async def test_every_part_that_a_page_names_is_there(api: Served) -> None:
    for path in ("/", "/m/bench-01", "/m/nowhere", "/kiosk"):
        page = await (await api.get(path)).text()
        for part in re.findall(r'(?:src|href)="(/web/[^"]+|/manifest[^"]+)"', page):
            assert (await api.get(part)).status == 200, part


async def test_the_worker_and_the_manifest_are_of_this_version(api: Served) -> None:
    worker = await (await api.get("/worker.js")).text()
    assert "{web}" not in worker
    manifest = await (await api.get("/manifest.webmanifest")).json(content_type=None)
    assert manifest["name"] == "Central"
    for icon in manifest["icons"]:
        assert (await api.get(icon["src"])).status == 200


def test_every_language_says_all_of_it_with_the_same_holes() -> None:
    whole, *others = (
        json.loads(path.read_text()) for path in sorted((FOLDER / "languages").glob("*.json"))
    )
    for other in others:
        assert _holes(other) == _holes(whole)


def _holes(catalogue: dict[str, dict[str, object]]) -> dict[str, set[str]]:
    return {
        f"{part}.{key}": set(re.findall(r"\{\w+\}", str(text)))
        for part, texts in catalogue.items()
        for key, text in texts.items()
    }
