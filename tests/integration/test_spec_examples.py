"""The examples that others rely on hold: every key of them is there, with its kind of value."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.served import Served, serving

BRANCH = {
    "gymId": "hk-central",
    "name": "Central",
    "latitude": 22.2819,
    "longitude": 114.1582,
    "timezone": "Asia/Hong_Kong",
    "open": True,
    "source": "local",
    "asOf": 1634567890,
    "categories": [
        {
            "category": "legs",
            "name": "Legs",
            "total": 8,
            "free": 3,
            "occupied": 4,
            "unknown": 1,
            "outOfService": 0,
        }
    ],
}
MACHINE = {
    "machineId": "leg-press-01",
    "gymId": "hk-central",
    "name": "Leg press 1",
    "category": "legs",
    "status": "occupied",
    "cause": "observed",
    "lastChange": 1634567850,
    "metadata": {"maker": "Technogym"},
}
LISTED = {"gymId": "hk-central", "category": "legs", "asOf": 1634567890, "machines": [MACHINE]}
HISTORY = {
    "machineId": "leg-press-01",
    "gymId": "hk-central",
    "from": 1634482800,
    "to": 1634569200,
    "binSeconds": 900,
    "timezone": "Asia/Hong_Kong",
    "bins": [
        {
            "start": 1634482800,
            "occupancyRatio": 0.53,
            "occupiedSeconds": 477,
            "observedSeconds": 900,
            "sessions": 2,
        }
    ],
    "patterns": {"weekday": [[0.1]], "busiest": ["18:00"], "quietest": ["14:15"]},
}
UPDATE = {
    "type": "machine_update",
    "machineId": "leg-press-01",
    "gymId": "hk-central",
    "category": "legs",
    "status": "free",
    "timestamp": 1634567890,
    "lastChange": 1634567850,
}


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


def holds(example: Any, said: Any) -> bool:
    """Whether `said` has every key of the example, with values of its kinds."""
    if isinstance(example, dict):
        return all(key in said and holds(example[key], said[key]) for key in example)
    if isinstance(example, list):
        return isinstance(said, list) and bool(said) and holds(example[0], said[0])
    if isinstance(example, bool) or not isinstance(example, int | float):
        return isinstance(said, type(example))
    return isinstance(said, int | float)


@pytest.mark.parametrize(
    ("path", "example"),
    [
        ("/branches", {"asOf": 1634567890, "branches": [BRANCH]}),
        ("/branches/hk-central", BRANCH),
        ("/branches/hk-central/categories/legs/machines", LISTED),
        ("/machines/leg-press-01", MACHINE),
        ("/branches/hk-central/machines/leg-press-01", MACHINE),
        ("/machines/leg-press-01/history?hours=24", HISTORY),
    ],
)
async def test_the_reply_has_every_key_of_the_example(
    api: Served, path: str, example: object
) -> None:
    assert holds(example, await api.json(path))


async def test_the_one_message_has_every_key_of_the_example(api: Served) -> None:
    async with api.stream() as stream:
        assert (await stream.next()).event == "snapshot"
        api.publish("leg-press-01")
        assert holds(UPDATE, (await stream.next()).data)


async def test_a_problem_has_every_key_of_rfc_9457_and_ours(api: Served) -> None:
    problem = await api.json("/machines/nothing", 404)
    words = ("type", "title", "status", "detail", "code", "category", "requestId", "errors")
    assert all(word in problem for word in words)
