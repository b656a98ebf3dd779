"""Thresholds tell an empty machine from a used one, or it is said that none can."""

import random
from collections.abc import Sequence

import pytest

from sensors.calibration import Calibration, CannotTellError, Limit, Timed, Verdicts, fit

CHANCE = random.Random(4)
GATES = [f"{kind}_g{gate}" for kind in ("move", "still") for gate in range(4)]


def noise(count: int, mean: float, spread: float, name: str = "power_w") -> list[Timed]:
    return [(float(at), {name: CHANCE.gauss(mean, spread)}) for at in range(count)]


def radar(count: int, energy: float) -> list[Timed]:
    """Somebody at the second and third gate of a radar that also tells its light."""
    return [
        (
            float(at),
            {name: CHANCE.gauss(energy if name[-1] in "12" else 10, 3) for name in GATES}
            | {"light": CHANCE.uniform(0, 255)},
        )
        for at in range(count)
    ]


def share(calibration: Calibration, samples: Sequence[Timed]) -> float:
    verdicts = Verdicts(calibration)
    said = [verdicts.judge(at, levels)[0] for at, levels in samples]
    return sum(word is True for word in said) / len(said)


def test_a_plugs_threshold_lies_between_idle_and_running() -> None:
    found = fit(noise(60, 3, 0.5), noise(60, 180, 30))
    limit = found.calibration.limits["power_w"]
    assert 5 < limit.limit < 130
    assert (found.statistics.overlap, found.statistics.confidence) == (0.0, "good")


def test_an_empty_radar_alone_is_enough_for_its_gates() -> None:
    found = fit(radar(60, 10)).calibration
    assert "light" not in found.limits
    assert share(found, radar(500, 10)) < 0.01
    assert share(found, radar(500, 60)) > 0.99


def test_what_comes_closer_is_below_its_limit() -> None:
    found = fit(noise(60, 2.5, 0.02, "distance_m"), noise(60, 0.8, 0.1, "distance_m"))
    limit = found.calibration.limits["distance_m"]
    assert 0.9 < limit.limit < 2.45
    assert share(found.calibration, [(0.0, {"distance_m": 0.7})]) == 1.0


def test_a_hold_bridges_the_pauses_of_use() -> None:
    busy = [(float(at), {"vibration": float(at % 60 < 20)}) for at in range(1200)]
    empty = [(float(at), {"vibration": 0.0}) for at in range(600)]
    found = fit(empty, busy).calibration
    assert 35 <= found.hold <= 42
    assert share(found, busy) > 0.97
    assert share(found, empty) == 0.0


def test_what_looks_alike_is_refused_in_plain_words() -> None:
    with pytest.raises(CannotTellError, match="look alike"):
        fit(noise(100, 3, 1), noise(100, 3.3, 1))


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ([], "does the sensor speak"),
        ([(0.0, {})] * 50, "no levels"),
        ([(0.0, {"rssi": 1.0})] * 50, "no levels"),
        ([(0.0, {"power_w": 1.0})] * 5, "only 5 samples of the empty machine"),
    ],
)
def test_too_little_is_refused(samples: list[Timed], words: str) -> None:
    with pytest.raises(CannotTellError, match=words):
        fit(samples)


def test_a_used_machine_that_says_nothing_is_refused() -> None:
    with pytest.raises(CannotTellError, match="busy machine"):
        fit(noise(60, 3, 1), noise(3, 100, 1))


def test_between_release_and_limit_it_stays_as_it_is() -> None:
    verdicts = Verdicts(Calibration({"power_w": Limit(0.0, 10.0)}, release=0.7))
    said = [verdicts.judge(float(at), {"power_w": w})[0] for at, w in enumerate([8, 11, 8, 6, 8])]
    assert said == [False, True, True, False, False]


def test_levels_that_are_not_calibrated_say_nothing() -> None:
    verdicts = Verdicts(Calibration({"power_w": Limit(0.0, 10.0)}))
    assert verdicts.judge(0.0, {"voltage_v": 230.0}) == (None, None)


def test_the_score_is_one_at_the_limit() -> None:
    calibration = Calibration({"a": Limit(10, 20), "b": Limit(0, 5)}, votes=2)
    assert calibration.score({"a": 20.0, "b": 50.0}) == 1.0
