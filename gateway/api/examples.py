"""SPEC's examples and the parameters that many calls share; the documents show them."""

from typing import Annotated

from msgspec import Meta

from config.sections import Id
from gateway.api.operation import Parameter

GYM_ID = Parameter("gymId", Id, "The branch's id.", "hk-central", "path")
MACHINE_ID = Parameter("machineId", Id, "The machine's id.", "leg-press-01", "path")
CATEGORY = Parameter("category", Id, "The category's id.", "legs", "path")
EVENT_PATTERN = r"^[0-9A-Za-z]{1,32}-[0-9]{1,18}\Z"
EVENT_NAME = Annotated[str, Meta(pattern=EVENT_PATTERN)]

MACHINE: dict[str, object] = {
    "machineId": "leg-press-01",
    "gymId": "hk-central",
    "name": "Leg press 1",
    "category": "legs",
    "status": "occupied",
    "cause": "observed",
    "timestamp": 1634567850.2,
    "lastChange": 1634567850.0,
    "alertEligible": True,
    "alertIneligibleReason": None,
    "likelyFreeIn30m": 0.82,
    "expectedFreeAt": 1634568600.0,
    "position": {"x": 3.5, "y": 1.0},
    "metadata": {"maker": "Technogym"},
    "asOf": 1634567890.0,
}
BRANCH: dict[str, object] = {
    "gymId": "hk-central",
    "name": "Central",
    "latitude": 22.2819,
    "longitude": 114.1582,
    "timezone": "Asia/Hong_Kong",
    "open": True,
    "source": "local",
    "asOf": 1634567890.0,
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
BRANCHES: dict[str, object] = {"asOf": 1634567890.0, "branches": [BRANCH]}
CATEGORY_MACHINES: dict[str, object] = {
    "gymId": "hk-central",
    "category": "legs",
    "asOf": 1634567890.0,
    "machines": [{key: value for key, value in MACHINE.items() if key != "asOf"}],
}
HISTORY: dict[str, object] = {
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
    "patterns": {"weekday": [[0.1] * 96] * 7, "busiest": ["18:00"], "quietest": ["14:15"]},
    "prediction": {
        "horizonSeconds": 1800,
        "probabilityFree": 0.82,
        "likelyFree": True,
        "expectedFreeAt": 1634568600.0,
        "interval": [1634568100.0, 1634569800.0],
        "basis": "8 weeks of this machine",
    },
}
USUAL: dict[str, object] = {
    "gymId": "hk-central",
    "timezone": "Asia/Hong_Kong",
    "patterns": {"weekday": [[0.1] * 96] * 7, "busiest": ["18:00"], "quietest": ["14:15"]},
}
EVENT: dict[str, object] = {
    "id": "5e0c2f7a9b3d4e61-1047",
    "gymId": "hk-central",
    "machineId": "leg-press-01",
    "status": "free",
    "cause": "observed",
    "timestamp": 1634567890.0,
    "lastChange": 1634567850.0,
    "calibrationVersion": None,
}
