"""Rests between sets: a machine becomes free when its user has gone, and not before."""

import random

import pytest

from gateway.core.events import Status
from gateway.core.occupancy import Rule
from tests.unit.knowing import Story

SEEDS = range(40)
FREE_AFTER = 90.0  # seconds


def session(chance: random.Random, radar: bool, sets: int) -> tuple[Story, float]:
    """Sets with rests of up to `free_after`; returns the story and when the last set ended."""
    rule = Rule(5.0, FREE_AFTER, 300.0, 0.5 if radar else None)
    story, now = Story(rule), 0.0
    for _ in range(sets):
        length, rest = chance.uniform(6, 120), chance.uniform(0, FREE_AFTER - 1)
        now = say(story, radar, now, length, active=True)
        now = say(story, radar, now, rest, active=False)
    return story, now - rest


def say(story: Story, radar: bool, now: float, seconds: float, *, active: bool) -> float:
    """A contact once, a radar twice a second."""
    steps = int(seconds / 0.5) if radar else 1
    for step in range(steps):
        at = now + step * 0.5
        (story.on if active else story.off)(at)
    return now + (steps * 0.5 if radar else seconds)


@pytest.mark.parametrize("radar", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_no_rest_up_to_free_after_frees_a_machine(seed: int, radar: bool) -> None:
    story, _ = session(random.Random(seed), radar, sets=12)
    assert [status for status, *_ in story.told] == [Status.OCCUPIED]


@pytest.mark.parametrize("seed", SEEDS)
def test_and_it_is_free_since_the_last_set_once_free_after_is_over(seed: int) -> None:
    story, ended = session(random.Random(seed), radar=False, sets=3)
    story.tick(ended + FREE_AFTER + 1)
    assert story.status is Status.FREE
    assert story.last[2] == pytest.approx(ended)
