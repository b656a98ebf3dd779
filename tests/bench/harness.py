"""The common frame of all benches: figures beside a yardstick of the same run, never asserted."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ON_DISK = Path("/var/tmp")  # /tmp is often memory, where nothing is ever written


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; `target` in words, as the figure's unit."""

    name: str
    figure: float
    unit: str
    yardstick: str = ""
    yardstick_figure: float | None = None
    target: str = ""

    @property
    def ratio(self) -> float | None:
        """Figure over yardstick."""
        return self.figure / self.yardstick_figure if self.yardstick_figure else None


Bench = Callable[[bool], Iterable[Row]]
"""Takes whether it shall be short: a second or two, just to see that it still works."""


@contextmanager
def folder_on_disk() -> Iterator[Path]:
    """An empty folder on a real disk, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="gw-bench-", dir=ON_DISK) as folder:
        yield Path(folder)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that `percent` of all do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]


def table(rows: Iterable[Row]) -> str:
    """All rows, aligned."""
    cells = [("", "figure", "unit", "yardstick", "", "ratio", "target"), *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in cells)


def _cells(row: Row) -> tuple[str, ...]:
    yardstick, ratio = row.yardstick_figure, row.ratio
    return (
        row.name,
        _number(row.figure),
        row.unit,
        "" if yardstick is None else _number(yardstick),
        row.yardstick,
        "" if ratio is None else f"{ratio:.2f}",
        row.target,
    )


def _number(value: float) -> str:
    if abs(value) < 1:
        return f"{value:.4g}"  # shares: Brier scores differ in the third place
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
