"""Changes to the text of a configuration that leave every other line as its author wrote it."""

import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from config.load import parse
from config.mistakes import HEADER, Place, places_of
from config.sections import Config

BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
Changed = Mapping[str, object]
"""Key of an entry → its new value; None takes the key out."""


class CannotEditError(ValueError):
    """This text is written in a form that is left to people; the message says what to do."""


def toml(value: object) -> str:
    """A value as TOML writes it; CannotEditError for what TOML has no form for."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{_key(key)} = {toml(each)}" for key, each in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    raise CannotEditError("null cannot stand in a configuration: leave it out")


def entry(section: str, values: Changed) -> str:
    """An entry such as `[[sensors]]`, ready to paste."""
    lines = [f"{_key(key)} = {toml(value)}" for key, value in values.items() if value is not None]
    return "\n".join([f"[[{section}]]", *lines, ""])


def with_sensors(text: str, entries: Iterable[str]) -> str:
    """The file's text with these entries at its end."""
    end = "" if text.endswith("\n") else "\n"
    return _with_ends_of(text, text + end + "".join(f"\n{each}" for each in entries))


def with_changes(text: str, section: str, name: str, values: Changed) -> str:
    """The file's text with other values in the entry of that id.

    Raises KeyError: there is none; CannotEditError: in this form only a person can.
    """
    entries = tomllib.loads(text).get(section, [])
    number = next((n for n, one in enumerate(entries) if one.get("id") == name), None)
    if number is None:
        raise KeyError(name)
    return edited(text, section, number, values)


def write(path: Path, text: str) -> Config:
    """Put `text` in the file's place, whole or not at all. Raises ConfigError, OSError."""
    config = parse(path, text)
    real = path.resolve()
    new = real.with_name(f".{real.name}.new")
    new.unlink(missing_ok=True)
    try:
        _write_whole(new, text, real)
        new.replace(real)
    finally:
        new.unlink(missing_ok=True)
    _sync(real.parent)
    return config


def _write_whole(new: Path, text: str, like: Path) -> None:
    """With the mode, and where we may the owner, of the file that it replaces."""
    known = like.stat()
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
        with suppress(PermissionError):
            os.fchown(file.fileno(), known.st_uid, known.st_gid)
        os.fchmod(file.fileno(), known.st_mode & 0o777)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def edited(text: str, array: str, number: int, changed: Changed) -> str:
    """The text with these keys of one entry of an array changed; comments and order stay.

    Raises CannotEditError where the result would say anything else than that.
    """
    lines = text.split("\n")
    first, last = _span(text, (array, number))
    for key, value in changed.items():
        at = _lines_of(lines, key, first, last)
        new = [] if value is None else [f"{_key(key)} = {toml(value)}"]
        if at is None:
            lines[last:last] = new
            last += len(new)
        else:
            kept = _comment(lines[at[0] : at[1]]) if new else ""
            lines[at[0] : at[1]] = [line + kept for line in new]
            last += len(new) - (at[1] - at[0])
    result = _with_ends_of(text, "\n".join(lines))
    _must_say(result, text, array, number, changed)
    return result


def _must_say(result: str, text: str, array: str, number: int, changed: Changed) -> None:
    """The whole of the old document but for these keys."""
    wanted = tomllib.loads(text)
    one = wanted[array][number]
    for key, value in changed.items():
        one.pop(key, None)
        if value is not None:
            one[key] = json.loads(json.dumps(value))
    try:
        if tomllib.loads(result) == wanted:
            return
    except ValueError:
        pass
    raise CannotEditError(_by_hand(array, number, changed))


def _by_hand(array: str, number: int, changed: Changed) -> str:
    pairs = (f"{k} = {toml(v)}" if v is not None else f"no {k}" for k, v in changed.items())
    return (
        f"{array}[{number}] is not written as [[{array}]] with one key a line;"
        f" change it by hand: {', '.join(pairs)}"
    )


def _span(text: str, entry_: Place) -> tuple[int, int]:
    """(line below its header, line behind its last key), counted from 0."""
    place = places_of(text).get(entry_)
    if place is None or not HEADER.match(text.split("\n")[place - 1]):
        raise CannotEditError(f"{entry_[0]}[{entry_[1]}] has no [[{entry_[0]}]] of its own")
    lines = text.split("\n")
    end = next((n for n in range(place, len(lines)) if HEADER.match(lines[n])), len(lines))
    while end > place and lines[end - 1].partition("#")[0].strip() == "":
        end -= 1
    return place, end


def _lines_of(lines: list[str], key: str, first: int, last: int) -> tuple[int, int] | None:
    """From where to where `key = value` goes, a value of several lines too; None: not given."""
    begins = re.compile(rf"\s*(?:{re.escape(key)}|\"{re.escape(key)}\"|'{re.escape(key)}')\s*=")
    start = next((n for n in range(first, last) if begins.match(lines[n])), None)
    if start is None:
        return None
    for end in range(start + 1, last + 1):
        if _whole("\n".join([*lines[start:end], ""])):
            return start, end
    return start, start + 1


def _whole(text: str) -> bool:
    try:
        tomllib.loads(text)
    except ValueError:
        return False
    return True


def _comment(lines: list[str]) -> str:
    """What is remarked behind a value, with the space before it; "" for nothing."""
    line = lines[-1].rstrip("\r")
    for found in re.finditer(r"\s*#", line):
        if len(lines) == 1 and _whole(line[: found.start()]):
            return line[found.start() :]
    return ""


def _with_ends_of(text: str, result: str) -> str:
    """Lines end as they did in `text`."""
    return result.replace("\r\n", "\n").replace("\n", "\r\n") if "\r\n" in text else result


def _key(key: str) -> str:
    return key if BARE.match(key) else _text(key)


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise CannotEditError(f"{value!r} is no text: it holds half a character") from None
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
