"""What must fit together: each rule looks at the sections and names every mistake it finds."""

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping

import msgspec

from config import values
from config.convert import plain
from config.convert import values as check_values
from config.effective import MQTT, NATIVE, SERIAL, sensors_of
from config.mistakes import Findings, Place, near, shown
from config.sections import Config, Sensor
from sensors import catalog
from sensors.decoder import Driver, Transport

RESERVED = {"mqtt", "broker"}  # ports that every branch may have
HEARS_OVER_MQTT = ("machine", "source", "driver", "topic", "channel", "options")
HEARS_ON_A_LINE = ("source", "channel")


def judge(config: Config, found: Findings) -> None:
    """Add what is wrong. Empty values stand for mistakes that were found before."""
    for at, text, check in _texts(config):
        if text and (wrong := check(text)):
            found.add(at, *wrong)
    for rule in (_branch, _store, _upstream, _simulator, _serial, _machines, _sensors):
        rule(config, found)


def _texts(config: Config) -> Iterator[tuple[Place, str, values.Check]]:
    """Every text that has a form of its own, where it stands, and what judges it."""
    branch, http, notify, quiet = (
        config.branch,
        config.http,
        config.notify,
        config.alerts.quiet_hours,
    )
    yield ("branch", "timezone"), branch.timezone, values.timezone
    yield ("branch", "public_url"), branch.public_url, values.origin
    for day, span in (branch.opening_hours or {}).items():
        yield ("branch", "opening_hours", day), span, values.hours
    yield from _each(("branch", "holidays"), branch.holidays, values.day)
    yield ("http", "host"), http.host, values.host
    yield from _each(("http", "allowed_hosts"), http.allowed_hosts, values.host)
    yield from _each(("limits", "exempt"), config.limits.exempt, values.network)
    yield from _each(("http", "trusted_proxies"), http.trusted_proxies, values.network)
    yield from _each(("http", "cors_origins"), http.cors_origins, values.origin)
    yield ("mqtt", "url"), config.mqtt.url, values.broker
    yield ("mqtt", "listen"), config.mqtt.listen, values.listen
    for number, line in enumerate(config.serial):
        yield ("serial", number, "port"), line.port, values.serial
    for number, sensor in enumerate(config.sensors):
        yield ("sensors", number, "topic"), sensor.topic or "", values.topic
    if quiet:
        yield ("alerts", "quiet_hours", "start"), quiet.start, values.clock
        yield ("alerts", "quiet_hours", "end"), quiet.end, values.clock
    yield ("notify", "ntfy"), notify.ntfy or "", values.web
    yield from _each(("notify", "webhooks"), notify.webhooks, values.web)
    yield ("notify", "vapid_contact"), notify.vapid_contact or "", values.contact
    yield from _each(("notify", "push_hosts"), notify.push_hosts, values.push_host)
    if config.kiosk.screen is not None:
        yield ("kiosk", "screen"), config.kiosk.screen, values.hours
    yield ("upstream", "url"), config.upstream.url if config.upstream else "", values.upstream


def _each(
    at: Place, texts: Iterable[str], check: values.Check
) -> Iterator[tuple[Place, str, values.Check]]:
    yield from (((*at, number), text, check) for number, text in enumerate(texts))


def _branch(config: Config, found: Findings) -> None:
    at: Place = ("branch", "opening_hours")
    if config.branch.opening_hours == {} and not found.mistaken(at):
        found.add(at, "is closed on every day", "name the days, or leave it out for always open")


def _store(config: Config, found: Findings) -> None:
    if config.store.history == config.store.ledger:
        found.add(("store", "ledger"), "is the same file as `history`", "give each its own")


def _upstream(config: Config, found: Findings) -> None:
    upstream = config.upstream
    if upstream is None:
        return
    if (upstream.certificate is None) != (upstream.key is None):
        missing = "key" if upstream.key is None else "certificate"
        hint = "a certificate and its key stand together"
        found.add(("upstream", missing), "is missing", hint)
    files = ("ca", "certificate", "key")
    given = [name for name in files if getattr(upstream, name) is not None]
    if given and upstream.url.partition(":")[0] in {"mqtt", "unix"}:
        hint = "write mqtts://, or leave it out"
        found.add(("upstream", given[0]), "is of no use without TLS", hint)


def _simulator(config: Config, found: Findings) -> None:
    if config.simulator is None:
        return
    hint = "nobody shall take made-up people for real ones: remove one of the two"
    if config.serial:
        found.add(("simulator",), "stands together with [[serial]]", hint)
    if config.upstream:
        found.add(("simulator",), "stands together with [upstream]", hint)


def _serial(config: Config, found: Findings) -> None:
    _once(found, "serial", "id", [line.id for line in config.serial])
    _once(found, "serial", "port", [line.port for line in config.serial])
    for number, line in enumerate(config.serial):
        at: Place = ("serial", number)
        if line.id in RESERVED:
            found.add(
                (*at, "id"), f"cannot be `{line.id}`, which is a port of its own", "rename it"
            )
        if line.driver:
            _driver(line.driver, "serial", line.options, at, found)


def _machines(config: Config, found: Findings) -> None:
    ids = [machine.id for machine in config.machines]
    _once(found, "machines", "id", ids)
    _once(found, "machines", "replaces", [machine.replaces or "" for machine in config.machines])
    for number, machine in enumerate(config.machines):
        at: Place = ("machines", number)
        _known(found, (*at, "category"), machine.category, config.categories, "categories")
        if machine.replaces in ids:
            hint = "it carries on the history of a machine that is gone: remove that one's entry"
            found.add((*at, "replaces"), f"`{machine.replaces}` is still a machine here", hint)


def _sensors(config: Config, found: Findings) -> None:
    machines = {machine.id for machine in config.machines}
    heard = {sensor.machine for sensor in config.sensors}
    _once(found, "sensors", "id", [sensor.id for sensor in config.sensors])
    for number, sensor in enumerate(config.sensors):
        at: Place = ("sensors", number)
        _known(found, (*at, "machine"), sensor.machine, machines, "machines")
        if sensor.id in machines - heard:
            hint = "rename it, or give that machine a sensor entry"
            found.add((*at, "id"), f"is the native sensor of the machine `{sensor.id}`", hint)
        if not found.mistaken((*at, "source")) and not found.mistaken((*at, "driver")):
            _source(config, sensor, at, found)
    _each_on_its_own(config, found)


def _source(config: Config, sensor: Sensor, at: Place, found: Findings) -> None:
    """A sensor and what carries its words."""
    if sensor.source == MQTT:
        _over_mqtt(sensor, at, found)
    elif sensor.source.startswith(SERIAL):
        _on_a_line(config, sensor, at, found)
    else:
        lines = (f"{SERIAL}{line.id}" for line in config.serial)
        hint = near(sensor.source, (MQTT, *lines))
        found.add((*at, "source"), "is neither mqtt nor a line", hint)


def _over_mqtt(sensor: Sensor, at: Place, found: Findings) -> None:
    fits = _driver(sensor.driver, "mqtt", sensor.options, at, found)
    if fits and sensor.driver != NATIVE and sensor.topic is None:
        hint = "write the topic that the sensor speaks on"
        found.add((*at, "topic"), f"is missing: `{sensor.driver}` has no topic of its own", hint)
    if found.given((*at, "channel")) and sensor.driver == NATIVE and sensor.channel != 0:
        found.add((*at, "channel"), "native sensors have one channel", "leave it out")


def _on_a_line(config: Config, sensor: Sensor, at: Place, found: Findings) -> None:
    lines = {line.id: line for line in config.serial}
    name = sensor.source.removeprefix(SERIAL)
    if name not in lines:
        _known(found, (*at, "source"), name or "?", lines, "serial")
        return
    driver = lines[name].driver
    if driver and found.given((*at, "driver")) and sensor.driver != driver:
        hint = f"leave it out: `driver` stands with the line, which has `{driver}`"
        found.add((*at, "driver"), f"`{sensor.driver}` does not fit the line", hint)
    if isinstance(sensor.channel, str) and sensor.channel.isdigit():
        hint = f"write {sensor.channel} without quotes"
        found.add((*at, "channel"), "is a number in quotes, which no line speaks of", hint)
    for key in ("topic", "options"):
        if found.given((*at, key)):
            hint = "a serial line has none" if key == "topic" else f"move it to the line `{name}`"
            found.add((*at, key), "cannot stand with a serial sensor", hint)


def _each_on_its_own(config: Config, found: Findings) -> None:
    """No two sensors hear the same thing."""
    first: dict[Hashable, int] = {}
    for number, sensor in enumerate(sensors_of(config)[: len(config.sensors)]):
        at: Place = ("sensors", number)
        serial = sensor.source.startswith(SERIAL)
        decide = HEARS_ON_A_LINE if serial else HEARS_OVER_MQTT
        if any(found.mistaken((*at, key)) for key in decide):
            continue
        earlier = first.setdefault(_hears(sensor), number)
        other = config.sensors[earlier].id
        if earlier != number and serial:
            problem = f"{shown(sensor.channel)} is that of the sensor `{other}` already"
            found.add((*at, "channel"), problem, "give each sensor a channel of its own")
        elif earlier != number:
            problem = f"is the one that `{other}` hears for the same machine"
            found.add((*at, "topic"), problem, "remove one of the two")


def _hears(sensor: Sensor) -> Hashable:
    """A line's channel; over MQTT, two sensors of a machine may read one topic differently."""
    if sensor.source.startswith(SERIAL):
        return sensor.source, str(sensor.channel)
    return sensor.machine, sensor.topic, str(sensor.channel), str(sorted(sensor.options.items()))


def _driver(
    name: str, transport: Transport, options: Mapping[str, object], at: Place, found: Findings
) -> bool:
    """Whether that family exists and fits; its options are judged too."""
    try:
        family = catalog.load(name)
    except KeyError:
        hint = near(name, catalog.names())
        found.add((*at, "driver"), f"there is no driver {shown(name)}", hint)
        return False
    if family.transport != transport:
        line = 'give it to a [[serial]] line, and the sensor `source = "serial:<id>"`'
        hint = line if transport == "mqtt" else 'give it to a sensor with `source = "mqtt"`'
        found.add((*at, "driver"), f"`{name}` speaks {family.transport}, not {transport}", hint)
        return False
    _options(family, options, (*at, "options"), found)
    return True


def _options(family: Driver, options: Mapping[str, object], at: Place, found: Findings) -> None:
    check_values(family.options, options, at, found)
    if found.mistaken(at):
        return
    try:
        family.decoder(options)
    except msgspec.ValidationError as error:
        found.add(at, plain(error), f"see the options of `{family.name}`")


def _once(found: Findings, array: str, key: str, names: Iterable[str]) -> None:
    """Each name that is not empty stands once."""
    first: dict[str, int] = {}
    for number, name in enumerate(names):
        if name and first.setdefault(name, number) != number:
            problem = f"{shown(name)} is that of {array}[{first[name]}] already"
            found.add((array, number, key), problem, "give each its own")


def _known(found: Findings, at: Place, name: str, known: Collection[str], what: str) -> None:
    if name and name not in known and not found.unusable((what,)):
        hint = near(name, known) or f"there is nothing in `{what}` yet: add it there"
        found.add(at, f"there is no {shown(name)} in `{what}`", hint)
