"""From the document to typed sections, field by field, so that no mistake hides another."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import Annotated, Literal, TypeGuard, TypeVar, Union, get_args, get_origin

import msgspec

from config.mistakes import Findings, Place, near, shown
from config.sections import ID_PATTERN, Section

S = TypeVar("S", bound=Section)
Struct = TypeVar("Struct", bound=msgspec.Struct)

SECRET = re.compile(r"password|passwd|passphrase|secret|token|credential|api_?key", re.IGNORECASE)
WRONG = object()
WORDS = {
    "str": "text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "an array",
    "object": "a table",
    "null": "nothing",
    "date": "a date",
    "time": "a time",
    "datetime": "a date with time",
}
BOUNDS = {
    ">=": "must be at least",
    ">": "must be more than",
    "<=": "must be at most",
    "<": "must be less than",
}


def section(kind: type[S], given: object, at: Place, found: Findings) -> S:
    """The section as written; what is wrong stands as its default, else as empty text or 0."""
    if not isinstance(given, dict):
        found.add(at, f"must be a table, not {_what(given)}")
        return _nothing(kind)
    return kind(**values(kind, given, at, found))


def values(
    kind: type[Struct], given: Mapping[str, object], at: Place, found: Findings
) -> dict[str, object]:
    """The values of `kind`'s fields, by name; every mistake goes to `found`."""
    fields = _fields(kind)
    for key in (key for key in given if key not in fields):
        found.add((*at, key), "is not known", _unknown(key, at, fields))
    read: dict[str, object] = {}
    for key, field in fields.items():
        value = WRONG
        if key in given:
            value = _value(field.type, given[key], (*at, key), found)
        elif field.required:
            found.add((*at, key), "is missing", f"add `{key}` here" if at else f"add [{key}]")
        if value is not WRONG:
            read[field.name] = value
        elif field.required:
            read[field.name] = _empty(field.type)
    return read


def plain(error: msgspec.ValidationError) -> str:
    """What the validation library says, in words for people who write TOML."""
    text, _, where = str(error).partition(" - at ")
    if bound := re.fullmatch(r"Expected `\w+` ([<>]=?) (\S+)", text):
        said = f"{BOUNDS[bound[1]]} {float(bound[2]):.12g}"
    elif kinds := re.fullmatch(r"Expected `([^`]+)`, got `([^`]+)`", text):
        said = f"must be {_named(kinds[1])}, not {_named(kinds[2])}"
    elif word := re.fullmatch(r"Invalid enum value (.*)", text):
        said = f"{word[1]} is no word known here"
    elif text == "Expected `str` of length >= 1":
        said = "must not be empty"
    elif repr(ID_PATTERN) in text:
        said = "is no id: 1 to 64 of a-z, 0-9, - and _, the first a letter or a digit"
    else:
        said = text[:1].lower() + text[1:]
    return f"{said} (at {where})" if where else said


def _value(kind: object, given: object, at: Place, found: Findings) -> object:
    """`given` as `kind`, or WRONG."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType} and len(args) == 2 and args[1] is NoneType:  # noqa: PLR2004  X | None
        return _value(args[0], given, at, found)
    if _is_section(kind):
        return section(kind, given, at, found)
    if origin is tuple and args[1:] == (...,):
        return _tuple(args[0], given, at, found)
    if origin is Mapping:
        return _mapping(args, given, at, found)
    return _leaf(kind, given, at, found)


def _tuple(kind: object, given: object, at: Place, found: Findings) -> object:
    if not isinstance(given, list):
        tables = f"write [[{at[-1]}]] above each one"
        hint = tables if _is_section(kind) else "write [ … ] around it"
        found.add(at, f"must be an array, not {_what(given)}", hint)
        return WRONG
    read = (_value(kind, value, (*at, number), found) for number, value in enumerate(given))
    return tuple(value for value in read if value is not WRONG)


def _mapping(kinds: tuple[object, ...], given: object, at: Place, found: Findings) -> object:
    if not isinstance(given, dict):
        found.add(at, f"must be a table, not {_what(given)}")
        return WRONG
    read = {
        key: _value(kinds[1], value, (*at, key), found)
        for key, value in given.items()
        if _leaf(kinds[0], key, (*at, key), found) is not WRONG
    }
    return {key: value for key, value in read.items() if value is not WRONG}


def _leaf(kind: object, given: object, at: Place, found: Findings) -> object:
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        found.add(at, *_objection(kind, given, error))
        return WRONG


def _objection(kind: object, given: object, error: msgspec.ValidationError) -> tuple[str, str]:
    """(problem, hint) of one value."""
    if isinstance(given, float) and not isfinite(given):
        return "must be a finite number", ""
    if get_origin(kind) is Literal and isinstance(given, str):
        return f"cannot be {shown(given)}", near(given, map(str, get_args(kind)))
    if repr(ID_PATTERN) in str(error):
        better = re.sub(r"[^a-z0-9_-]+", "-", str(given).lower()).strip("-_")[:64]
        return plain(error), f"for example `{better}`" if better else ""
    return plain(error), ""


def _unknown(key: str, at: Place, known: Iterable[str]) -> str:
    if not SECRET.search(key):
        return near(key, known)
    return where_secrets_go(f"{at[0] if at else 'branch'}-password")


def where_secrets_go(name: str) -> str:
    """What to do with a secret that stands in the file."""
    return (
        "secrets never stand in this file: take it out, and put it into a systemd credential "
        f"or a file of mode 0600, `secrets/{name}` beside the database"
    )


def _what(given: object) -> str:
    if isinstance(given, dict | list):
        return _named("object" if isinstance(given, dict) else "array")
    return _named(type(given).__name__)


def _is_section(kind: object) -> TypeGuard[type[Section]]:
    return isinstance(kind, type) and issubclass(kind, Section)


def _named(kinds: str) -> str:
    """`int | str` → `a whole number or text in quotes`."""
    return " or ".join(WORDS.get(kind, kind) for kind in kinds.split(" | ") if kind != "null")


@cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    """By key of the file; one entry of the cache for each kind of section and of options."""
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


def _nothing(kind: type[S]) -> S:
    """A section in which nothing is said."""
    required = (field for field in _fields(kind).values() if field.required)
    return kind(**{field.name: _empty(field.type) for field in required})


def _empty(kind: object) -> object:
    """Stands for a missing value, which is reported; what is empty is not judged again."""
    if _is_section(kind):
        return _nothing(kind)
    base = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return 0.0 if base is float else ""
