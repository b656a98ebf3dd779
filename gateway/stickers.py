"""QR stickers: what leads from a machine to its page."""

from collections.abc import Iterable
from html import escape
from io import BytesIO
from typing import NamedTuple

import segno

QUIET = 4  # modules around the code, as ISO/IEC 18004 asks
CORRECTION = "m"  # 15 % may be scratched off
WORDS = "Free or in use? · 空閒還是使用中？"  # noqa: RUF001  Chinese has signs of its own
STYLE = """
@page { size: A4; margin: 10mm }
body { margin: 0; font-family: system-ui, sans-serif; color: #000; background: #fff }
main { display: grid; grid-template-columns: repeat(3, 62mm); grid-auto-rows: 66mm; gap: 4mm 1mm }
article {
  display: flex; flex-direction: column; box-sizing: border-box; break-inside: avoid;
  overflow: hidden; padding: 2mm; border: 0.2mm dashed #999; text-align: center;
}
svg { flex: 0 1 42mm; min-height: 34mm }
h2, p { flex: none; margin: 0.5mm 0 0; line-height: 1.15; overflow-wrap: anywhere }
h2 {
  font-size: 4.5mm; overflow: hidden;
  display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2;
}
p { font-size: 2.8mm }
"""


class Sticker(NamedTuple):
    """One machine's."""

    machine: str
    name: str


def link(public_url: str, machine: str) -> str:
    """The machine's page."""
    return f"{public_url.rstrip('/')}/m/{machine}"


def svg(url: str) -> str:
    """The code for `url` as an image of its own, black on white."""
    image = BytesIO()
    code = segno.make(url, error=CORRECTION, micro=False)
    code.save(image, kind="svg", border=QUIET, omitsize=True, light="white", xmldecl=False)
    return image.getvalue().decode().strip()


def sheet(branch: str, public_url: str, stickers: Iterable[Sticker]) -> str:
    """A page to print: A4, three in a row, cut along the dashes."""
    cards = "\n".join(_card(link(public_url, one.machine), one.name) for one in stickers)
    title = escape(branch)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style></head>\n<body><main>\n{cards}\n</main></body></html>\n"
    )


def _card(url: str, name: str) -> str:
    return (
        f'<article>{svg(url)}<h2 dir="auto">{escape(name)}</h2>'
        f"<p>{WORDS}</p><p>{escape(url)}</p></article>"
    )
