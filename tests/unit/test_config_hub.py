"""`hub.toml`: every mistake at once, and an example that is complete."""

import tomllib
from pathlib import Path

import msgspec
import pytest

import config
from config.hub import HubConfig, load_hub
from config.load import ConfigError
from config.sections import Section

EXAMPLE = Path(config.__file__).parent / "examples/hub.toml"
DOCS = Path(config.__file__).parents[1] / "docs/hub.md"
LEAST = '[hub]\npostgres = "postgresql:///gyms"\n[broker]\nurls = ["mqtt://localhost"]\n'
OF_BRANCHES = {"http", "limits"}  # described with a branch's


def mistakes(tmp_path: Path, text: str) -> str:
    path = tmp_path / "hub.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_hub(path)
    return str(caught.value)


def keys() -> list[tuple[str, str]]:
    tables = msgspec.structs.fields(HubConfig)
    kinds: list[tuple[str, type[Section]]] = [(one.name, one.type) for one in tables]
    return [
        (table, field.name)
        for table, kind in kinds
        if table not in OF_BRANCHES
        for field in msgspec.structs.fields(kind)
    ]


def test_the_example_is_good() -> None:
    assert load_hub(EXAMPLE).broker.urls[1].endswith("broker2.example.org")


def test_little_is_needed(tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_text(LEAST)
    assert load_hub(tmp_path / "hub.toml").keep.bins_days == 1100


@pytest.mark.parametrize(("table", "key"), keys())
def test_every_key_stands_in_the_example_and_the_docs(table: str, key: str) -> None:
    text = EXAMPLE.read_text()
    assert key in tomllib.loads(text)[table] or f"# {key} = " in text
    assert f"`{key}`" in DOCS.read_text() or f"`[{table}] {key}`" in DOCS.read_text()


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    text = '[hub]\npostgres = "mysql://x"\nnmae = "x"\n[broker]\nurls = ["http://x"]\n'
    told = mistakes(tmp_path, text)
    for part in ("3 mistakes", "no address of PostgreSQL", "did you mean `name`?", "mqtts://"):
        assert part in told


@pytest.mark.parametrize("more", [":pass@", "@"])
def test_a_password_is_refused_and_never_quoted(tmp_path: Path, more: str) -> None:
    query = "?password=pass" if more == "@" else ""
    told = mistakes(tmp_path, LEAST.replace("///gyms", f"//hub{more}db/gyms{query}"))
    assert "postgres-password" in told
    assert "pass@" not in told


def test_a_broker_is_needed(tmp_path: Path) -> None:
    assert "names no broker" in mistakes(tmp_path, LEAST.replace('"mqtt://localhost"', ""))
