"""`gateway.toml` → Config, or every mistake in it at once."""

import tomllib
from pathlib import Path

from config.convert import section
from config.mistakes import Findings, Mistake, TooManyError
from config.rules import judge
from config.sections import Config
from config.simulated import furnished

LARGEST = 2**20  # bytes: some thousand machines with their sensors; what is larger is no TOML


class ConfigError(Exception):
    """The configuration has these mistakes; nothing shall be started."""

    def __init__(self, path: Path, mistakes: tuple[Mistake, ...], *, more: bool = False) -> None:
        super().__init__(path, mistakes)
        self.path = path
        self.mistakes = mistakes
        self.more = more
        """There are further ones, not listed."""

    def __str__(self) -> str:
        return explain(self)


def load(path: Path) -> Config:
    """The branch that this file describes; simulated machines are in it. ConfigError."""
    try:
        text = _read(path).decode()
        document = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(path, (_unreadable(path, error),)) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(path, (_no_toml(path, error),)) from None
    found = Findings(text, document)
    try:
        config = section(Config, document, (), found)
        judge(config, found)
    except TooManyError:
        raise ConfigError(path, found.mistakes(), more=True) from None
    if mistakes := found.mistakes():
        raise ConfigError(path, mistakes)
    return furnished(config)


def explain(error: ConfigError) -> str:
    """All mistakes, for a person: where, what, and what to do."""
    count = f"{'more than ' if error.more else ''}{len(error.mistakes)}"
    head = f"{error.path} has {count} mistake{'s' if len(error.mistakes) > 1 else ''}:"
    return "\n".join([head, *map(_lines, error.mistakes)])


def _lines(mistake: Mistake) -> str:
    hint = f"\n    {mistake.hint}" if mistake.hint else ""
    return f"  {mistake.place}: {mistake.problem}{hint}"


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError(f"is larger than {LARGEST} bytes")
    return data


def _unreadable(path: Path, error: OSError) -> Mistake:
    if isinstance(error, FileNotFoundError):
        hint = "name another with --config, or copy config/examples/branch.toml there"
        return Mistake(str(path), "is not there", hint)
    hint = f"`ls -l {path}` tells whose it is; the gateway's user must be able to read it"
    return Mistake(str(path), f"cannot be read ({error.strerror})", hint)


def _no_toml(path: Path, error: ValueError | RecursionError) -> Mistake:
    if isinstance(error, UnicodeDecodeError):
        line = error.object[: error.start].count(b"\n") + 1
        return Mistake(f"{path}, line {line}", "is not UTF-8", "save it as UTF-8 text")
    if isinstance(error, RecursionError):
        return Mistake(str(path), "is nested too deeply", "see docs/configuration.md")
    problem, _, where = str(error).partition(" (at ")
    place = f"{path}, {where.removesuffix(')')}" if where else str(path)
    return Mistake(place, f"is no TOML: {problem}", "mend this first; other mistakes show after it")
