"""What the embedded broker reads: its configuration, its users, who may do what."""

import base64
import hashlib
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gateway.ports.addresses import Listen

USER = "gateway"
ROUNDS = 101  # what mosquitto_passwd uses; the password is random, so that rounds add nothing
INFLIGHT = 1000  # messages under way at once: a batch of the writer; each waits for our commit
QUEUE_BYTES = 16 * 2**20  # what waits while the gateway is down: 100,000 native messages and their
# topics at 160 bytes, a day of 100 machines; by bytes, as a Pi's memory is counted in bytes
LARGEST = 16 * 2**20  # bytes of one message: what exceeds a port's 64 KiB is to reach us and be
# counted; only what would fill the queue by itself is refused here
AUTOSAVE = 600  # seconds: the file is written whole, some 100 KiB, so 15 MB a day on the card. A
# power cut costs what came since; retained topics are republished, and a clean stop saves anyway


def configuration(folder: Path, own: str, listen: Listen) -> str:
    """mosquitto.conf; `own` is the gateway's listener: `0 <socket>` or `<port> 127.0.0.1`.

    One set of users for all listeners: per_listener_settings loses sessions in 2.0.12 to 2.0.18.
    """
    lines = [
        f"listener {own}",
        f"listener {listen.port} {listen.host}",
        f"allow_anonymous {str(listen.loopback).lower()}",
        f"password_file {folder}/users",
        f"acl_file {folder}/acl",
        f"pid_file {folder}/pid",
        "persistence true",
        f"persistence_location {folder}/",
        f"autosave_interval {AUTOSAVE}",
        f"max_inflight_messages {INFLIGHT}",
        "max_queued_messages 0",
        f"max_queued_bytes {QUEUE_BYTES}",
        f"max_packet_size {LARGEST}",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
    ]
    if os.geteuid() == 0:  # else it would become a user who may not write into our folder
        lines.append("user root")
    return "\n".join(lines) + "\n"


def permissions(gym: str, topics: Iterable[str]) -> str:
    """Who may do what: everybody reads, sensors write their own topics, the gateway all."""
    native = [f"gyms/{gym}/machines/+/{word}" for word in ("occupancy", "availability")]
    native.append("homeassistant/status")  # Home Assistant's birth
    trees = sorted({f"{topic.removesuffix('/#')}/#" for topic in topics if not _reserved(topic)})
    lines = ["topic read #", *(f"topic write {topic}" for topic in native + trees)]
    return "\n".join([*lines, "", f"user {USER}", "topic readwrite #", ""])


def _reserved(topic: str) -> bool:
    """The gateway's own topics, and native ones, which have their rule already."""
    return (f"{topic}/").startswith(("gyms/", "homeassistant/device/")) or topic == "homeassistant"


@dataclass(frozen=True, slots=True)
class SensorUser:
    """Somebody who may write `topics` (`…/#` for a tree), and no others."""

    name: str
    password: str
    """As `hashed` gives it."""
    topics: tuple[str, ...]


def users(password: str, sensors: Iterable[SensorUser]) -> str:
    """The users file: the gateway, and every sensor that has a key."""
    lines = [f"{USER}:{hashed(password)}", *(f"{user.name}:{user.password}" for user in sensors)]
    return "\n".join(lines) + "\n"


def granted(sensors: Iterable[SensorUser]) -> str:
    """What the sensors' users may do, for the end of the ACL file.

    They read their own topics only, so that a bridge can be told things by its own tools.
    """
    lines = []
    for user in sensors:
        lines += [f"user {user.name}", *(f"topic readwrite {topic}" for topic in user.topics), ""]
    return "\n".join(lines)


def hashed(password: str) -> str:
    """Mosquitto's `$7$` form of a random password, PBKDF2 with SHA-512."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS)
    parts = [base64.b64encode(part).decode() for part in (salt, digest)]
    return f"$7${ROUNDS}${parts[0]}${parts[1]}"


def write_private(path: Path, text: str) -> None:
    """Replace a file whole; nobody else may read it."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)
