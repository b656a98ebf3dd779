"""The languages of the pages: a catalogue file each, and which one a person reads."""

from collections.abc import Iterator, Mapping
from html import escape

import msgspec
from aiohttp import web

from gateway.api.pages import Pages

FIRST = "en"
"""Whole by rule: what another catalogue lacks is taken from here."""
COOKIE = "language"
PARAMETER = "lang"
KEPT = 31_536_000  # seconds a choice is remembered: a year
FOLDER = "languages/"
Catalogue = Mapping[str, Mapping[str, str | Mapping[str, str]]]
"""Section → key → text with `{holes}`; or by the plural categories of the language."""


class Languages:
    """Every catalogue that ships; `first` is read by who asks for none that we have."""

    def __init__(self, pages: Pages, first: str = FIRST) -> None:
        found = {
            name.removesuffix(".json"): msgspec.json.decode(data, type=dict[str, dict[str, object]])
            for name, data in pages.below(FOLDER).items()
        }
        whole = found[FIRST]
        self._catalogues = {
            language: {part: {**texts, **own.get(part, {})} for part, texts in whole.items()}
            for language, own in found.items()
        }
        self.first = first if first in found else FIRST

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._catalogues))

    def chosen(self, request: web.Request) -> str:
        """By the address, by an earlier choice, by the browser; else the branch's."""
        accepted = _accepted(request.headers.get("Accept-Language", ""))
        asked = (request.query.get(PARAMETER, ""), request.cookies.get(COOKIE, ""), *accepted)
        return next((known for one in asked if (known := self._known(one))), self.first)

    def of_place(self, request: web.Request) -> str:
        """By the address, else the branch's: a screen on a wall has no reader of its own."""
        return self._known(request.query.get(PARAMETER, "")) or self.first

    def flat(self, language: str) -> dict[str, str]:
        """`section.key` → text, as HTML takes it; those that depend on a number are not in it."""
        parts = self._catalogues[language].items()
        return {
            f"{part}.{key}": escape(text)
            for part, texts in parts
            for key, text in texts.items()
            if isinstance(text, str)
        }

    def embedded(self, language: str, *parts: str) -> str:
        """The catalogue as a page carries it for its scripts: JSON that cannot end the element."""
        texts = {part: self._catalogues[language][part] for part in parts}
        return msgspec.json.encode(texts).decode().replace("<", "\\u003c")

    def named(self) -> list[tuple[str, str, str]]:
        """(language, its own name, "read this page in it" in itself), for who wants another."""
        return [
            (one, flat["language.name"], flat["language.sentence"])
            for one in self
            for flat in (self.flat(one),)
        ]

    def _known(self, asked: str) -> str | None:
        """The catalogue for a language tag: itself, its beginning, or another script of it."""
        wanted = asked.lower()
        names = {one.lower(): one for one in self._catalogues}
        primary = wanted.partition("-")[0]
        alike = (one for name, one in names.items() if name.partition("-")[0] == primary)
        return names.get(wanted) or next(alike, None)


def _accepted(header: str) -> list[str]:
    """The tags of an Accept-Language, the most wanted first; at most ten are looked at."""
    tags = []
    for part in header.split(",")[:10]:
        tag, _, weight = part.replace(" ", "").partition(";q=")
        tags.append((_weight(weight), tag))
    return [tag for weight, tag in sorted(tags, key=lambda one: -one[0]) if weight > 0]


def _weight(text: str) -> float:
    try:
        return float(text or 1)
    except ValueError:
        return 0
