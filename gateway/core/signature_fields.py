"""The header fields of signatures: of RFC 8941 what they need, read strictly."""

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

PARAMETERS = ("created", "nonce", "keyid", "alg")

_KEY = r"[a-z*][a-z0-9_.*-]*"
_STRING = r'"(?:[ !#-\[\]-~]|\\["\\])*"'
_INNER = rf"\( *(?:{_STRING}(?: +{_STRING})*)? *\)"
_PARAMETER = rf"; *({_KEY})=({_STRING}|-?[0-9]{{1,15}})"
_INPUT = re.compile(rf"({_KEY})=({_INNER})((?:{_PARAMETER})*)")
_BYTES = re.compile(rf"({_KEY})=:([A-Za-z0-9+/]*={{0,2}}):")
_COMMA = re.compile(r"[ \t]*,[ \t]*")


@dataclass(frozen=True, slots=True)
class Input:
    """What a signature covers, and how it was made; in the signer's order."""

    components: tuple[str, ...]
    parameters: Mapping[str, str | int]

    def __str__(self) -> str:
        """As it is signed: RFC 9421 knows one way only to write it."""
        names = " ".join(map(quoted, self.components))
        values = (
            f";{name}={quoted(value) if isinstance(value, str) else value}"
            for name, value in self.parameters.items()
        )
        return f"({names}){''.join(values)}"


def inputs(text: str) -> dict[str, Input]:
    """The value of Signature-Input: label → what it says. Raises ValueError."""
    found: dict[str, Input] = {}
    for label, inner, parameters, *_ in _members(_INPUT, text, "Signature-Input"):
        _refuse_double(label, found, "the label")
        found[label] = Input(_components(inner), _parameters(parameters))
    return found


def byte_sequences(text: str, header: str) -> dict[str, bytes]:
    """The value of Signature or Content-Digest: key → bytes. Raises ValueError."""
    found: dict[str, bytes] = {}
    for key, encoded in _members(_BYTES, text, header):
        _refuse_double(key, found, "the label")
        found[key] = _decoded(encoded)
    return found


def bytes_item(key: str, value: bytes) -> str:
    """A member of Signature or Content-Digest."""
    return f"{key}=:{base64.b64encode(value).decode()}:"


def quoted(text: str) -> str:
    """A string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _members(pattern: re.Pattern[str], text: str, header: str) -> Iterable[tuple[str, ...]]:
    """The members of a dictionary, each as its groups; nothing may be left over."""
    text = text.strip(" \t")
    if not text:
        raise ValueError(f"the header {header} is missing")
    at = 0
    while (match := pattern.match(text, at)) is not None:
        yield match.groups()
        if match.end() == len(text):
            return
        comma = _COMMA.match(text, match.end())
        at = comma.end() if comma is not None else match.end()
        if comma is None:
            break
    raise ValueError(f"{header} is malformed from character {at + 1} on")


def _components(inner: str) -> tuple[str, ...]:
    names = tuple(_unquoted(text) for text in re.findall(_STRING, inner))
    if len(set(names)) < len(names):
        raise ValueError("Signature-Input names a component twice")
    return names


def _parameters(text: str) -> dict[str, str | int]:
    values: dict[str, str | int] = {}
    for name, value in re.findall(_PARAMETER, text):
        if name not in PARAMETERS:
            raise ValueError(f"the parameter {name} is not understood")
        _refuse_double(name, values, "the parameter")
        values[name] = _unquoted(value) if value.startswith('"') else int(value)
    return values


def _refuse_double(name: str, known: Mapping[str, object], what: str) -> None:
    if name in known:
        raise ValueError(f"{what} {name} stands there twice")


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError("a value between colons is no base64") from None
