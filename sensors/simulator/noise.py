"""What real sensors and lines do wrong, by chance and by seed."""

from random import Random

DAMAGED = 1 / 2000  # of the frames of a line: a byte is wrong; and as many are cut


def chance(seed: int, *who: object) -> Random:
    """A generator of its own for each part, so that one part's draws move no other's."""
    return Random("/".join(map(str, (seed, *who))))  # noqa: S311  a seed must give the same again


class Spells:
    """Something that comes by chance, `every` so many seconds on average, and lasts a while."""

    def __init__(self, random: Random, every: float, lasting: tuple[float, float]) -> None:
        self._random = random
        self._every = every
        self._lasting = lasting
        self._begin = self._end = 0.0
        self._draw()

    def holds(self, now: float) -> bool:
        """Whether it is so at `now`: seconds since the start, never running back."""
        while now >= self._end:
            self._draw()
        return now >= self._begin

    def _draw(self) -> None:
        self._begin = self._end + self._random.expovariate(1 / self._every)
        self._end = self._begin + self._random.uniform(*self._lasting)


def blips(random: Random) -> Spells:
    """The opposite of what is so: someone passes by, or sits still for a moment."""
    return Spells(random, every=1800, lasting=(0.3, 1.5))  # shorter than any sensible `busy_after`


def outages(random: Random) -> Spells:
    """A sensor loses its power or its radio."""
    return Spells(random, every=6 * 3600, lasting=(20, 120))


def damaged(random: Random, frame: bytes) -> bytes:
    """Nearly always `frame`; now and then with one wrong byte, or cut short."""
    fate = random.random()
    if fate >= 2 * DAMAGED:
        return frame
    at = random.randrange(len(frame))
    return frame[:at] + random.randbytes(1) + frame[at + 1 :] if fate < DAMAGED else frame[:at]
