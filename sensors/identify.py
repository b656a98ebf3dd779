"""Which sensor answers when somebody waves at a machine: each is held against its own rest."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

Word = bool | None
"""In use or not; None: it says nothing of that."""

CLEAR = 5.0  # spreads away from its own rest: noise gets there once in a million samples
SURE = 20.0
LEAST = 0.05  # of the value: what moves less is no answer, however still it stood before


@dataclass(frozen=True, slots=True)
class Answer:
    """A sensor that changed."""

    sensor: str
    score: float
    """From 0 (noise) to 1 (sure)."""
    says: str
    """What changed, for people."""


@dataclass(slots=True)
class _Rest:
    """What a sensor said while nobody moved."""

    active: bool | None = None
    low: dict[str, float] = field(default_factory=dict)
    high: dict[str, float] = field(default_factory=dict)


class Identifying:
    """Words at rest first, then words while somebody waves."""

    def __init__(self, calibrated: Collection[str] = ()) -> None:
        """Of `calibrated` ones the levels count alone, as for the gateway: not their own word."""
        self._calibrated = frozenset(calibrated)
        self._rest: dict[str, _Rest] = {}
        self._answers: dict[str, Answer] = {}

    def rest(self, sensor: str, active: Word, levels: Mapping[str, float]) -> None:
        """It says this while nobody moves."""
        active = None if sensor in self._calibrated else active
        known = self._rest.setdefault(sensor, _Rest())
        known.active = bool(known.active) or active if active is not None else known.active
        for name, value in levels.items():
            known.low[name] = min(value, known.low.get(name, value))
            known.high[name] = max(value, known.high.get(name, value))

    def hear(self, sensor: str, active: Word, levels: Mapping[str, float]) -> None:
        """It says this while somebody waves."""
        active = None if sensor in self._calibrated else active
        known = self._rest.get(sensor, _Rest())
        found = self._answers.get(sensor)
        for answer in (_word(sensor, known, active), *_levels(sensor, known, levels)):
            if answer is not None and (found is None or answer.score > found.score):
                found = self._answers[sensor] = answer

    def answers(self) -> list[Answer]:
        """The surest first."""
        return sorted(self._answers.values(), key=lambda one: (-one.score, one.sensor))


def _word(sensor: str, rest: _Rest, active: Word) -> Answer | None:
    if active is None or active is rest.active:
        return None
    if not active:
        return Answer(sensor, 0.5, "in use no more") if rest.active else None
    return Answer(sensor, 1.0, "in use")


def _levels(sensor: str, rest: _Rest, levels: Mapping[str, float]) -> list[Answer]:
    found = []
    for name, value in levels.items():
        if name not in rest.low:
            continue
        low, high = rest.low[name], rest.high[name]
        away = max(low - value, value - high, 0.0)
        scale = max(high - low, LEAST * max(abs(low), abs(high), abs(value)), 1e-9)
        if away / scale >= CLEAR:
            middle = (low + high) / 2
            score = min(away / scale / SURE, 0.9)
            found.append(Answer(sensor, round(score, 2), f"{name} {middle:g} → {value:g}"))
    return found
