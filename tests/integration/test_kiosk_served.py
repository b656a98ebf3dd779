"""What a screen on the wall asks for: its page, the branch's usual week, its code and its logo."""

import logging
from pathlib import Path

import pytest

from config.sections import Kiosk
from tests.integration.served import serving

DOT = b'<svg xmlns="http://www.w3.org/2000/svg"><circle r="1"/></svg>'


async def test_a_branch_has_a_usual_week() -> None:
    async with serving() as api:
        told = await api.json("/branches/hk-central/usual")
        assert (told["gymId"], told["timezone"]) == ("hk-central", "Asia/Hong_Kong")
        assert [len(day) for day in told["patterns"]["weekday"]] == [96] * 7
        assert told["patterns"]["busiest"] == ["18:00"]
        await api.json("/branches/nowhere/usual", status=404)


async def test_the_usual_week_is_read_once_a_minute_not_by_each_screen() -> None:
    async with serving() as api:
        await api.json("/branches/hk-central/usual")
        before = api.model.reads
        await api.json("/branches/hk-central/usual")
        assert api.model.reads == before


async def test_a_disk_that_fails_is_told_not_hidden() -> None:
    async with serving() as api:
        api.model.fault = OSError("I/O error")
        assert (await api.get("/branches/hk-central/usual")).status >= 500


async def test_the_branchs_code_is_an_image() -> None:
    async with serving() as api:
        reply = await api.get("/qr.svg")
        assert (reply.status, reply.content_type) == (200, "image/svg+xml")
        assert (await api.get("/qr.svg", If_None_Match=reply.headers["ETag"])).status == 304


async def test_a_logo_stands_on_the_screen(tmp_path: Path) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_bytes(DOT)
    async with serving(kiosk=Kiosk(logo=str(logo), colour="#003f87", screen="06:00-23:00")) as api:
        page = await (await api.get("/kiosk")).text()
        assert 'src="/kiosk/logo"' in page
        assert 'data-colour="#003f87" data-screen="06:00-23:00"' in page
        reply = await api.get("/kiosk/logo")
        assert (await reply.read(), reply.content_type) == (DOT, "image/svg+xml")


@pytest.mark.parametrize(("name", "size"), [("logo.bmp", 1), ("logo.png", 300_000), (None, 0)])
async def test_a_logo_that_cannot_be_shown_is_told_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str | None, size: int
) -> None:
    logo = tmp_path / (name or "nowhere.png")
    if name:
        logo.write_bytes(b"x" * size)
    with caplog.at_level(logging.WARNING):
        async with serving(kiosk=Kiosk(logo=str(logo))) as api:
            assert "/kiosk/logo" not in await (await api.get("/kiosk")).text()
            assert (await api.get("/kiosk/logo")).status == 404
    assert str(logo) in caplog.text


async def test_a_screen_can_ask_whether_it_shows_the_newest_version() -> None:
    async with serving() as api:
        version = await (await api.get("/web/version")).text()
        assert f'data-version="{version}"' in await (await api.get("/kiosk")).text()


async def test_before_any_script_it_says_what_is_free() -> None:
    async with serving() as api:
        api.publish("leg-press-01")
        page = await (await api.get("/kiosk")).text()
        assert '<h2 dir="auto">Legs</h2><p><b>1</b><span> / 2</span></p><i>? 1</i>' in page
        assert '<h2 dir="auto">Chest</h2><p><b>?</b><span> / 1</span></p><i></i>' in page
        assert 'data-zone="Asia/Hong_Kong"' in page
        assert page.count('class="tile"') == 4
        assert '<span dir="auto" class="name">Leg press 01</span>' in page
