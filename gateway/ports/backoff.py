"""Pauses between two attempts."""

import random

FIRST = 0.2  # seconds: a plug that only wobbled is back at once
LONGEST = 5.0  # seconds: with the time to open, a return is heard within 6 s
STEADY = 5.0  # seconds up that count as success; less would let a flapping line retry at full speed


class Backoff:
    """0.2 s doubling to 5 s, shortened at random by up to a half: lines do not retry in step."""

    def __init__(self) -> None:
        self._pause = FIRST

    def next(self) -> float:
        """Seconds to wait before the next attempt."""
        pause, self._pause = self._pause, min(self._pause * 2, LONGEST)
        return pause * random.uniform(0.5, 1)  # noqa: S311  spreads attempts, keeps no secret

    def succeeded(self, lasted: float) -> None:
        """The last attempt worked for so many seconds; a lasting one starts us afresh."""
        if lasted >= STEADY:
            self._pause = FIRST


class FullJitter:
    """Any pause up to a bound that doubles with each failure: many who fail together spread."""

    def __init__(self, first: float, longest: float) -> None:
        """In seconds."""
        self._first = self._bound = first
        self._longest = longest

    def next(self) -> float:
        """Seconds to wait before the next attempt."""
        bound, self._bound = self._bound, min(self._bound * 2, self._longest)
        return random.uniform(0, bound)  # noqa: S311  as above

    def reset(self) -> None:
        """It worked, and lastingly."""
        self._bound = self._first
