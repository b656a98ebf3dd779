"""When a word was said, and whether it still counts as live."""

from dataclasses import dataclass

NEAR = 60.0  # seconds: a sensor's own clock within this dates a live word
TOO_OLD = 86400.0  # seconds: an older timestamp dates nothing


@dataclass(frozen=True, slots=True)
class Stamp:
    """`at` (monotonic seconds) is when it was said; `remark` counts what was odd about it."""

    at: float
    late: bool
    age: float | None = None
    """Seconds between the payload's timestamp and our clock; a constant one is a finding."""
    remark: str | None = None


def stamp(
    timestamp: float | None,
    arrived: float,
    offset: float | None,
    *,
    late: bool,
    leapt: float = 0.0,
) -> Stamp:
    """Judge a payload's own `timestamp` (epoch seconds) against our clock.

    `offset` is wall minus monotonic, None while our clock is not synchronised: then none counts.
    `leapt`: seconds by which our clock was set ahead lately. What is no older than that may be
    new, and we are wrong: it is not live, and dates nothing back.
    """
    if timestamp is None or offset is None:
        return Stamp(arrived, late)
    age = arrived + offset - timestamp
    if age > TOO_OLD:
        return Stamp(arrived, late=True, age=age, remark="timestamp_older_than_a_day")
    if NEAR < age <= leapt + NEAR:
        return Stamp(arrived, late=True, age=age, remark="timestamp_old")
    if age > NEAR:
        return Stamp(arrived - age, late=True, age=age, remark="timestamp_old")
    if age < -NEAR:
        return Stamp(arrived, late, age, "timestamp_in_the_future")
    return Stamp(arrived - max(age, 0.0), late, age)
