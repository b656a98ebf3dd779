"""Which sensor answers when somebody waves."""

import random

from sensors.identify import Identifying


def resting(**noise: float) -> Identifying:
    """Every sensor's level `power` around its value, for a while."""
    heard, chance = Identifying(), random.Random(3)
    for _ in range(20):
        for name, value in noise.items():
            heard.rest(name, None, {"power": value + chance.gauss(0, value / 100)})
    return heard


def test_who_says_that_it_is_in_use_is_sure() -> None:
    heard = resting(other=5.0)
    heard.rest("press", False, {})
    heard.hear("press", True, {})
    heard.hear("other", None, {"power": 5.01})
    assert [(one.sensor, one.score) for one in heard.answers()] == [("press", 1.0)]


def test_who_was_in_use_before_is_no_answer() -> None:
    heard = Identifying()
    heard.rest("press", True, {})
    heard.hear("press", True, {})
    assert heard.answers() == []


def test_who_never_spoke_before_answers_by_its_first_word() -> None:
    heard = Identifying()
    heard.hear("press", True, {})
    assert heard.answers()[0].says == "in use"


def test_a_level_far_beyond_its_own_rest_answers_and_noise_does_not() -> None:
    heard, chance = resting(plug=5.0, quiet=5.0), random.Random(4)
    heard.hear("plug", None, {"power": 180.0})
    for _ in range(1000):
        heard.hear("quiet", None, {"power": 5.0 + chance.gauss(0, 0.05)})
    assert [one.sensor for one in heard.answers()] == ["plug"]
    assert heard.answers()[0].says.endswith("→ 180")


def test_the_surest_comes_first() -> None:
    heard = resting(a=5.0, b=5.0)
    heard.hear("a", None, {"power": 8.0})
    heard.hear("b", None, {"power": 100.0})
    assert [one.sensor for one in heard.answers()] == ["b", "a"]


def test_a_level_that_was_zero_and_constant_is_no_division_by_zero() -> None:
    heard = Identifying()
    heard.rest("plug", None, {"power": 0.0})
    heard.hear("plug", None, {"power": 0.0})
    assert heard.answers() == []
    heard.hear("plug", None, {"power": 0.4})
    assert heard.answers()[0].sensor == "plug"


def test_of_a_calibrated_sensor_the_levels_count_and_not_its_own_word() -> None:
    heard = Identifying(["radar"])
    heard.rest("radar", False, {"move_g0": 5.0})
    heard.hear("radar", True, {"move_g0": 5.0})  # its factory thresholds alarm by themselves
    assert heard.answers() == []
    heard.hear("radar", True, {"move_g0": 60.0})
    assert [one.says for one in heard.answers()] == ["move_g0 5 → 60"]
