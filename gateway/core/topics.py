"""MQTT topics that a sensor's user may be given on the embedded broker."""

import re

NATIVE = 5  # levels of gyms/{gymId}/machines/{machineId}/occupancy
_LEVELS = re.compile(r"[^+#\x00-\x1f\x7f]{1,250}")


def objection(topic: str, gym: str) -> str | None:
    """Why a sensor may not write there; None if it may. `…/#` stands for a whole tree."""
    stem = topic.removesuffix("/#")
    if not _LEVELS.fullmatch(stem) or stem.startswith(("$", "/")):
        return "is no topic: no wildcard but a last /#, no control character, no leading $ or /"
    levels = stem.split("/")
    if levels[0] == "gyms" and not (topic == stem and _is_a_sensors(levels, gym)):
        return f"sensors write gyms/{gym}/machines/<machine>/occupancy or /availability only"
    if levels[0] == "homeassistant" and (len(levels) == 1 or levels[1] == "device"):
        return "homeassistant/device is where the gateway announces its machines"
    return None


def _is_a_sensors(levels: list[str], gym: str) -> bool:
    words = {"occupancy", "availability"}
    return levels[1:3] == [gym, "machines"] and len(levels) == NATIVE and levels[4] in words
