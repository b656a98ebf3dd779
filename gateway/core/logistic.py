"""Logistic regression: a probability from a few numbers, and how its coefficients are found."""

from collections.abc import Sequence
from math import exp, log

STEPS = 12  # Newton's method doubles the right digits with each
RIDGE = 1.0  # keeps a coefficient that nothing speaks for small
SURE = 0.005  # no probability that is put in is closer to 0 or 1

Row = Sequence[float]


def logit(probability: float) -> float:
    """Log of the odds."""
    inside = min(max(probability, SURE), 1 - SURE)
    return log(inside / (1 - inside))


def probability(coefficients: Row, row: Row) -> float:
    """What the model says."""
    score = sum(c * x for c, x in zip(coefficients, row, strict=True))
    return 1 / (1 + exp(-min(max(score, -30.0), 30.0)))


def fit(rows: Sequence[Row], targets: Row) -> list[float]:
    """Coefficients by Newton's method; the first column of `rows` should be 1."""
    size = len(rows[0])
    found = [0.0] * size
    for _ in range(STEPS):
        slope = [-RIDGE * c for c in found]
        curve = [[RIDGE if i == j else 0.0 for j in range(size)] for i in range(size)]
        for row, target in zip(rows, targets, strict=True):
            guess = probability(found, row)
            weight = guess * (1 - guess)
            for i, x in enumerate(row):
                slope[i] += x * (target - guess)
                line, heavy = curve[i], x * weight
                for j in range(i + 1):
                    line[j] += heavy * row[j]
        step = _solved(curve, slope)
        found = [c + s for c, s in zip(found, step, strict=True)]
    return found


def _solved(lower: list[list[float]], right: Sequence[float]) -> list[float]:
    """Solve a symmetric system of which the lower half is given (Gauss)."""
    size = len(right)
    system = [[lower[max(i, j)][min(i, j)] for j in range(size)] + [right[i]] for i in range(size)]
    for i in range(size):
        for k in range(i + 1, size):
            factor = system[k][i] / system[i][i]
            system[k] = [a - factor * b for a, b in zip(system[k], system[i], strict=True)]
    found = [0.0] * size
    for i in reversed(range(size)):
        known = sum(system[i][j] * found[j] for j in range(i + 1, size))
        found[i] = (system[i][size] - known) / system[i][i]
    return found
