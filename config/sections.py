"""The sections of `gateway.toml`: typed, frozen, with units in the comments. No logic."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Combine = Literal["any", "all"]

ID_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,63}\Z"
Id = Annotated[str, Meta(pattern=ID_PATTERN)]
Text = Annotated[str, Meta(min_length=1)]
Seconds = Annotated[float, Meta(ge=0, le=86_400)]  # a day: nothing here waits longer
Patience = Annotated[float, Meta(gt=0, le=86_400)]  # seconds, and not at once
Metres = Annotated[float, Meta(ge=-10_000, le=10_000)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Days = Annotated[int, Meta(ge=1, le=36_500)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the configuration; unknown keys are mistakes."""


class Tls(Section, frozen=True):
    """`tls = { certificate = "…", key = "…" }`: paths of PEM files."""

    certificate: Text
    key: Text


class Branch(Section, frozen=True):
    """`[branch]`: who and where we are."""

    id: Id  # the gymId
    name: Text
    timezone: Text = "UTC"  # an IANA name
    latitude: Annotated[float, Meta(ge=-90, le=90)] | None = None  # degrees
    longitude: Annotated[float, Meta(ge=-180, le=180)] | None = None  # degrees
    public_url: Text = "http://localhost:8080"
    opening_hours: Mapping[Day, Text] | None = None  # "06:00-23:00"; None: always open
    holidays: tuple[Text, ...] = ()  # "2026-12-25"; closed on these days
    language: Text = "en"  # of the kiosk, and of who reads none that we have
    clock: Literal["kernel", "trusted"] = "kernel"


class Http(Section, frozen=True):
    """`[http]`: where we serve."""

    host: Text = "0.0.0.0"  # noqa: S104  kiosks and phones of the LAN are the users
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8080  # 0: any free one
    allowed_hosts: tuple[Text, ...] = ()
    trusted_proxies: tuple[Text, ...] = ()
    cors_origins: tuple[Text, ...] = ()
    tls: Tls | None = None


class Limits(Section, frozen=True):
    """`[limits]`: what one client may take."""

    requests: Count = 100  # a minute, of one member or one address
    writes: Count = 30  # a minute, of one member, key or address
    kiosk_requests: Count = 600  # a minute, of one kiosk's key
    key_requests: Count = 600  # a minute, of one other key
    members_per_address: Count = 5  # new ones a day
    members_per_link: Count = 300  # new ones a day from one network: a busy opening day
    connections_per_address: Count = 200  # open at once; a proxy's or an office's is one address
    exempt: tuple[Text, ...] = ()  # addresses that are not counted
    streams: Count = 2000  # open at once in all: a Pi's memory at 24 KiB each
    streams_per_address: Count = 20  # a family's phones, or a kiosk's tabs behind one address


class Store(Section, frozen=True):
    """`[store]`: the two files and how durable they are."""

    history: Text = "var/history.db"
    ledger: Text = "var/ledger.db"
    commit_within: Annotated[float, Meta(ge=0, le=60)] = (
        0.0  # seconds a commit may gather; 0 = at once
    )
    sync_within: Seconds = 5.0  # seconds a power cut may cost at most
    keep_events_days: Days = 400
    keep_bins_days: Days = 1100


class Backup(Section, frozen=True):
    """`[backup]`: the nightly copies."""

    folder: Text = "var/backups"
    keep: Annotated[int, Meta(ge=1, le=1000)] = 7  # files


class Mqtt(Section, frozen=True):
    """`[mqtt]`: the branch's broker."""

    url: Text = "embedded"
    listen: Text = "127.0.0.1:1883"
    homeassistant: bool = True  # announce every machine to Home Assistant


class Serial(Section, frozen=True):
    """`[[serial]]`: one line; `driver` speaks for every channel on it."""

    id: Id
    port: Text
    driver: Text
    baud: Annotated[int, Meta(ge=50, le=4_000_000)] = 115200  # bits a second
    options: Mapping[str, object] = {}


class Occupancy(Section, frozen=True):
    """`[occupancy]`: all in seconds."""

    busy_after: Seconds = 5.0
    free_after: Seconds = 90.0
    stale_after: Patience = 300.0


class OccupancyOverride(Section, frozen=True):
    """A category's or a sensor's own values; None: as in the table above it."""

    busy_after: Seconds | None = None
    free_after: Seconds | None = None
    stale_after: Patience | None = None


class Category(Section, frozen=True):
    """`[categories.<id>]`."""

    name: Text
    occupancy: OccupancyOverride = OccupancyOverride()


class Position(Section, frozen=True):
    """`{ x = 3.5, y = 1.0 }`: metres on the floor plan."""

    x: Metres
    y: Metres


class Machine(Section, frozen=True):
    """`[[machines]]`: what a member uses."""

    id: Id
    name: Text
    category: Text
    position: Position | None = None
    metadata: Mapping[str, str] = {}
    replaces: Id | None = None  # a machine of the past, whose history this one carries on
    combine: Combine = "any"  # any active sensor = occupied; "all": every one must be


class Sensor(Section, frozen=True):
    """`[[sensors]]`: what says something about one machine."""

    id: Id
    machine: Text
    driver: Text = "native"  # over MQTT; a serial sensor has the driver of its line
    source: Text = "mqtt"  # or "serial:<id>", with a channel
    topic: Text | None = None
    channel: Annotated[int, Meta(ge=0)] | Text = 0
    options: Mapping[str, object] = {}
    occupancy: OccupancyOverride = OccupancyOverride()


class QuietHours(Section, frozen=True):
    """`{ start = "22:00", end = "07:00" }`: local time, over midnight allowed."""

    start: Text
    end: Text
    days: tuple[Day, ...] = DAYS  # a night belongs to the day it begins on


class Alerts(Section, frozen=True):
    """`[alerts]`: seconds, except where said."""

    settle: Seconds = 10.0
    head_start: Seconds = 60.0  # how long one member knows before the next
    all_at_once: bool = False  # no head start: who runs fastest trains
    cooldown: Seconds = 300.0
    deliver_within: Patience = 300.0  # a push that comes later than that is dropped
    per_member: Annotated[int, Meta(ge=1, le=1000)] = 20  # alerts armed at once
    quiet_hours: QuietHours | None = None


class Notify(Section, frozen=True):
    """`[notify]`: channels that leave the branch."""

    ntfy: Text | None = None
    webhooks: tuple[Text, ...] = ()
    vapid_contact: Text | None = None
    push_hosts: tuple[Text, ...] = ()  # beside the known push services
    mqtt: bool = False  # rings also go to gyms/{gymId}/alerts


class Upstream(Section, frozen=True):
    """`[upstream]`: the chain's broker; without it nothing is sent."""

    url: Text
    ca: Text | None = None  # a PEM file with the authorities of a private chain
    certificate: Text | None = None  # of ours, with its key: PEM files
    key: Text | None = None
    keep_days: Annotated[int, Meta(ge=1, le=90)] = 90  # what is older is not sent, nor proven
    max_bytes: Annotated[int, Meta(ge=2**20, le=2**30)] = 32 * 2**20  # of what waits to be sent
    drain: Annotated[float, Meta(gt=0, le=1000)] = 2.0  # messages a second of what has waited


class Kiosk(Section, frozen=True):
    """`[kiosk]`: how the screens on the walls look."""

    logo: Text | None = None  # a file: SVG, PNG, JPEG or WebP
    colour: Annotated[str, Meta(pattern=r"^#[0-9a-fA-F]{6}\Z")] = "#17603c"  # of the head
    screen: Text | None = None  # "06:00-23:00", local time; else dark; None: while we are open


class Simulator(Section, frozen=True):
    """`[simulator]`: people instead of sensors."""

    machines: Annotated[int, Meta(ge=1, le=500)] = 40  # made up when `[[machines]]` is empty
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 1
    speed: Annotated[float, Meta(gt=0, le=1000)] = 1.0  # how many times faster than real people


class Config(Section, frozen=True):
    """The whole branch."""

    branch: Branch
    http: Http = Http()
    limits: Limits = Limits()
    store: Store = Store()
    backup: Backup = Backup()
    mqtt: Mqtt = Mqtt()
    serial: tuple[Serial, ...] = ()
    occupancy: Occupancy = Occupancy()
    categories: Mapping[Id, Category] = {}
    machines: tuple[Machine, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    alerts: Alerts = Alerts()
    notify: Notify = Notify()
    upstream: Upstream | None = None
    kiosk: Kiosk = Kiosk()
    simulator: Simulator | None = None
