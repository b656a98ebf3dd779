"""Single values that a type alone cannot judge: each function gives (problem, hint) or None."""

import ipaddress
import re
from collections.abc import Callable, Collection
from datetime import date
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from config.convert import where_secrets_go
from config.mistakes import near, shown

Objection = tuple[str, str] | None
Check = Callable[[str], Objection]

HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?\Z")
LONGEST_HOST = 253  # characters: DNS
LONGEST_TOPIC = 65_535  # bytes: MQTT
LAST_PORT = 65_535
CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d"
SPAN = re.compile(rf"({CLOCK})-({CLOCK}|24:00)\Z", re.ASCII)
MQTT_SCHEMES = ("mqtt", "mqtts", "unix")
WEB_SCHEMES = ("http", "https")
SERIAL_SCHEMES = ("socket", "rfc2217")


def timezone(text: str) -> Objection:
    """An IANA name that this machine knows."""
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        return f"{shown(text)} is no time zone", near(text, available_timezones())
    return None


def hours(text: str) -> Objection:
    """One day's opening hours."""
    span = SPAN.match(text)
    if span is None:
        hint = 'write opening and closing time as "06:00-23:00"; over midnight is "06:00-01:00"'
        return f"{shown(text)} is no opening time", hint
    if span[1] == span[2]:
        return f"{shown(text)} opens and closes at once", 'the whole day is "00:00-24:00"'
    return None


def clock(text: str) -> Objection:
    """A time of day."""
    if re.fullmatch(CLOCK, text, re.ASCII):
        return None
    return f"{shown(text)} is no time of day", 'write hours and minutes as "22:00"'


def day(text: str) -> Objection:
    """A date."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return f"{shown(text)} is no date", 'write year, month and day as "2026-12-25"'
    return None


def host(text: str) -> Objection:
    """A name or an address, without port and scheme."""
    if _is_host(text):
        return None
    return f"{shown(text)} is no host", "write a name or an address, without scheme and port"


def push_host(text: str) -> Objection:
    """A push service: a name, `*.` and a name, or the very host and port."""
    name, _, port = text.removeprefix("*.").partition(":")
    if _is_host(name) and (not port or (port.isascii() and port.isdigit())):
        return None
    return f"{shown(text)} is no host", 'write "push.example.org" or "*.example.org"'


def network(text: str) -> Objection:
    """An address, or a network of them."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return f"{shown(text)} is no address", 'write "192.168.1.2" or "192.168.1.0/24"'
    return None


def listen(text: str) -> Objection:
    """Where the embedded broker listens."""
    where, colon, port = text.rpartition(":")
    bare = where.removeprefix("[").removesuffix("]")
    known = _is_host(bare) and (":" in bare) == where.startswith("[")
    if colon and known and re.fullmatch(r"\d{1,5}", port, re.ASCII) and 1 <= int(port) <= LAST_PORT:
        return None
    return f"{shown(text)} is no address with a port", 'write "127.0.0.1:1883" or "[::1]:1883"'


def topic(text: str) -> Objection:
    """One MQTT topic to hear a sensor on."""
    if "+" in text or "#" in text:
        return "has a wildcard", "name the one topic of this sensor"
    if "\0" in text or len(text.encode()) > LONGEST_TOPIC:
        return "is no MQTT topic", "write the one that the sensor speaks on"
    return None


def broker(text: str) -> Objection:
    """`[mqtt] url`."""
    return (
        None
        if text == "embedded"
        else url(text, MQTT_SCHEMES, "mqtt-password", 'or write "embedded"')
    )


def upstream(text: str) -> Objection:
    """`[upstream] url`."""
    return url(text, MQTT_SCHEMES, "upstream-password")


def web(text: str) -> Objection:
    """An address of the web."""
    return url(text, WEB_SCHEMES, "notify-password")


def origin(text: str) -> Objection:
    """A web origin: scheme, host and port alone."""
    if (wrong := web(text)) or urlsplit(text)[2:] == ("", "", ""):
        return wrong
    return f"{shown(text)} is more than an origin", 'write "https://app.example.org", no path'


def serial(text: str) -> Objection:
    """A device's path or the address of a serial server."""
    if "://" not in text:
        return None if "\0" not in text else ("is no path", "write the device's path")
    wrong = url(text, SERIAL_SCHEMES, "serial-password", "or a path such as /dev/serial/by-id/…")
    if wrong or _port(urlsplit(text)):
        return wrong
    return "names no port", 'write "socket://192.168.1.5:4001"'


def contact(text: str) -> Objection:
    """How a push service reaches us (RFC 8292)."""
    if re.fullmatch(r"mailto:[^@\s]+@[^@\s]+", text) or (
        text.startswith("https:") and not web(text)
    ):
        return None
    return f"{shown(text)} is no contact", 'write "mailto:gym@example.org" or an https address'


def url(text: str, schemes: Collection[str], secret: str, otherwise: str = "") -> Objection:
    """A URL of these schemes with a host (`unix`: with a path), and without a password.

    `secret` is where a password belongs. Never quotes the URL: it may carry one.
    """
    choice = f"use {', '.join(f'{scheme}://…' for scheme in schemes)} {otherwise}".strip()
    try:
        parts = urlsplit(text)
        password, port = parts.password, _port(parts)
    except ValueError:
        return "is no URL", choice
    if password is not None:
        return "carries a password", where_secrets_go(secret)
    if parts.scheme not in schemes:
        return f"has the scheme {shown(parts.scheme)}" if parts.scheme else "has no scheme", choice
    if parts.scheme == "unix":
        return None if parts.path.startswith("/") else ("names no socket", 'write "unix:///path"')
    if not _is_host(parts.hostname or "") or port == 0:
        return "names no host", f'write "{parts.scheme}://host" or "{parts.scheme}://host:port"'
    return None


def _port(parts: SplitResult) -> int | None:
    """Its port; ValueError when it is none."""
    return parts.port


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        numeric = re.fullmatch(r"[\d.]+", text)  # four numbers that are no address
        return len(text) <= LONGEST_HOST and HOST.match(text) is not None and not numeric
    return True
