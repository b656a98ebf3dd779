"""From the configuration to machines, their sensors, and who listens to what."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from config.changes import same_sensors
from config.effective import occupancy_of, sensors_of
from config.sections import Config, Sensor
from gateway.core.events import Cause, Change, Status
from gateway.core.findings import Past
from gateway.core.machine import Machine
from gateway.core.occupancy import Rule
from gateway.pipeline.judge import Hearing
from gateway.ports.mqtt_port import Feed
from sensors import catalog
from sensors.decoder import Decoder
from sensors.sample import Channel

SERIAL = "serial:"


@dataclass(slots=True)
class BranchSensors:
    """What stands between the ports and the pipeline; everybody looks into the same maps."""

    machines: dict[str, Machine]
    hearings: dict[str, Hearing]
    """By sensor id."""
    stale_after: dict[str, float]
    """By machine id, the longest of its sensors; seconds."""
    patience: float
    """The longest `free_after` of all; seconds."""
    feeds: dict[str, list[Feed]]
    """By MQTT topic."""
    lines: dict[str, dict[Channel, str]]
    """By serial line: channel → sensor id."""
    decoders: dict[str, Decoder]
    """By sensor id, those behind MQTT."""

    def become(self, other: "BranchSensors") -> None:
        """Hold what `other` holds, in our own maps."""
        self.patience = other.patience
        for field in fields(self):
            ours, theirs = getattr(self, field.name), getattr(other, field.name)
            if isinstance(ours, dict):
                ours.clear()
                ours.update(theirs)


def build(config: Config, hold_until: Callable[[float], float]) -> BranchSensors:
    """Make every machine and its sensors; `hold_until` as the detector wants it."""
    sensors = sensors_of(config)
    decoders = {s.id: _decoder(config, s) for s in sensors}
    rules = {s.id: _rule(config, s, decoders[s.id]) for s in sensors}
    machines = {
        m.id: Machine(
            m.id, {s.id: rules[s.id] for s in sensors if s.machine == m.id}, m.combine, hold_until
        )
        for m in config.machines
    }
    hearings = {s.id: _hearing(s, machines[s.machine], rules[s.id]) for s in sensors}
    stale_after = {
        m.id: max(rules[s.id].stale_after for s in sensors if s.machine == m.id)
        for m in config.machines
    }
    lines: dict[str, dict[Channel, str]] = {line.id: {} for line in config.serial}
    for sensor in sensors:
        if sensor.source.startswith(SERIAL):
            lines[sensor.source.removeprefix(SERIAL)][sensor.channel] = sensor.id
    return BranchSensors(
        machines,
        hearings,
        stale_after,
        max((rule.free_after for rule in rules.values()), default=0.0),
        _feeds(sensors, decoders),
        lines,
        {s.id: decoders[s.id] for s in sensors if s.source == "mqtt"},
    )


def _decoder(config: Config, sensor: Sensor) -> Decoder:
    """Its own over MQTT; a line's decoder speaks for every channel, this one tells its period."""
    if sensor.source == "mqtt":
        return catalog.load(sensor.driver).decoder(sensor.options)
    line = next(s for s in config.serial if s.id == sensor.source.removeprefix(SERIAL))
    return catalog.load(line.driver).decoder(line.options)


def _rule(config: Config, sensor: Sensor, decoder: Decoder) -> Rule:
    asked = occupancy_of(config, sensor)
    return Rule(asked.busy_after, asked.free_after, asked.stale_after, decoder.repeats_every)


def _hearing(sensor: Sensor, machine: Machine, rule: Rule) -> Hearing:
    repeats = rule.repeats_every is not None
    return Hearing(sensor.id, machine, machine.detectors[sensor.id], repeats)


def _feeds(sensors: tuple[Sensor, ...], decoders: Mapping[str, Decoder]) -> dict[str, list[Feed]]:
    feeds: dict[str, list[Feed]] = {}
    for sensor in sensors:
        if sensor.source != "mqtt" or sensor.topic is None:
            continue
        for topic in catalog.load(sensor.driver).topics(sensor.topic, sensor.options):
            feed = Feed(sensor.id, decoders[sensor.id], sensor.channel)
            feeds.setdefault(topic, []).append(feed)
    return feeds


# --- another configuration ----------------------------------------------------------------------


def swap(
    sensors: BranchSensors,
    was: Config,
    config: Config,
    hold_until: Callable[[float], float],
    now: float,
) -> list[Change]:
    """Go over from one configuration to another; what is the same in both does not notice.

    Returns what became of machines by that: who loses a sensor, is added or removed.
    """
    new, same = build(config, hold_until), same_sensors(was, config)
    combined = {machine.id: machine.combine for machine in was.machines}
    changes: list[Change] = []
    for entry in config.machines:
        older, machine = sensors.machines.get(entry.id), new.machines[entry.id]
        if older is None:
            changes += machine.start(now)
        elif entry.combine == combined[entry.id] and _kept_as_it_is(older, machine, same):
            new.machines[entry.id] = older
        else:
            changes += machine.adopt(older, same & machine.detectors.keys(), now)
    _keep_hearings(sensors, new, same, now)
    new.feeds = _feeds(sensors_of(config), new.decoders)
    changes += [
        Change(name, Status.UNKNOWN, Cause.START, now, now)
        for name, machine in sensors.machines.items()
        if name not in new.machines and machine.verdict.status.observed
    ]
    sensors.become(new)
    return changes


def _kept_as_it_is(older: Machine, machine: Machine, same: set[str]) -> bool:
    """Whether all its sensors are the same; it gets their new patience then."""
    if not same >= machine.detectors.keys() == older.detectors.keys():
        return False
    for name, detector in older.detectors.items():
        detector.rule = machine.detectors[name].rule
    return True


def _keep_hearings(old: BranchSensors, new: BranchSensors, same: set[str], now: float) -> None:
    """Half-heard words, counters and calibrations of those that are the same go on."""
    for name, hearing in new.hearings.items():
        if name not in same:
            hearing.past = Past(now)
            continue
        kept = old.hearings[name]
        kept.machine = new.machines[hearing.machine.machine]
        new.hearings[name] = kept
        if name in old.decoders:
            new.decoders[name] = old.decoders[name]
