"""A page asks for all its modules at once: on a slow link each step costs."""

import posixpath
import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "gateway/web"
IMPORTED = re.compile(r"""^(?:import|export)\b[^"';]*["']([./][^"']+\.js)["']""", re.MULTILINE)
SCRIPT = re.compile(r'<script type="module" src="(?:/web|{web})/([^"]+)"')
PRELOADED = re.compile(r'<link rel="modulepreload" href="(?:/web|{web})/([^"]+)"')
PAGES = [page for page in sorted(WEB.rglob("*.html")) if SCRIPT.search(page.read_text())]


def leads_to(script: str) -> set[str]:
    """Every module that it imports, and those that they import."""
    seen: set[str] = set()
    ahead = [script]
    while ahead:
        module = ahead.pop()
        text = (WEB / module).read_text(encoding="utf-8")
        paths = [
            posixpath.join("/web", posixpath.dirname(module), one) for one in IMPORTED.findall(text)
        ]
        found = {posixpath.normpath(path).removeprefix("/web/") for path in paths} - seen
        seen |= found
        ahead += found
    return seen


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(WEB).as_posix())
def test_a_page_asks_at_once_for_every_module_that_it_needs(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    (script,) = SCRIPT.findall(text)
    assert sorted(PRELOADED.findall(text)) == sorted(leads_to(script))
