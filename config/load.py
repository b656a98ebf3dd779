"""`gateway.toml` → Config, or every mistake in it at once."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from config.convert import section
from config.mistakes import Findings, Mistake, TooManyError
from config.rules import judge
from config.sections import Branch, Config
from config.simulated import furnished

LARGEST = 2**20  # bytes: some thousand machines with their sensors; what is larger is no TOML
TOO_LARGE = f"is larger than {LARGEST} bytes"
NOTHING = Config(branch=Branch(id="", name=""))  # stands for what is too full of mistakes


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
    return parse(path, text_of(path))


def text_of(path: Path, example: str = "branch.toml") -> str:
    """The file as it is written; `example`: what one of its kind looks like. ConfigError."""
    try:
        return _read(path).decode()
    except OSError as error:
        raise ConfigError(path, (_unreadable(path, error, example),)) from None
    except ValueError as error:
        raise ConfigError(path, (_no_toml(path, error),)) from None


def parse(path: Path, text: str) -> Config:
    """The branch that this text describes, which stands or shall stand at `path`. ConfigError."""
    document = document_of(path, text)
    found = Findings(text, document)
    config, more = judged(document, found)
    if mistakes := found.mistakes():
        raise ConfigError(path, mistakes, more=more)
    return furnished(config)


def document_of(path: Path, text: str) -> dict[str, object]:
    """The tables of that text. ConfigError: it is no TOML, or too large."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(path, (_no_toml(path, error),)) from None
    if len(text.encode()) > LARGEST:
        raise ConfigError(path, (_no_toml(path, ValueError(TOO_LARGE)),))
    return document


def judged(document: Mapping[str, object], found: Findings) -> tuple[Config, bool]:
    """(what it describes, whether there are more mistakes than a message carries)."""
    config = NOTHING
    try:
        config = section(Config, document, (), found)
        judge(config, found)
    except TooManyError:
        return config, True
    return config, False


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
        raise ValueError(TOO_LARGE)
    return data


def _unreadable(path: Path, error: OSError, example: str) -> Mistake:
    if isinstance(error, FileNotFoundError):
        hint = f"name another with --config, or copy config/examples/{example} there"
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
