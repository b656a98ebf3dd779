"""Changes to `gateway.toml`: comments and order stay, and no bad file is ever written."""

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import tomlkit
from tomlkit.items import AoT, Table

from config.load import ConfigError, load
from config.sections import Config

Values = Mapping[str, object]
"""Key → value; None: without that key."""


def entry(section: str, values: Values) -> str:
    """An entry such as `[[sensors]]`, ready to paste."""
    lines = [f"{key} = {_toml(value)}" for key, value in values.items() if value is not None]
    return "\n".join([f"[[{section}]]", *lines]) + "\n"


def with_sensors(text: str, entries: Iterable[str]) -> str:
    """The file's text with these entries at its end."""
    return text.rstrip("\n") + "\n\n" + "\n".join(entries)


def with_changes(text: str, section: str, name: str, values: Values) -> str:
    """The file's text with other values in the entry of that id. KeyError: there is none."""
    document = tomlkit.parse(text)
    entries = document.get(section)
    found = [one for one in entries if one.get("id") == name] if isinstance(entries, AoT) else []
    if not found:
        raise KeyError(name)
    _change(found[0], values)
    return tomlkit.dumps(document)


def write(path: Path, text: str) -> Config:
    """Put `text` in the file's place, whole or not at all. Raises ConfigError, OSError."""
    real = path.resolve()
    new = real.with_name(f".{real.name}.new")
    new.unlink(missing_ok=True)
    try:
        _write_whole(new, text, real)
        config = _judged(new, path)
        new.replace(real)
    finally:
        new.unlink(missing_ok=True)
    _sync(real.parent)
    return config


def judge(path: Path, text: str) -> Config:
    """What the file would say with that text. Raises ConfigError, OSError."""
    real = path.resolve()
    new = real.with_name(f".{real.name}.new")
    new.unlink(missing_ok=True)
    try:
        _write_whole(new, text, real)
        return _judged(new, path)
    finally:
        new.unlink(missing_ok=True)


def _judged(new: Path, path: Path) -> Config:
    try:
        return load(new)
    except ConfigError as error:
        raise ConfigError(path, error.mistakes, more=error.more) from None


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


def _change(entry: Table, values: Values) -> None:
    for key, value in values.items():
        if value is None:
            entry.pop(key, None)
        elif isinstance(value, Mapping):
            table = tomlkit.inline_table()
            table.update(value)
            entry[key] = table
        else:
            entry[key] = value


def _toml(value: object) -> str:
    """Strings as in JSON, which TOML's basic strings take."""
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
