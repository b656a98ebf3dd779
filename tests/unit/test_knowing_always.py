"""Whatever happens, in whatever order, however often time is looked at."""

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.events import Status
from gateway.core.occupancy import Rule
from tests.unit.knowing import FREE, START, UNKNOWN, Story, Told

PAUSES = st.sampled_from([0, 0.5, 1, 2, 3, 4, 5, 10, 11, 20, 60, 90, 100, 299, 300, 301, 900])
DEEDS = ("on", "off", "late on", "late off", "lost", "back", "online", "offline")
RULES = st.builds(
    Rule,
    busy_after=st.sampled_from([0, 5, 400]),
    free_after=st.sampled_from([0, 5, 90, 400]),
    stale_after=st.sampled_from([30, 300]),
    repeats_every=st.sampled_from([None, 1, 20, 150]),
)


@dataclass(frozen=True)
class Step:
    """After `pause` seconds something happens to a sensor; a word was said `ago` seconds before."""

    pause: float
    deed: str
    sensor: int
    ago: float

    def happen(self, story: Story, now: float) -> None:
        if self.deed == "nothing":
            story.tick(now)
        elif self.deed in {"lost", "back", "online", "offline"}:
            getattr(story, self.deed)(now, self.sensor)
        else:
            self._say(story, now)

    def _say(self, story: Story, now: float) -> None:
        late, word = "late" in self.deed, self.deed.removeprefix("late ")
        rule = story.machine.detectors[f"s{self.sensor}"].rule
        if not late or rule.repeats_every is None:  # the judge drops what is late of the others
            getattr(story, word)(now, self.sensor, at=now - self.ago, live=not late)


STEPS = st.lists(
    st.builds(
        Step,
        PAUSES,
        st.sampled_from(DEEDS),
        st.integers(0, 1),
        st.sampled_from([0, 0, 0, 1, 30, 500]),
    ),
    max_size=14,
)
ONE_SENSOR = STEPS.map(lambda steps: [Step(s.pause, s.deed, 0, s.ago) for s in steps])


def played(story: Story, steps: list[Step], ticks: float | None) -> list[Told]:
    """What the machine said while `steps` happened, looked at every `ticks` seconds or never."""
    now = 0.0
    for step in steps:
        end = now + step.pause
        while ticks is not None and now + ticks < end:
            now += ticks
            story.tick(now)
        now = end
        step.happen(story, now)
    story.tick(now + 1000)
    return story.told


@given(st.lists(RULES, min_size=2, max_size=2), st.sampled_from(["any", "all"]), STEPS)
def test_looking_more_often_alters_no_change(
    rules: list[Rule], combine: str, steps: list[Step]
) -> None:
    seldom = played(Story(*rules, combine=combine), steps, None)
    assert played(Story(*rules, combine=combine), steps, 7.5) == seldom
    assert played(Story(*rules, combine=combine), steps, 1.0) == seldom


@given(RULES.filter(lambda rule: rule.repeats_every is not None), ONE_SENSOR)
def test_no_machine_is_free_while_a_repeating_sensor_that_was_last_active_is_silent(
    rule: Rule, steps: list[Step]
) -> None:
    story, now, active, heard = Story(rule), 0.0, False, 0.0
    for step in [*steps, Step(1000, "nothing", 0, 0)]:
        now += step.pause
        before = len(story.changes)
        story.tick(now)
        frees = [change for change in story.changes[before:] if change.status is FREE]
        assert not (frees and active)
        assert all(change.decided <= heard + rule.silent_after for change in frees)
        if step.deed in {"on", "off"}:
            active, heard = step.deed == "on", now
        step.happen(story, now)


@given(RULES.filter(lambda rule: rule.repeats_every is not None), ONE_SENSOR)
def test_of_a_repeating_sensor_only_what_it_said_since_leads_out_of_unknown(
    rule: Rule, steps: list[Step]
) -> None:
    in_order = [Step(s.pause, s.deed, 0, 0) for s in steps]
    told = [(UNKNOWN, START, 0.0), *played(Story(rule), in_order, None)]
    for (before, _, since), (status, _, at) in pairwise(told):
        assert before is not UNKNOWN or status is UNKNOWN or at >= since


@given(RULES, ONE_SENSOR)
def test_the_status_is_unknown_while_the_sensor_is_offline(rule: Rule, steps: list[Step]) -> None:
    story, now, offline = Story(rule), 0.0, False
    for step in steps:
        now += step.pause
        assert not offline or story.tick(now).status is UNKNOWN
        step.happen(story, now)
        ended = step.deed in {"on", "off", "online"}
        offline = step.deed == "offline" or (offline and not ended)
        assert not offline or story.status is UNKNOWN


@given(RULES, ONE_SENSOR)
def test_every_change_says_something_new(rule: Rule, steps: list[Step]) -> None:
    told = [(status, cause) for status, cause, _ in played(Story(rule), steps, None)]
    assert all(one != other for one, other in pairwise(told))


@given(RULES, ONE_SENSOR)
def test_only_a_live_word_makes_an_edge_that_may_ring(rule: Rule, steps: list[Step]) -> None:
    late_only = [step for step in steps if step.deed not in {"on", "off"}]
    story = Story(rule)
    played(story, late_only, 5.0)
    assert not any(change.live for change in story.changes)
    assert all(isinstance(change.status, Status) for change in story.changes)
