"""The made-up branch: `[simulator] machines = 40` becomes machines, lines and sensors."""

from collections import Counter
from math import ceil, sqrt
from pathlib import PurePath
from typing import NamedTuple

import msgspec

from config.effective import SERIAL
from config.sections import Category, Config, Machine, Position, Sensor, Serial

CATEGORIES = {
    "legs": "Legs",
    "chest": "Chest",
    "back": "Back",
    "shoulders": "Shoulders",
    "arms": "Arms",
    "core": "Core",
    "cardio": "Cardio",
}
KINDS = {  # what stands in a category, in the order of purchase
    "legs": ("Leg press", "Leg curl", "Leg extension", "Calf raise", "Hack squat", "Hip abduction"),
    "chest": ("Chest press", "Pec fly", "Incline press", "Bench press"),
    "back": ("Lat pulldown", "Seated row", "Back extension"),
    "shoulders": ("Shoulder press", "Lateral raise"),
    "arms": ("Biceps curl", "Triceps press"),
    "core": ("Abdominal crunch", "Torso rotation"),
    "cardio": ("Treadmill", "Rower", "Exercise bike", "Cross trainer", "Stair climber"),
}
WHEEL = (  # of every ten machines, in this order: seven native, two on the bus, one with a radar
    ("legs", "native"),
    ("cardio", "native"),
    ("chest", "native"),
    ("legs", "lines"),
    ("back", "native"),
    ("chest", "ld2410"),
    ("shoulders", "native"),
    ("cardio", "lines"),
    ("arms", "native"),
    ("core", "native"),
)
BUS = "bus"
SPACING = Position(x=2.0, y=2.5)  # metres from one machine to the next


class Made(NamedTuple):
    """One made-up machine and how it is heard."""

    machine: Machine
    driver: str


def furnished(config: Config) -> Config:
    """The configuration with machines, where `[simulator]` asks for them and it has none."""
    if config.simulator is None or config.machines:
        return config
    made = _made(config.simulator.machines)
    radars = [machine for machine, driver in made if driver == "ld2410"]
    bus = [machine for machine, driver in made if driver == "lines"]
    folder = PurePath(config.store.history).parent / "simulator"
    used = {machine.category for machine, _ in made}
    names = {id_: Category(name=name) for id_, name in CATEGORIES.items() if id_ in used}
    return msgspec.structs.replace(
        config,
        categories={**names, **config.categories},
        machines=tuple(machine for machine, _ in made),
        serial=_lines(folder, len(radars), with_bus=bool(bus)),
        sensors=(
            *(_sensor(machine, BUS, channel) for channel, machine in enumerate(bus)),
            *(_sensor(machine, _radar(number), 0) for number, machine in enumerate(radars, 1)),
        ),
    )


def _made(count: int) -> list[Made]:
    """So many machines, each category together, on a grid."""
    order = list(CATEGORIES)
    turns = sorted((WHEEL[n % len(WHEEL)] for n in range(count)), key=lambda t: order.index(t[0]))
    width = ceil(sqrt(count))
    seen: Counter[str] = Counter()
    made = []
    for place, (category, driver) in enumerate(turns):
        machine = _machine(category, seen[category], place % width, place // width)
        seen[category] += 1
        made.append(Made(machine, driver))
    return made


def _machine(category: str, number: int, column: int, row: int) -> Machine:
    """The category's `number`th machine, from 0: each kind in turn."""
    kinds = KINDS[category]
    name, copy = kinds[number % len(kinds)], number // len(kinds) + 1
    return Machine(
        id=f"{name.lower().replace(' ', '-')}-{copy:02d}",
        name=f"{name} {copy}",
        category=category,
        position=Position(x=(column + 0.5) * SPACING.x, y=(row + 0.5) * SPACING.y),
    )


def _lines(folder: PurePath, radars: int, *, with_bus: bool) -> tuple[Serial, ...]:
    bus = [(BUS, "lines")] if with_bus else []
    lines = bus + [(_radar(number), "ld2410") for number in range(1, radars + 1)]
    return tuple(Serial(id=id_, port=str(folder / id_), driver=driver) for id_, driver in lines)


def _sensor(machine: Machine, line: str, channel: int) -> Sensor:
    return Sensor(
        id=f"{machine.id}-sensor", machine=machine.id, source=f"{SERIAL}{line}", channel=channel
    )


def _radar(number: int) -> str:
    return f"radar-{number:02d}"
