"""Stickers: a sheet to print, whatever machines are called."""

from pathlib import Path
from xml.etree import ElementTree as ET

from click.testing import CliRunner

from gateway.cli import main
from gateway.stickers import Sticker, sheet, svg

EXAMPLE = "config/examples/branch.toml"
NASTY = '<script>alert("1")</script> & كرسي 🏋️ ' + "x" * 200


def test_a_code_is_an_image_of_its_own() -> None:
    image = ET.fromstring(svg("http://gym.local:8080/m/leg-press-01"))
    assert image.tag == "{http://www.w3.org/2000/svg}svg"
    assert image.get("viewBox") is not None


def test_whatever_a_machine_is_called_is_text() -> None:
    page = sheet(NASTY, "http://gym.local/", [Sticker("a", NASTY)])
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "http://gym.local/m/a" in page


def test_the_sheet_has_every_machine(tmp_path: Path) -> None:
    out = tmp_path / "sheet.html"
    result = CliRunner().invoke(main, ["stickers", "--config", EXAMPLE, "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert out.read_text(encoding="utf-8").count("<article>") == 4
    assert "print it" in result.output


def test_one_machine_that_is_misspelt_gets_a_hint() -> None:
    result = CliRunner().invoke(main, ["stickers", "leg-press-1", "--config", EXAMPLE])
    assert result.exit_code == 2
    assert "Did you mean leg-press-01" in result.output


def test_a_sheet_that_cannot_be_written_is_said_in_a_line(tmp_path: Path) -> None:
    out = str(tmp_path / "nowhere/sheet.html")
    result = CliRunner().invoke(main, ["stickers", "--config", EXAMPLE, "--out", out])
    assert result.exit_code == 1
    assert f"{out} cannot be written: No such file or directory" in result.output
