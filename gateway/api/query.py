"""Query parameters: every wrong one is named at once."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from math import inf, isfinite

from aiohttp import web

from gateway.core.errors import Fault, InvalidError

_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?")
_PART = r"(?:\.[0-9]{1,9})?"
_LATITUDE = rf"-?(?:90(?:\.0{{1,9}})?|[1-8]?[0-9]{_PART})"
_LONGITUDE = rf"-?(?:180(?:\.0{{1,9}})?|(?:1[0-7][0-9]|[1-9]?[0-9]){_PART})"
PLACE = rf"({_LATITUDE}),({_LONGITUDE})"
"""`latitude,longitude` in degrees, as documents and we ourselves judge it."""
LATEST = 4_102_444_800  # epoch seconds: the year 2100, beyond any clock of ours


class Query:
    """The parameters of one request; `done` raises what was found wrong with them."""

    def __init__(self, request: web.Request, known: Iterable[str]) -> None:
        self._query = request.query
        self._known = tuple(known)
        self._faults: list[Fault] = []
        for name in dict.fromkeys(self._query):
            if name not in self._known:
                self.wrong(name, self._unknown(name))
            elif len(self._query.getall(name)) > 1:
                self.wrong(name, "is given more than once")

    def wrong(self, name: str, detail: str) -> None:
        """Note a fault."""
        self._faults.append(Fault("/" + name.replace("~", "~0").replace("/", "~1"), detail))

    def done(self) -> None:
        """Raise InvalidError if anything was wrong."""
        if self._faults:
            raise InvalidError(self._faults)

    def has(self, name: str) -> bool:
        """Whether it was given."""
        return name in self._query

    def names(self, name: str, known: Iterable[str]) -> frozenset[str]:
        """A list `a,b` of names that must be known ones."""
        asked = [part for part in self._query.get(name, "").split(",") if part]
        if self.has(name) and not asked:
            self.wrong(name, "is empty")
        missing = sorted(set(asked).difference(known))
        if missing:
            self.wrong(name, f"not known here: {', '.join(missing)}")
        return frozenset(asked)

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """One of a few words; the first is the default."""
        word = self._query.get(name, allowed[0])
        if word not in allowed:
            self.wrong(name, f"must be one of {', '.join(allowed)}")
        return word

    def number(self, name: str, default: float, least: float, most: float) -> float:
        """A number within bounds, or `default` where it is missing or wrong."""
        text = self._query.get(name)
        if text is None:
            return default
        value = _number(text)
        if value is None or not least <= value <= most:
            self.wrong(name, f"must be a number from {least:g} to {most:.10g}")
            return default
        return value

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number within bounds, or `default` where it is missing or wrong."""
        value = self.number(name, default, least, most)
        if value != int(value):
            self.wrong(name, f"must be a whole number from {least} to {most}")
        return int(value)

    def place(self, name: str) -> tuple[float, float] | None:
        """`latitude,longitude` in degrees; None where it is missing or wrong."""
        if not self.has(name):
            return None
        found = re.fullmatch(PLACE, self._query[name])
        if found is None:
            self.wrong(name, "must be latitude,longitude in degrees, such as 22.28,114.16")
            return None
        return float(found[1]), float(found[2])

    def _unknown(self, name: str) -> str:
        close = get_close_matches(name, self._known, 1)
        if close:
            return f"is no parameter of this address; did you mean {close[0]}?"
        return f"is no parameter of this address; it takes {', '.join(self._known) or 'none'}"


def no_parameters(request: web.Request) -> None:
    """Refuse any."""
    if request.query_string:
        Query(request, ()).done()


def _number(text: str) -> float | None:
    """A number as JSON writes it: Python would take blanks, other digits and underscores too."""
    value = float(text) if _JSON_NUMBER.fullmatch(text) else inf
    return value if isfinite(value) else None
