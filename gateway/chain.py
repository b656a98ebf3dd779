"""What branches and their chain's hub tell each other: every payload, packed and read.

Version 1. A reader ignores keys that it does not know and refuses another version; what breaks a
rule is a `ChainError` that says which.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from config.sections import Id
from gateway.core.digests import Row, Width

MOST_ROWS = 500  # of one message: about 20 KiB
LARGEST_BINS = 65_536  # bytes
LARGEST_TOLD = 524_288  # bytes of a branch or its summary: 1,000 machines
MOST_LOST = 384  # declarations of a day: sixteen reasons for each of its hours

Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Tenths = Annotated[int, Meta(ge=0, le=864_000)]
Moment = Annotated[float, Meta(ge=0, le=4_102_444_800)]
"""Epoch seconds up to the year 2100: what is beyond has no date that everyone can write."""
Packed = tuple[
    Annotated[Count, Meta(description="machine: its index in `machines`")],
    Annotated[int, Meta(ge=0, description="start: epoch seconds, a multiple of `seconds`")],
    Annotated[Width, Meta(description="seconds: more than 900 where rows were merged")],
    Annotated[Count, Meta(description="revision: the higher is right")],
    Annotated[Tenths, Meta(description="occupied: tenths of a second, at most `observed`")],
    Annotated[
        Tenths, Meta(description="observed: tenths of a second, at most ten times `seconds`")
    ],
    Annotated[Count, Meta(description="sessions: starts of occupation")],
]
Standing = tuple[
    Annotated[str, Meta(description="status")],
    Annotated[Moment | None, Meta(description="since when, epoch seconds")],
    Annotated[str | None, Meta(description="cause")],
]
Proven = tuple[
    Annotated[Count, Meta(description="how many rows of 900 seconds begin in that hour")],
    Annotated[str, Meta(description="SHA-256 over them, in lower-case hexadecimals")],
]


class ChainError(ValueError):
    """A payload that cannot be used; its text is the reason."""


class Payload(Struct, frozen=True, kw_only=True, rename="camel"):
    """What all payloads have."""

    v: Literal[1] = 1
    gym_id: Id


class Bins(Payload, frozen=True, kw_only=True):
    """Closed bins, 1 to 500."""

    machines: Annotated[tuple[Id, ...], Meta(max_length=MOST_ROWS)]
    bins: Annotated[tuple[Packed, ...], Meta(min_length=1, max_length=MOST_ROWS)]


class Place(Struct, frozen=True):
    """Metres on the floor plan."""

    x: float
    y: float


class Machine(Struct, frozen=True, kw_only=True, rename="camel"):
    """A machine that stands in a branch."""

    machine_id: Id
    name: str
    category: Id
    position: Place | None = None
    metadata: dict[str, str] = {}


class Category(Struct, frozen=True, kw_only=True):
    """A kind of machines."""

    category: Id
    name: str


class Branch(Payload, frozen=True, kw_only=True):
    """A branch as it describes itself; retained."""

    name: str
    latitude: float | None = None
    longitude: float | None = None
    timezone: str
    public_url: str | None = None
    opening_hours: dict[str, str] | None = None
    holidays: tuple[str, ...] = ()
    categories: tuple[Category, ...]
    machines: tuple[Machine, ...]


class Counted(Category, frozen=True, kw_only=True, rename="camel"):
    """A category's machines, counted by status."""

    total: Count
    free: Count
    occupied: Count
    unknown: Count
    out_of_service: Count


class Summary(Payload, frozen=True, kw_only=True):
    """How a branch stands now; retained, the newest only."""

    epoch: str
    seq: Count
    as_of: Moment
    open: bool
    machines: dict[Id, Standing]
    categories: tuple[Counted, ...]


class SummaryHead(Payload, frozen=True, kw_only=True):
    """What a list of branches needs of a summary; a fifth of the time to read."""

    as_of: Moment
    categories: tuple[Counted, ...]


class Lost(Struct, frozen=True):
    """Bins of an hour that the branch cannot send any more."""

    hour: Annotated[int, Meta(ge=0, le=23)]
    bins: Count
    reason: str


Day = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}\Z")]


class Digest(Payload, frozen=True, kw_only=True):
    """The proof over a UTC day: per hour how many rows, and their SHA-256; retained."""

    day: Day
    as_of: Moment
    hours: Annotated[tuple[Proven | None, ...], Meta(min_length=24, max_length=24)]
    lost: Annotated[tuple[Lost, ...], Meta(max_length=MOST_LOST)] = ()


class Request(Payload, frozen=True, kw_only=True):
    """The hub asks for hours of a day again."""

    id: Annotated[str, Meta(max_length=64)]
    day: Day
    hours: Annotated[
        tuple[Annotated[int, Meta(ge=0, le=23)], ...], Meta(min_length=1, max_length=24)
    ]


TOPICS: dict[str, type[Payload]] = {
    "gyms/{gymId}/branch": Branch,
    "gyms/{gymId}/summary": Summary,
    "gyms/{gymId}/bins": Bins,
    "gyms/{gymId}/digest/{day}": Digest,
    "gyms/{gymId}/request": Request,
}


def json_schema() -> dict[str, Any]:
    """What docs/upstream.schema.json says: the payload of each topic, JSON Schema 2020-12."""
    found, parts = msgspec.json.schema_components([*TOPICS.values()], ref_template="#/$defs/{name}")
    parts = msgspec.json.decode(msgspec.json.encode(parts).replace(rb"\\Z", b"$"))  # as ECMA has it
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What a branch and its chain's hub tell each other, version 1",
        "description": "The payload of each topic; gyms/{gymId}/gateway is `online` or `offline`.",
        "type": "object",
        "properties": dict(zip(TOPICS, found, strict=True)),
        "$defs": parts,
    }


def encode(told: Payload) -> bytes:
    """A payload, as it travels."""
    return msgspec.json.encode(told)


_P = TypeVar("_P", bound=Payload)


def decode(kind: type[_P], payload: bytes, gym: str, most: int = LARGEST_TOLD) -> _P:
    """A payload of that topic's gym; ChainError says why it cannot be used."""
    if len(payload) > most:
        raise ChainError(f"{len(payload)} bytes; at most {most}")
    try:
        told = msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ChainError(str(error)) from None
    if told.gym_id != gym:
        raise ChainError(f"says it is of {told.gym_id!r}, under the topic of {gym!r}")
    return told


def without_machines(branch: Branch) -> Branch:
    """What stays small."""
    return msgspec.structs.replace(branch, machines=())


def bins_of(gym: str, rows: Sequence[Row]) -> Bins:
    """A message of at most `MOST_ROWS` rows."""
    machines = {name: at for at, name in enumerate(dict.fromkeys(row.machine for row in rows))}
    return Bins(
        gym_id=gym,
        machines=tuple(machines),
        bins=tuple(_packed(machines[row.machine], row) for row in rows),
    )


def rows_of(told: Bins) -> list[Row]:
    """Its rows, each held against the rules; ChainError names the first that breaks one."""
    return [_row(told, at, packed) for at, packed in enumerate(told.bins)]


def _packed(machine: int, row: Row) -> Packed:
    numbers = (row.revision, row.occupied, row.observed, row.sessions)
    return machine, row.start, row.seconds, *numbers


def _row(told: Bins, at: int, packed: Packed) -> Row:
    machine, start, seconds, revision, occupied, observed, sessions = packed
    if machine >= len(told.machines):
        raise ChainError(f"bins[{at}]: no machine of index {machine}")
    if start % seconds:
        raise ChainError(f"bins[{at}]: {start} is no start of {seconds} seconds")
    if not occupied <= observed <= seconds * 10:
        raise ChainError(f"bins[{at}]: {occupied} of {observed} tenths in {seconds} seconds")
    return Row(told.machines[machine], start, revision, occupied, observed, sessions, seconds)
