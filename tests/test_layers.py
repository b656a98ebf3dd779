"""Who may import whom: DESIGN's rows, held against every import statement, lazy ones included."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROWS = [
    ("sensors",),
    ("config",),
    ("gateway.core",),
    (
        "gateway.store",
        "gateway.readmodel",
        "gateway.bus",
        "gateway.inbox",
        "gateway.bridge",
        "gateway.clock",
        "gateway.messages",
        "gateway.chain",
        "gateway.samples",
        "gateway.recordings",
        "gateway.stickers",
        "gateway.logs",
    ),
    (
        "gateway.pipeline",
        "gateway.ports",
        "gateway.api",
        "gateway.notify",
        "gateway.alerting",
        "gateway.forecasting",
        "gateway.fleet",
        "gateway.upstream",
        "gateway.hub",
    ),
    ("gateway.jobs", "gateway.supervision"),
    ("gateway.app",),
    ("gateway.cli",),
    ("gateway.__main__",),
]
ABSTRACT = {"gateway.readmodel"}  # a protocol and its words: its own row may implement it
OWN = ("sensors", "config", "gateway")
OUTSIDE = {  # distribution → who may use it
    "msgspec": (
        "sensors",
        "config",
        "gateway.messages",
        "gateway.chain",
        "gateway.samples",
        "gateway.api",
        "gateway.store",
        "gateway.notify",
        "gateway.hub",
        "gateway.cli",
    ),
    "psycopg": ("gateway.hub",),
    "psycopg_pool": ("gateway.hub",),
    "sqlite_utils": ("gateway.store",),
    "paho": ("gateway.ports",),
    "zeroconf": ("gateway.ports",),
    "ifaddr": ("gateway.ports",),
    "serial": ("gateway.ports",),
    "prometheus_client": ("gateway.api",),
    "cryptography": ("gateway.notify",),
    "yarl": ("gateway.notify",),
    "aiohttp": ("gateway.api", "gateway.notify", "gateway.cli"),
    "apscheduler": ("gateway.jobs",),
    "click": ("gateway.cli", "gateway.__main__"),
    "rich": ("gateway.cli",),
    "segno": ("gateway.stickers",),
}
ONLY_BRIDGE = {"threading", "concurrent", "queue", "multiprocessing"}
IMPURE = {"asyncio", "socket", "time", "logging", "random", "os", "io", "subprocess", "pathlib"}
PURE = {"sensors": {"asyncio", "socket", "time", "logging"}, "gateway.core": IMPURE}


def files() -> list[Path]:
    return sorted(path for top in OWN for path in (ROOT / top).rglob("*.py"))


def module_of(path: Path) -> str:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part_of(module: str) -> str | None:
    """The longest name of a row that `module` belongs to."""
    parts = [part for row in ROWS for part in row]
    found = [part for part in parts if module == part or module.startswith(part + ".")]
    return max(found, key=len, default=None)


def row_of(part: str) -> int:
    return next(number for number, row in enumerate(ROWS) if part in row)


def allowed(module: str, holders: tuple[str, ...]) -> bool:
    return any(module == holder or module.startswith(holder + ".") for holder in holders)


@pytest.mark.parametrize("path", files(), ids=module_of)
def test_imports_run_downwards_only(path: Path) -> None:
    own = part_of(module_of(path))
    for name in imports(path):
        other = part_of(name)
        if own is None or other is None or other == own:
            continue
        assert row_of(other) < row_of(own) or other in ABSTRACT, f"{own} imports {name}"


@pytest.mark.parametrize("path", files(), ids=module_of)
def test_libraries_are_used_where_they_belong(path: Path) -> None:
    module = module_of(path)
    for name in imports(path):
        top = name.split(".", maxsplit=1)[0]
        if top in OWN or top in sys.stdlib_module_names:
            assert top not in ONLY_BRIDGE or module == "gateway.bridge", f"{module} imports {name}"
        else:
            assert allowed(module, OUTSIDE.get(top, ())), f"{module} imports {name}"


@pytest.mark.parametrize("path", files(), ids=module_of)
def test_pure_parts_have_no_clock_and_no_io(path: Path) -> None:
    module = module_of(path)
    forbidden = next((PURE[part] for part in PURE if allowed(module, (part,))), set())
    for name in imports(path):
        assert name.split(".", maxsplit=1)[0] not in forbidden, f"{module} imports {name}"


@pytest.mark.parametrize("path", files(), ids=module_of)
def test_every_module_of_the_gateway_has_its_row(path: Path) -> None:
    module = module_of(path)
    assert module == "gateway" or part_of(module) is not None, module
