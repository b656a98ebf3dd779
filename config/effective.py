"""What holds in the end: values after all overrides, sensors after all defaults."""

import msgspec

from config.sections import Category, Config, Machine, Occupancy, OccupancyOverride, Sensor

NATIVE = "native"
MQTT = "mqtt"
SERIAL = "serial:"


def occupancy_of(config: Config, sensor: Sensor) -> Occupancy:
    """The defaults, where the category says nothing else, where the sensor says nothing else."""
    kind = next((m.category for m in config.machines if m.id == sensor.machine), "")
    category = config.categories.get(kind, Category(name=kind))
    return _over(_over(config.occupancy, category.occupancy), sensor.occupancy)


def sensors_of(config: Config) -> tuple[Sensor, ...]:
    """All sensors with driver and topic: those configured, and a native one where there is none."""
    heard = {sensor.machine for sensor in config.sensors}
    silent = (machine for machine in config.machines if machine.id not in heard)
    drivers = {f"{SERIAL}{line.id}": line.driver for line in config.serial}
    return (
        *(_complete(config, sensor, drivers.get(sensor.source)) for sensor in config.sensors),
        *(_native(config, machine) for machine in silent),
    )


def native_topic(gym: str, machine: str) -> str:
    """Where a native sensor of that machine speaks."""
    return f"gyms/{gym}/machines/{machine}/occupancy"


def _complete(config: Config, sensor: Sensor, line_driver: str | None) -> Sensor:
    if line_driver is not None:
        return msgspec.structs.replace(sensor, driver=line_driver)
    if sensor.topic is None and (sensor.source, sensor.driver) == (MQTT, NATIVE):
        topic = native_topic(config.branch.id, sensor.machine)
        return msgspec.structs.replace(sensor, topic=topic)
    return sensor


def _native(config: Config, machine: Machine) -> Sensor:
    topic = native_topic(config.branch.id, machine.id)
    return Sensor(id=machine.id, machine=machine.id, topic=topic)


def _over(below: Occupancy, override: OccupancyOverride) -> Occupancy:
    said = {k: v for k, v in msgspec.structs.asdict(override).items() if v is not None}
    return msgspec.structs.replace(below, **said)
