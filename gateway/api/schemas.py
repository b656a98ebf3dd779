"""What msgspec says of our types, in words that every reader of JSON Schema knows."""

from collections.abc import Iterable
from typing import Any

import msgspec

Json = dict[str, Any]
"""Plain JSON; a document has too many shapes for a type of its own."""

REF = "#/components/schemas/{name}"


class Schemas:
    """The schemas of `kinds` and of everything they are made of."""

    def __init__(self, kinds: Iterable[type[msgspec.Struct]]) -> None:
        known = list(dict.fromkeys(kinds))
        found, components = msgspec.json.schema_components(
            known, schema_hook=_anything, ref_template=REF
        )
        self._of = dict(zip(known, found, strict=True))
        self.components: Json = portable(components)

    def of(self, kind: type[msgspec.Struct]) -> Json:
        """A reference to it."""
        return self._of[kind]


def schema_of(kind: Any) -> Json:  # typing has no word for what msgspec takes
    """The schema of a value that is no struct."""
    found: Json = portable(msgspec.json.schema(kind, ref_template=REF))
    return found


def _anything(kind: type) -> Json:
    """`object` is any JSON."""
    if kind is object:
        return {"description": "Any JSON."}
    raise NotImplementedError


def portable(schema: Any) -> Any:
    """Patterns end in `$`, as ECMAScript has it: in Python that would let a line end follow."""
    if isinstance(schema, list | tuple):  # a default may be a tuple
        return [portable(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    ended = {"pattern": schema["pattern"].replace(r"\Z", "$")} if _has_pattern(schema) else {}
    return {key: portable(part) for key, part in schema.items()} | ended


def _has_pattern(schema: Json) -> bool:
    return isinstance(schema.get("pattern"), str)
