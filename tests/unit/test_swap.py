"""Any configuration may follow any other while sensors speak: what must hold all the time."""

import random

import pytest

from config.sections import Branch, Category, Config, Machine, Occupancy, Sensor
from gateway.app import branch_sensors
from gateway.core.bins import Bins
from gateway.core.events import Change, Status
from gateway.inbox import Delivery, Item, PortBack, PortLost, Swap
from gateway.pipeline.judge import Judge
from sensors.sample import Availability, Sample

SENSORS = [f"s{number}" for number in range(6)]
STEPS, PATIENT = 50, 60.0


class Clock:
    now, offset = 1000.0, 1_700_000_000.0
    synchronised, assumed = True, False

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now + self.offset


def hold(at: float) -> float:
    return at + 86_400


def some(chance: random.Random) -> Config:
    """Any machines with any sensors."""
    names = chance.sample([f"m{number}" for number in range(5)], chance.randint(1, 5))
    machines = [
        Machine(id=name, name=name, category="c", combine=chance.choice(["any", "all"]))
        for name in names
    ]
    sensors = [
        Sensor(id=one, machine=chance.choice(names), topic=f"t/{chance.choice([one, 'x' + one])}")
        for one in chance.sample(SENSORS, chance.randint(0, 6))
    ]
    return Config(
        branch=Branch(id="b", name="B"),
        categories={"c": Category(name="C")},
        machines=tuple(machines),
        sensors=tuple(sensors),
        occupancy=Occupancy(busy_after=0.0, free_after=0.0),
    )


class House:
    """Judge, bins and sensors, as the gateway has them."""

    def __init__(self, chance: random.Random) -> None:
        self.chance, self.clock, self.config = chance, Clock(), some(chance)
        self.sensors = branch_sensors.build(self.config, hold)
        now = self.clock.now
        self.bins = Bins(self.sensors.stale_after, PATIENT, now, None)
        self.judge = Judge(
            self.sensors.machines, self.sensors.hearings, self.clock, lambda *_: None
        )
        self.told: dict[str, Status] = {}
        for machine in self.sensors.machines.values():
            self.hear(machine.start(now))

    def hear(self, changes: list[Change]) -> None:
        for change in changes:
            self.bins.take(change)
            self.told[change.machine] = change.status

    def step(self) -> None:
        self.clock.now += self.chance.choice([0.1, 1, 20, 100, 500])
        self.hear(self.judge.take([self.item()]).changes)
        self.bins.close(self.clock.now, self.clock.offset)

    def item(self) -> Item:
        now, everyone = self.clock.now, frozenset(SENSORS)
        match self.chance.choice("wwwwwaplbss"):
            case "p" | "l":
                return PortLost("mqtt", everyone, now)
            case "b":
                return PortBack("mqtt", everyone, now)
            case "s":
                return Swap(self.swap, lambda: None)
            case kind:
                on = self.chance.random() < 0.5
                saying = Availability(online=on) if kind == "a" else Sample(active=on)
                return Delivery(((self.chance.choice(SENSORS), saying),), now)

    def swap(self) -> list[Change]:
        was, self.config = self.config, some(self.chance)
        changes = branch_sensors.swap(self.sensors, was, self.config, hold, self.clock.now)
        self.bins.follow(self.sensors.stale_after, PATIENT)
        assert not any(change.live for change in changes)  # nobody's phone rings for a file
        return changes


@pytest.mark.parametrize("seed", range(60))
def test_what_is_told_is_what_is_judged_and_every_sensor_is_where_it_belongs(seed: int) -> None:
    house = House(random.Random(seed))
    for _ in range(STEPS):
        house.step()
        machines = house.sensors.machines
        assert machines.keys() == {machine.id for machine in house.config.machines}
        for name, machine in machines.items():
            assert house.told[name] is machine.verdict.status
            assert house.bins.open(name, house.clock.now, house.clock.offset)
        for name, hearing in house.sensors.hearings.items():
            assert machines[hearing.machine.machine].detectors[name] is hearing.detector
