"""`hub.toml`: the chain's hub. As with a branch, every mistake is told at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import parse_qs, urlsplit

from msgspec import Meta

from config import values
from config.convert import section, where_secrets_go
from config.load import ConfigError, document_of, text_of
from config.mistakes import Findings, Place, TooManyError
from config.sections import Days, Http, Id, Limits, Section, Text

POSTGRES_SCHEMES = ("postgresql", "postgres")
Span = Annotated[float, Meta(ge=0, le=7 * 86_400)]  # seconds


class Hub(Section, frozen=True):
    """`[hub]`: who we are, and where what we keep stands."""

    postgres: Text  # postgresql://user@host/database; its password is a secret
    name: Text = "Chain"
    public_url: Text = "http://localhost:8080"
    folder: Text = "var/hub"  # our socket and our keys; each hub of a chain has its own
    branches: tuple[Id, ...] = ()  # who may send; none named: whoever described itself
    silent_after: Span = 2100.0  # seconds without a word: two closings of bins, and some


class Broker(Section, frozen=True):
    """`[broker]`: the chain's broker, or the nodes of its cluster."""

    urls: tuple[Text, ...]
    client_id: Id = "hub"  # the same for all hubs of a chain: the session goes from one to the next
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    ca: Text | None = None  # a PEM file; None: the system's
    deaf_after: Span = 7200.0  # seconds without bins or digests of anybody, although they speak


class Keep(Section, frozen=True):
    """`[keep]`: how long."""

    bins_days: Days = 1100
    events_days: Days = 3  # what streams resume from; the past is in the bins


class Proof(Section, frozen=True):
    """`[proof]`: when holes are looked for, in seconds."""

    settle: Span = 3600.0  # hours newer than that may still be on their way
    ask_every: Span = 3600.0  # one branch and day: it answers once an hour
    again: Span = 86_400.0  # a day that was complete: a database may have been restored since
    calm: Span = 60.0  # a branch that has just sent bins may be about to send what is missing


class HubConfig(Section, frozen=True):
    """The whole hub."""

    hub: Hub
    broker: Broker
    keep: Keep = Keep()
    proof: Proof = Proof()
    http: Http = Http()
    limits: Limits = Limits()


def load_hub(path: Path) -> HubConfig:
    """The hub that this file describes. ConfigError."""
    text = text_of(path, "hub.toml")
    document = document_of(path, text)
    found = Findings(text, document)
    config, more = HubConfig(hub=Hub(postgres=""), broker=Broker(urls=())), False
    try:
        config = section(HubConfig, document, (), found)
        _judge(config, found)
    except TooManyError:
        more = True
    if mistakes := found.mistakes():
        raise ConfigError(path, mistakes, more=more)
    return config


def postgres(text: str) -> values.Objection:
    """Where the database is; never quotes what may carry a password."""
    parts = urlsplit(text)
    if parts.scheme not in POSTGRES_SCHEMES:
        return "is no address of PostgreSQL", 'write "postgresql://hub@db.example.org/gyms"'
    if parts.password is not None or "password" in parse_qs(parts.query):
        return "carries a password", where_secrets_go("postgres-password")
    return None


def broker(text: str) -> values.Objection:
    """One of `[broker] urls`."""
    return values.url(text, values.MQTT_SCHEMES, "broker-password")


def _judge(config: HubConfig, found: Findings) -> None:
    for at, text, check in _texts(config):
        if text and (wrong := check(text)):
            found.add(at, *wrong)
    urls: Place = ("broker", "urls")
    if not config.broker.urls and not found.mistaken(urls) and found.given(("broker",)):
        found.add(urls, "names no broker", 'write ["mqtts://hub@broker.example.org"]')


def _texts(config: HubConfig) -> Iterator[tuple[Place, str, values.Check]]:
    yield ("hub", "postgres"), config.hub.postgres, postgres
    yield ("hub", "public_url"), config.hub.public_url, values.origin
    for number, url in enumerate(config.broker.urls):
        yield ("broker", "urls", number), url, broker
    yield ("http", "host"), config.http.host, values.host
    lists = (
        ("http", "allowed_hosts", config.http.allowed_hosts, values.host),
        ("http", "trusted_proxies", config.http.trusted_proxies, values.network),
        ("http", "cors_origins", config.http.cors_origins, values.origin),
        ("limits", "exempt", config.limits.exempt, values.network),
    )
    for table, key, texts, check in lists:
        yield from (((table, key, number), text, check) for number, text in enumerate(texts))
