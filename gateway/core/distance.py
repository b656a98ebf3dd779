"""How far two places on Earth are apart."""

from math import asin, cos, radians, sin, sqrt

RADIUS = 6371.0  # kilometres, of a sphere: good to half a percent

Place = tuple[float, float]
"""(latitude, longitude) in degrees."""


def kilometres(a: Place, b: Place) -> float:
    """Along the great circle."""
    (north, east), (there_north, there_east) = (tuple(map(radians, place)) for place in (a, b))
    up = sin((there_north - north) / 2) ** 2
    along = cos(north) * cos(there_north) * sin((there_east - east) / 2) ** 2
    return 2 * RADIUS * asin(sqrt(min(1.0, up + along)))
