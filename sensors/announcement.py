"""What devices announce to Home Assistant: where their states are, and how to read them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

LARGEST = 64 * 1024  # bytes: a device with forty entities has 20 KiB
MOST = 100  # entities of one announcement
TOPIC = re.compile(r"[^/]+/(?P<component>[a-z_]+)(/[^/]+)?/[^/]+/config\Z")
FIELD = re.compile(
    r"value_json(?P<path>(?:\.[A-Za-z_]\w*|\[\s*(?:'[^']{1,64}'|\"[^\"]{1,64}\"|\d{1,3})\s*\])+)"
)
STEP = re.compile(r"\.(\w+)|\[\s*['\"]?([^'\"\]]+?)['\"]?\s*\]")
LONG = {
    "stat_t": "state_topic",
    "val_tpl": "value_template",
    "pl_on": "payload_on",
    "pl_off": "payload_off",
    "stat_on": "state_on",
    "stat_off": "state_off",
    "dev_cla": "device_class",
    "unit_of_meas": "unit_of_measurement",
    "avty": "availability",
    "avty_t": "availability_topic",
    "pl_avail": "payload_available",
    "pl_not_avail": "payload_not_available",
    "cmps": "components",
    "p": "platform",
    "t": "topic",
}
Word = bool | float | str | None


class BadAnnouncementError(ValueError):
    """It cannot be used; the text says why."""


class Announcement(msgspec.Struct, frozen=True, omit_defaults=True):
    """An entity of a device. `field`: a dotted path into the state's JSON; None: the whole."""

    component: str
    state_topic: str
    name: str | None = None
    field: str | None = None
    on: Word = None
    off: Word = None
    device_class: str | None = None
    unit: str | None = None
    availability_topic: str | None = None
    online: str | None = None
    offline: str | None = None


def announced(topic: str, data: bytes) -> list[Announcement]:
    """What a message on a discovery topic announces; [] where it announces nothing.

    Raises BadAnnouncementError.
    """
    found = TOPIC.match(topic)
    if found is None or not data.strip():
        return []
    if len(data) > LARGEST:
        raise BadAnnouncementError("too large")
    try:
        said = msgspec.json.decode(data)
    except (ValueError, RecursionError) as error:
        raise BadAnnouncementError("no JSON") from error
    if not isinstance(said, dict):
        raise BadAnnouncementError("no object")
    return list(_entities(found["component"], _long(said)))


def _entities(component: str, said: Mapping[str, Any]) -> Iterator[Announcement]:
    parts = said.get("components")
    if not isinstance(parts, dict):
        if (one := _entity(component, said)) is not None:
            yield one
        return
    shared = {key: value for key, value in said.items() if key != "components"}
    for part in list(parts.values())[:MOST]:
        if isinstance(part, dict):
            whole = shared | _long(part)
            if (one := _entity(str(whole.get("platform")), whole)) is not None:
                yield one


def _entity(component: str, said: Mapping[str, Any]) -> Announcement | None:
    base = said.get("~")
    state = _topic(said.get("state_topic"), base)
    if state is None:
        return None  # a button, a trigger: it has no state
    there, online, offline = _availability(said, base)
    return Announcement(
        component,
        state,
        _text(said.get("name")),
        _field(said.get("value_template")),
        _word(said.get("state_on", said.get("payload_on"))),
        _word(said.get("state_off", said.get("payload_off"))),
        _text(said.get("device_class")),
        _text(said.get("unit_of_measurement")),
        there,
        online,
        offline,
    )


def _availability(
    said: Mapping[str, Any], base: object
) -> tuple[str | None, str | None, str | None]:
    """The device's own topic, rather than its bridge's; and its two words."""
    listed = said.get("availability")
    ways = (
        [_long(way) for way in listed if isinstance(way, dict)] if isinstance(listed, list) else []
    )
    if "availability_topic" in said:
        ways.append({**said, "topic": said["availability_topic"]})
    ways.sort(key=lambda way: "value_template" in way)  # bare words rather than JSON
    own = [way for way in ways if not str(way.get("topic", "")).endswith("bridge/state")] or ways
    if not own:
        return None, None, None
    way = own[0]
    words = (_text(way.get("payload_available")), _text(way.get("payload_not_available")))
    return _topic(way.get("topic"), base), *words


def _long(said: Mapping[str, Any]) -> dict[str, Any]:
    return {LONG.get(key, key): value for key, value in said.items()}


def _topic(topic: object, base: object) -> str | None:
    """With the base in place of `~` at either end."""
    if not isinstance(topic, str) or not topic:
        return None
    if "~" in (topic[0], topic[-1]):
        if not isinstance(base, str) or not base:
            raise BadAnnouncementError("~ used without a base topic")
        topic = base + topic[1:] if topic[0] == "~" else topic[:-1] + base
    return topic


def _field(template: object) -> str | None:
    found = FIELD.search(template) if isinstance(template, str) else None
    if found is None:
        return None
    return ".".join(name or key for name, key in STEP.findall(found["path"]))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _word(value: object) -> Word:
    return value if isinstance(value, bool | int | float | str) else None


def dig(said: object, path: str) -> object:
    """What lies at a dotted path; None where nothing does."""
    for step in path.split("."):
        if isinstance(said, dict):
            said = said.get(step)
        elif isinstance(said, list) and step.isdecimal() and int(step[:3]) < len(said):
            said = said[int(step[:3])]
        else:
            return None
    return said
