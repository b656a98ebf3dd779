"""What a preview of the last day says, in a technician's words."""

from collections.abc import Iterator, Mapping
from typing import Any

HOUR, DAY = 3600.0, 86_400.0  # seconds
WHOLE = 0.95  # of a time, or all but ten minutes: what is missing of it is not worth a line
MISSING = 600.0
USUAL = 10.0  # seconds: what is remembered stands for so many

Row = Mapping[str, Any]


def foreseen(preview: Row) -> Iterator[str]:
    """What the remembered time would have been, and how much of it is known."""
    if preview["since"] is None:
        yield "What it would have changed is not known: no levels are remembered yet."
        return
    span = preview["until"] - preview["since"]
    yield f"The last {_time(span)}{'' if span >= WHOLE * DAY else ', all that is remembered'}:"
    yield f"{'as it is':<16} {_outline(preview['now'])}"
    yield f"{'under this':<16} {_outline(preview['then'])}"
    known = preview["coverage"] * DAY
    if 0 < known < WHOLE * span and span - known > MISSING:
        yield f"{'known':<16} {_time(known)} of it"
    if preview["step"] > USUAL:
        yield f"{'remembered':<16} ten seconds of each {preview['step']:.0f} s"


def _outline(outline: Row) -> str:
    if not outline["observedSeconds"]:
        return "unknown"
    return f"in use {outline['occupiedSeconds'] / 60:.0f} min, sessions: {outline['sessions']}"


def _time(seconds: float) -> str:
    return f"{seconds / HOUR:.1f} h" if seconds >= 2 * HOUR else f"{seconds / 60:.0f} min"
