"""Mistakes in the configuration, each at the place where a person finds it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Place = tuple[str | int, ...]
"""The way into the document: ("machines", 3, "category")."""

MOST = 100  # mistakes in one message: three screens, and no broken file takes minutes to judge
LONGEST = 64  # characters of a value that a message quotes
NO_LINE = 0  # what stands nowhere comes first

HEADER = re.compile(r"\s*(\[\[?)([^\[\]]+)\]\]?\s*(?:#.*)?\Z")
NAME = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""
KEY = re.compile(rf"\s*({NAME}(?:\s*\.\s*{NAME})*)\s*=")


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong where, and what to do about it."""

    place: str
    problem: str
    hint: str


class TooManyError(Exception):
    """There are more mistakes than one message carries."""


class Findings:
    """Gathers mistakes and knows the lines of the file."""

    def __init__(self, text: str, document: Mapping[str, object]) -> None:
        self._document = document
        self._lines = places_of(text)
        self._found: list[tuple[int, Place, Mistake]] = []

    def add(self, at: Place, problem: str, hint: str = "") -> None:
        """One more mistake; TooManyError when a message is full."""
        line = self._line(at)
        self._found.append((line, at, Mistake(self._describe(at, line), problem, hint)))
        if len(self._found) >= MOST:
            raise TooManyError

    def mistakes(self) -> tuple[Mistake, ...]:
        """All of them, in the order of the file's lines."""
        return tuple(mistake for _, mistake in self.places())

    def places(self) -> list[tuple[Place, Mistake]]:
        """All of them with their places, in the order of the file's lines."""
        found = sorted(self._found, key=lambda found: found[0])
        return [(place, mistake) for _, place, mistake in found]

    def mistaken(self, at: Place) -> bool:
        """Whether something at or below this place is wrong already."""
        return any(place[: len(at)] == at for _, place, _ in self._found)

    def unusable(self, at: Place) -> bool:
        """Whether this place as a whole is wrong: nobody knows what else would stand there."""
        return any(place == at for _, place, _ in self._found)

    def given(self, at: Place) -> bool:
        """Whether the file says anything there."""
        return self._value(at) is not None

    def _value(self, at: Place) -> object:
        value: object = self._document
        for part in at:
            if isinstance(value, dict):
                value = value.get(part)
            else:
                value = value[part] if isinstance(value, list) and isinstance(part, int) else None
        return value

    def _line(self, at: Place) -> int:
        lengths = range(len(at), 0, -1)
        return next((self._lines[at[:n]] for n in lengths if at[:n] in self._lines), NO_LINE)

    def _describe(self, at: Place, line: int) -> str:
        """`machines[3].category (leg-press-04), line 57`."""
        name = self._value((*at[:2], "id")) if len(at) > 1 and isinstance(at[1], int) else None
        who = f" ({shown(name)[1:-1]})" if isinstance(name, str) and at[2:] != ("id",) else ""
        return dotted(at) + who + (f", line {line}" if line else "")


def dotted(at: Place) -> str:
    """`machines[3].category`, as a person would write it."""
    text = ""
    for part in at:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{_key(part)}" if text else _key(part)
    return text


def near(name: str, known: Iterable[str]) -> str:
    """`did you mean …?`, or what there is to choose from."""
    from difflib import get_close_matches  # noqa: PLC0415  only when something is wrong

    choices = sorted(known)
    if close := get_close_matches(name[:LONGEST], choices, n=1):
        return f"did you mean `{close[0]}`?"
    some = ", ".join(choices[:20]) + (", …" if len(choices) > 20 else "")  # noqa: PLR2004  two lines
    return f"there is: {some}" if some else ""


def shown(value: object) -> str:
    """A value as a message quotes it: short, on one line, without control characters."""
    text = str(value)
    return repr(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")


def _key(part: str) -> str:
    return part if re.fullmatch(r"[\w-]{1,64}", part, re.ASCII) else shown(part)


def places_of(text: str) -> dict[Place, int]:
    """Where tables and keys stand. A scan by line: what it cannot see has its table's line."""
    lines: dict[Place, int] = {}
    newest: dict[Place, int] = {}
    table: Place = ()
    for number, line in enumerate(text.split("\n"), 1):
        if header := HEADER.match(line):
            table = _table(_names(header[2]), newest, is_array=header[1] == "[[")
            lines.setdefault(table, number)
        elif key := KEY.match(line):
            lines.setdefault(table + _names(key[1]), number)
    return lines


def _table(names: Place, newest: dict[Place, int], *, is_array: bool) -> Place:
    """The header's names with the numbers of the arrays' newest elements between them."""
    table: Place = ()
    for number, name in enumerate(names):
        table += (name,)
        if is_array and number == len(names) - 1:
            newest[table] = newest.get(table, -1) + 1
        if table in newest:
            table += (newest[table],)
    return table


def _names(text: str) -> Place:
    return tuple(name.strip("\"'") for name in re.findall(NAME, text))
