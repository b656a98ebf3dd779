"""JSON bodies: whole or refused, with every wrong field named at once."""

import asyncio
from collections.abc import Iterator, Mapping
from itertools import islice
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from aiohttp import web

from config.convert import plain
from config.mistakes import near
from gateway.core.errors import Fault, InvalidError, MalformedError

T = TypeVar("T", bound=msgspec.Struct)
LARGEST = 64 * 1024  # bytes of a body; the largest we ask for, a calibration, is 10 KiB
MOST_FAULTS = 64  # named at once; each unknown name is compared with the known ones
BODY_WITHIN = 10.0  # seconds; 64 KiB take one on the slowest of phones
JSON = "application/json"


async def body_as(request: web.Request, kind: type[T]) -> T:
    """The request's JSON body as `kind`.

    Raises HTTPUnsupportedMediaType, HTTPRequestEntityTooLarge, MalformedError, InvalidError.
    """
    data = await json_bytes(request)
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(f"The body is no JSON we can read: {error}.") from None
    faults = list(islice(_faults(kind, document, ""), MOST_FAULTS))
    if faults:
        raise InvalidError(faults)
    return msgspec.convert(document, kind)


async def json_bytes(request: web.Request) -> bytes:
    """The body's bytes, once they claim to be JSON."""
    if request.content_type != JSON:
        raise web.HTTPUnsupportedMediaType(text=f"Send the body with Content-Type: {JSON}.")
    return await whole_body(request)


async def whole_body(request: web.Request) -> bytes:
    """The body, if it comes in time. Raises HTTPRequestTimeout, HTTPRequestEntityTooLarge."""
    try:
        async with asyncio.timeout(BODY_WITHIN):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(
            text=f"The body did not come within {BODY_WITHIN:g} s."
        ) from None


def _faults(kind: Any, given: object, at: str) -> Iterator[Fault]:
    """What is wrong with `given` as a `kind`; typing has no word for what a type may be."""
    options = get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)
    structs = [k for k in options if isinstance(k, type) and issubclass(k, msgspec.Struct)]
    if structs and isinstance(given, dict):
        yield from _fields(structs[0], given, at)
    elif structs and kind is structs[0]:
        yield Fault(at, f"must be an object, not {_named(given)}")
    elif given is not None or NoneType not in options:
        yield from _leaf(kind, given, at)


def _fields(kind: type[msgspec.Struct], given: Mapping[str, object], at: str) -> Iterator[Fault]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name in given.keys() - fields.keys():
        yield Fault(f"{at}/{_escaped(name)}", f"is not known here; {near(name, fields)}")
    for name, field in fields.items():
        if name in given:
            yield from _faults(field.type, given[name], f"{at}/{name}")
        elif field.required:
            yield Fault(f"{at}/{name}", "is missing")


def _leaf(kind: Any, given: object, at: str) -> Iterator[Fault]:
    try:
        msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        choices = ", ".join(map(str, _choices(kind)))
        yield Fault(at, f"{plain(error)}; there is: {choices}" if choices else plain(error))


def _choices(kind: Any) -> tuple[object, ...]:
    """The words that a value, or an array's values, may be."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    if get_origin(kind) in {tuple, list, Union, UnionType}:
        return next(filter(None, map(_choices, get_args(kind))), ())
    return ()


def _escaped(name: str) -> str:
    return name[:64].replace("~", "~0").replace("/", "~1")


def _named(given: object) -> str:
    return {list: "an array", str: "text", NoneType: "null", bool: "a truth value"}.get(
        type(given), "a number"
    )
