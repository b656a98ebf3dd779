"""What is heard on a broker, told apart: which device it is, which driver fits, how well."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import msgspec

from sensors import catalog
from sensors.announcement import Announcement, BadAnnouncementError, announced
from sensors.drivers.tasmota import HEARD, PREFIXES
from sensors.sample import Channel, Sample

MOST = 500  # devices; a broker that carries more is asked for a part of its topics
TELLING = {"occupancy", "motion", "presence", "vibration", "door", "window", "opening", "moving"}
MEASURING = {"power", "distance"}
LASTS = {last for _, lasts in HEARD for last in lasts}
SHELLY = re.compile(r"(shellies/[^/]+)/.+|([^/]+)/(?:events/rpc|status/[a-z]+[0-9]*:\d+)")
LORA = re.compile(r"application/[^/]+/device/[^/]+/event/up|v3/[^/]+/devices/[^/]+/up")
ESPHOME = re.compile(r".+/(?:binary_sensor|sensor)/[^/]+/state")
NATIVE = re.compile(r"gyms/[^/]+/machines/([^/]+)/occupancy")
NEVER = re.compile(r"\$SYS/|gyms/.+/status$|gyms/.+/marker/|homeassistant/device/")


class Proposal(msgspec.Struct, frozen=True):
    """A sensor that could be configured; `topic` and `options` as `[[sensors]]` takes them."""

    driver: str
    topic: str
    channel: Channel = 0
    options: Mapping[str, object] = {}
    messages: int = 0
    confidence: str = "low"
    """high: it says whether a machine is used; medium: it has levels; low: neither was heard."""
    says: str = ""
    """The newest of it, for people."""


def propose(heard: Iterable[tuple[str, bytes]]) -> list[Proposal]:
    """Every device in these messages (topic, payload), the surest first."""
    devices: dict[tuple[str, str], list[tuple[str, bytes]]] = {}
    announcements: dict[str, Announcement] = {}
    others: list[tuple[str, bytes]] = []
    for topic, payload in heard:
        if NEVER.match(topic):
            continue
        if (found := _announced(topic, payload)) is not None:
            announcements |= {one.state_topic: one for one in found if _useful(one)}
        elif (device := device_of(topic, payload)) is None:
            others.append((topic, payload))
        elif device in devices or len(devices) < MOST:
            devices.setdefault(device, []).append((topic, payload))
    known = {topic for of in devices.values() for topic, _ in of}
    found_ = [one for (driver, topic), of in devices.items() for one in _judge(driver, topic, of)]
    for topic, one in announcements.items():
        if topic not in known:
            found_ += _judge("homeassistant", topic, others, options_of(one))
    return sorted(found_, key=lambda one: (ORDER[one.confidence], one.driver, one.topic))


ORDER = {"high": 0, "medium": 1, "low": 2}


def device_of(topic: str, payload: bytes) -> tuple[str, str] | None:
    """(driver, the topic to configure) of what spoke; None: no family that we know."""
    for tell in (_native, _tasmota, _shelly, _lora, _esphome, _zigbee):
        if (found := tell(topic, payload)) is not None:
            return found
    return None


def options_of(one: Announcement) -> dict[str, object]:
    """As the driver for announced entities takes them."""
    lists = {name: [word] for name, word in (("on", one.on), ("off", one.off)) if word is not None}
    names = ("field", "device_class", "unit", "availability_topic", "online", "offline")
    plain = {name: value for name in names if (value := getattr(one, name)) is not None}
    return {**plain, **lists}


# --- the families, by what their topics and payloads look like ----------------------------------


def _native(topic: str, _payload: bytes) -> tuple[str, str] | None:
    return ("native", topic) if NATIVE.fullmatch(topic) else None


def _tasmota(topic: str, _payload: bytes) -> tuple[str, str] | None:
    levels = topic.split("/")
    place = next((n for n, level in enumerate(levels) if level in PREFIXES), None)
    if place is None or levels[-1] not in LASTS or len(levels) < place + 3:
        return None
    return "tasmota", "/".join([*levels[:place], "tele", *levels[place + 1 : -1], "SENSOR"])


def _shelly(topic: str, _payload: bytes) -> tuple[str, str] | None:
    found = SHELLY.fullmatch(topic)
    if found is None or topic.startswith("shellies/announce"):
        return None
    return "shelly", found[1] or found[2]


def _lora(topic: str, _payload: bytes) -> tuple[str, str] | None:
    return ("chirpstack", topic) if LORA.fullmatch(topic) else None


def _esphome(topic: str, _payload: bytes) -> tuple[str, str] | None:
    return ("esphome", topic) if ESPHOME.fullmatch(topic) else None


def _zigbee(topic: str, payload: bytes) -> tuple[str, str] | None:
    """Zigbee2MQTT's mark is the quality of the link, or its usual base."""
    if "/bridge/" in topic or topic.count("/") < 1:
        return None
    if topic.endswith("/availability"):
        return None
    object_ = payload.lstrip().startswith(b"{")
    if object_ and (b'"linkquality"' in payload or topic.startswith("zigbee2mqtt/")):
        return "zigbee2mqtt", topic
    return None


def _announced(topic: str, payload: bytes) -> list[Announcement] | None:
    try:
        return announced(topic, payload) or None
    except BadAnnouncementError:
        return []


def _useful(one: Announcement) -> bool:
    return one.device_class in TELLING | MEASURING


# --- how well it fits ---------------------------------------------------------------------------


def _judge(
    driver: str,
    topic: str,
    messages: Iterable[tuple[str, bytes]],
    options: Mapping[str, object] = {},
) -> list[Proposal]:
    """One for each channel that said something."""
    decoder = catalog.load(driver).decoder(dict(options))
    samples: dict[Channel, list[Sample]] = {}
    counts: Counter[Channel] = Counter()
    for where, payload in messages:
        if driver == "homeassistant" and where != topic:
            continue
        for saying in decoder.feed(payload, where):
            if isinstance(saying, Sample):
                samples.setdefault(saying.channel, []).append(saying)
                counts[saying.channel] += 1
    if not samples:
        return [Proposal(driver, topic, 0, options)]
    return [
        Proposal(driver, topic, channel, options, counts[channel], _confidence(of), _says(of))
        for channel, of in samples.items()
    ]


def _confidence(samples: Iterable[Sample]) -> str:
    said = list(samples)
    if any(sample.active is not None for sample in said):
        return "high"
    useful = {"power_w", "distance_m", "vibration"}
    return "medium" if any(useful & set(sample.levels) for sample in said) else "low"


def _says(samples: list[Sample]) -> str:
    """The newest word, or the newest levels."""
    active = next((s.active for s in reversed(samples) if s.active is not None), None)
    word = "" if active is None else "in use" if active else "not in use"
    levels = next((s.levels for s in reversed(samples) if s.levels), {})
    numbers = ", ".join(f"{name} {value:g}" for name, value in list(levels.items())[:4])
    return "; ".join(filter(None, (word, numbers)))


def as_toml(proposal: Proposal, name: str, machine: str | None, machines: Iterable[str]) -> str:
    """A `[[sensors]]` entry, ready to paste; an unknown machine is for the reader to fill in."""
    quote: Callable[[object], str] = lambda value: json.dumps(value, ensure_ascii=False)  # noqa: E731
    known = ", ".join(list(machines)[:8])
    heard = f"heard {proposal.messages} times: {proposal.says or '-'}"
    lines = [
        f"# {proposal.confidence} confidence; {heard}",
        "[[sensors]]",
        f"id = {quote(name)}",
        f"machine = {quote(machine)}" if machine else f'machine = "?"  # one of {known}',
        'source = "mqtt"',
        f"driver = {quote(proposal.driver)}",
        f"topic = {quote(proposal.topic)}",
    ]
    if proposal.channel != 0:
        lines.append(f"channel = {quote(proposal.channel)}")
    if proposal.options:
        pairs = ", ".join(f"{key} = {quote(value)}" for key, value in proposal.options.items())
        lines.append(f"options = {{ {pairs} }}")
    return "\n".join(lines)
