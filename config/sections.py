"""The sections of `gateway.toml`: typed, frozen, with units in the comments. No logic."""

from collections.abc import Mapping
from typing import Literal

import msgspec

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Combine = Literal["any", "all"]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the configuration; unknown keys are mistakes."""


class Tls(Section):
    """`tls = { certificate = "…", key = "…" }`: paths of PEM files."""

    certificate: str
    key: str


class Branch(Section):
    """`[branch]`: who and where we are."""

    id: str
    name: str
    timezone: str = "UTC"  # an IANA name
    latitude: float | None = None  # degrees
    longitude: float | None = None  # degrees
    public_url: str = "http://localhost:8080"
    opening_hours: Mapping[Day, str] | None = None  # "06:00-23:00"; None: always open
    holidays: tuple[str, ...] = ()  # "2026-12-25"; closed on these days
    clock: Literal["kernel", "trusted"] = "kernel"


class Http(Section):
    """`[http]`: where we serve."""

    host: str = "0.0.0.0"  # noqa: S104  kiosks and phones of the LAN are the users
    port: int = 8080
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    tls: Tls | None = None


class Limits(Section):
    """`[limits]`: what one client may take."""

    requests: int = 100  # per minute and address
    streams: int = 2000  # open at once in all: a Pi's memory at 24 KiB each
    streams_per_address: int = 20  # a family's phones, or a kiosk's tabs behind one address


class Store(Section):
    """`[store]`: the two files and how durable they are."""

    history: str = "var/history.db"
    ledger: str = "var/ledger.db"
    commit_within: float = 0.0  # seconds a commit may gather; 0 = at once
    sync_within: float = 5.0  # seconds a power cut may cost at most
    keep_events_days: int = 400
    keep_bins_days: int = 1100


class Backup(Section):
    """`[backup]`: the nightly copies."""

    folder: str = "var/backups"
    keep: int = 7


class Mqtt(Section):
    """`[mqtt]`: the branch's broker."""

    url: str = "embedded"
    listen: str = "127.0.0.1:1883"


class Serial(Section):
    """`[[serial]]`: one line; `driver` speaks for every channel on it."""

    id: str
    port: str
    driver: str
    baud: int = 115200
    options: Mapping[str, object] = {}


class Occupancy(Section):
    """`[occupancy]`: all in seconds."""

    busy_after: float = 5.0
    free_after: float = 90.0
    stale_after: float = 300.0


class OccupancyOverride(Section):
    """A category's or a sensor's own values; None: as in the table above it."""

    busy_after: float | None = None
    free_after: float | None = None
    stale_after: float | None = None


class Category(Section):
    """`[categories.<id>]`."""

    name: str
    occupancy: OccupancyOverride = OccupancyOverride()


class Position(Section):
    """`{ x = 3.5, y = 1.0 }`: metres on the floor plan."""

    x: float
    y: float


class Machine(Section):
    """`[[machines]]`: what a member uses."""

    id: str
    name: str
    category: str
    position: Position | None = None
    metadata: Mapping[str, str] = {}
    replaces: str | None = None
    combine: Combine = "any"  # any active sensor = occupied; "all": every one must be


class Sensor(Section):
    """`[[sensors]]`: what says something about one machine."""

    id: str
    machine: str
    driver: str = "native"
    source: str = "mqtt"  # or "serial:<id>", with a channel
    topic: str | None = None
    channel: int | str = 0
    options: Mapping[str, object] = {}
    occupancy: OccupancyOverride = OccupancyOverride()


class Alerts(Section):
    """`[alerts]`: seconds, except where said."""

    settle: float = 10.0
    head_start: float = 60.0
    cooldown: float = 300.0
    per_member: int = 20
    quiet_hours: Mapping[str, str] | None = None


class Notify(Section):
    """`[notify]`: channels that leave the branch."""

    ntfy: str | None = None
    webhooks: tuple[str, ...] = ()
    vapid_contact: str | None = None
    push_hosts: tuple[str, ...] = ()


class Upstream(Section):
    """`[upstream]`: the chain's broker; without it nothing is sent."""

    url: str


class Simulator(Section):
    """`[simulator]`: people instead of sensors."""

    machines: int = 40  # made up when `[[machines]]` is empty
    seed: int = 1
    speed: float = 1.0  # how many times faster than real people


class Config(Section):
    """The whole branch."""

    branch: Branch
    http: Http = Http()
    limits: Limits = Limits()
    store: Store = Store()
    backup: Backup = Backup()
    mqtt: Mqtt = Mqtt()
    serial: tuple[Serial, ...] = ()
    occupancy: Occupancy = Occupancy()
    categories: Mapping[str, Category] = {}
    machines: tuple[Machine, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    alerts: Alerts = Alerts()
    notify: Notify = Notify()
    upstream: Upstream | None = None
    simulator: Simulator | None = None
